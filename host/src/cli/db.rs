//! `db`: whether the store is sound, copies of it, and the way back from one.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::absence;
use super::confirm::{self, Confirmation};
use super::exit::ExitStatus;
use super::render::escape;
use super::session::Session;
use crate::boot::backup::{self, Restored, Verified};
use crate::daemon::Home;
use crate::daemon::requests::{BackedUp, Backup, BackupBody, Components, DbChecked};
use crate::problem::Problem;

/// Check, back up and restore everything that the vats keep
#[derive(Debug, clap::Subcommand)]
#[command(after_help = super::exit::with_examples(&["ocap-host db backup /mnt/backups/monday", "ocap-host db verify /mnt/backups/monday", "ocap-host db restore /mnt/backups/monday --yes"]))]
pub(super) enum DbCommand {
    /// Look at every page and row of the store, and count everything again; a host that runs goes on meanwhile
    Check,
    /// Make a backup, running or stopped: one directory with the store and what it needs
    Backup {
        /// A directory that is not there yet
        directory: PathBuf,
        /// Only list the components that the vats need, instead of copying them
        #[arg(long)]
        without_components: bool,
    },
    /// Look at all of a backup; needs no host and no home
    Verify {
        /// The backup's directory
        backup: PathBuf,
    },
    /// Make a stopped home what it was when a backup was made; what it has now is kept in the home, under `replaced-N`
    Restore {
        /// The backup's directory
        backup: PathBuf,
        #[command(flatten)]
        confirmation: Confirmation,
    },
    /// Go on with the store of a stopped home though it has lost something: the start that refused it says what
    ///
    /// What is lost stays lost. No number that was given before is given again.
    Accept {
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

/// What was looked at: the answer of `db verify`.
#[derive(Debug, Serialize)]
#[serde(tag = "$type", rename = "verified")]
struct VerifiedBackup<'v> {
    /// What it holds.
    backup: &'v Backup,
    /// What is wrong with it; empty if it is whole.
    findings: &'v [Problem],
}

/// What was restored, or would be: the answer of `db restore`.
#[derive(Debug, Serialize)]
#[serde(tag = "$type", rename = "restored")]
struct RestoredHome<'r> {
    /// From what.
    backup: &'r Backup,
    /// Where in the home what was there before is kept; nothing was there where null.
    kept: &'r Option<String>,
}

/// What the store had lost, and that the next start goes on without it: the answer of `db accept`.
#[derive(Debug, Serialize)]
#[serde(tag = "$type", rename = "accepted")]
struct Accepted<'a> {
    /// What was lost; null if nothing was.
    lost: &'a Option<Problem>,
}

pub(super) fn run(command: &DbCommand, session: &Session) -> Result<ExitStatus, Problem> {
    match command {
        DbCommand::Check => check(session),
        DbCommand::Backup { directory, without_components } => {
            let components = if *without_components { Components::Listed } else { Components::Included };
            back_up(&BackupBody { path: session.absolute(directory)?, components }, session)
        }
        DbCommand::Verify { backup } => verify(&session.absolute(backup)?, session),
        DbCommand::Restore { backup, confirmation } => restore(&session.absolute(backup)?, confirmation, session),
        DbCommand::Accept { confirmation } => accept(confirmation, session),
    }
}

fn home(session: &Session) -> Result<Home, Problem> {
    session.home()?.ok_or_else(|| absence::no_home(session.home_path()))
}

fn check(session: &Session) -> Result<ExitStatus, Problem> {
    let checked = match backup::check_stopped(&home(session)?, session.powers())? {
        Some(checked) => checked,
        None => session.client()?.get("/v1/db/check")?,
    };
    session.answer(&checked, |checked| {
        let DbChecked { store_version, findings, .. } = checked;
        match findings.as_slice() {
            [] => format!("the store is sound (version {store_version})"),
            findings => findings.iter().map(|problem| session.problem_text(problem) + "\n").collect(),
        }
    })?;
    Ok(if checked.findings.is_empty() { ExitStatus::Ok } else { ExitStatus::Failed })
}

fn back_up(body: &BackupBody, session: &Session) -> Result<ExitStatus, Problem> {
    let made: BackedUp = match backup::make_stopped(&home(session)?, session.powers(), body)? {
        Some(made) => made,
        None => session.client()?.post("/v1/db/backup", body)?,
    };
    session.answer(&made, |made| {
        format!("backed up: {}\n{}", escape(&made.path.display().to_string()), contents(&made.backup))
    })?;
    Ok(ExitStatus::Ok)
}

fn verify(path: &Path, session: &Session) -> Result<ExitStatus, Problem> {
    let Verified { backup, findings } = backup::verify(path, session.powers())?;
    session.answer(&VerifiedBackup { backup: &backup, findings: &findings }, |_| contents(&backup))?;
    findings.iter().for_each(|finding| session.tell(finding));
    Ok(if findings.is_empty() { ExitStatus::Ok } else { ExitStatus::Failed })
}

fn restore(from: &Path, confirmation: &Confirmation, session: &Session) -> Result<ExitStatus, Problem> {
    let home = Home::make(session.home_path(), session.powers())?;
    if !confirmation.is_given() {
        let Restored { backup, kept } = backup::preview_restore(&home, session.powers(), from)?;
        // Into a home that has nothing yet nothing is lost.
        if let Some(place) = &kept {
            session.answer_json_only(&RestoredHome { backup: &backup, kept: &kept })?;
            let verb = format!("db restore {} --yes", from.display());
            let message = format!("this would replace what the home {} has", home.path().display());
            let mut preview = confirm::unconfirmed(message, &home.command(&verb));
            preview.causes.extend(contents(&backup).lines().map(str::to_owned));
            preview.causes.push(format!("what it has now would be kept in {}", home.path_of(place).display()));
            confirm::ask(session, preview)?;
        }
    }
    let Restored { backup, kept } = backup::restore(&home, session.powers(), from)?;
    session.answer(&RestoredHome { backup: &backup, kept: &kept }, |_| {
        let before = kept.as_ref().map(|kept| format!("what was there before: {}\n", home.path_of(kept).display()));
        let before = escape(&before.unwrap_or_default()).into_owned();
        format!("restored\n{}{before}start it: {}", contents(&backup), home.command("run"))
    })?;
    Ok(ExitStatus::Ok)
}

fn accept(confirmation: &Confirmation, session: &Session) -> Result<ExitStatus, Problem> {
    let home = home(session)?;
    if !confirmation.is_given()
        && let Some(lost) = backup::preview_accept(&home, session.powers())?
    {
        let message = "this would go on with the store as it is, and what it has lost would stay lost";
        let mut preview = confirm::unconfirmed(message, &home.command("db accept --yes"));
        preview.causes.push(lost.message);
        confirm::ask(session, preview)?;
    }
    let lost = backup::accept(&home, session.powers())?;
    session.answer(&Accepted { lost: &lost }, |_| match &lost {
        Some(lost) => format!("accepted: {}\nstart it: {}", escape(&lost.message), home.command("run")),
        None => "the store has lost nothing, as far as its witness knows".to_owned(),
    })?;
    Ok(ExitStatus::Ok)
}

/// What a backup holds, in lines.
fn contents(backup: &Backup) -> String {
    let Backup { by, store_version, boot, subclusters, vats, components, .. } = backup;
    let included = components.iter().filter(|component| component.included).count();
    let names = if subclusters.is_empty() { "none".to_owned() } else { subclusters.join(", ") };
    let bytes: u64 = backup.files.iter().map(|file| file.bytes).sum();
    escape(&format!(
        "subclusters {names}; vats {vats}; {included} of {} components; {bytes} bytes beside them\n\
         boot {boot}, store of version {store_version}, made by ocap-host {by}\n",
        components.len()
    ))
    .into_owned()
}
