//! `dev`: a host for a package that is being written. Each change is built and, if that went well, upgraded in place.

use std::path::{Path, PathBuf};
use std::process::{self, Child, ExitStatus as ProcessEnd};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::{JoinHandle, spawn_blocking};

use super::exit::ExitStatus;
use super::launch;
use super::session::Session;
use crate::component::UserFiles;
use crate::daemon::requests::{IfChanged, LaunchBody, Launched, Stopping};
use crate::develop::{self, Changes};
use crate::problem::Problem;

/// The home of the host of a package, in its directory.
const HOME: &str = ".ocap";
const DECLARATION: &str = "subcluster.toml";

/// An editor writes a file in several steps: what comes within this time is one change.
const SETTLING: Duration = Duration::from_millis(150);

/// Build a package, run it, and do both again at each change: its vats go on with the new code and everything they keep
///
/// The host's log, the compiler's words and what became of each change are on stderr. Control-C ends it. The home is `.ocap` in the directory,
/// unless another is named: what the vats keep is there at the next time.
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP)]
pub(super) struct DevArgs {
    /// The directory with `Cargo.toml` and `subcluster.toml`
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

impl DevArgs {
    /// Where everything is kept if nobody says otherwise.
    pub(super) fn home(&self) -> PathBuf {
        self.directory.join(HOME)
    }
}

pub(super) fn run(args: &DevArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let directory = session.absolute(&args.directory)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Problem::new("ocap::boot::no_threads", "the system gives no threads").because(&error))?;
    runtime.block_on(async {
        let mut changes = Changes::of(&directory)?;
        while let Err(problem) = built(&directory, session).await {
            session.tell(&problem);
            tokio::select! {
                () = changes.next() => {}
                _ = tokio::signal::ctrl_c() => return Ok(ExitStatus::Interrupted),
            }
        }
        changes.forget();
        serve(&directory, session, &mut changes).await
    })
}

/// Until the host ends, by itself or by a person's control-C, which it hears as well as this process does.
async fn serve(directory: &Path, session: &Session, changes: &mut Changes) -> Result<ExitStatus, Problem> {
    let mut terminated = signal(SignalKind::terminate()).map_err(|error| {
        Problem::new("ocap::boot::no_signals", "the system does not let signals be caught").because(&error)
    })?;
    let mut ended = begin(directory, session)?;
    loop {
        tokio::select! {
            end = &mut ended => return how_it_ended(end),
            _ = tokio::signal::ctrl_c() => {}
            // That one is for this process alone.
            _ = terminated.recv() => stop(session).await?,
            () = changes.next() => {
                tokio::time::sleep(SETTLING).await;
                changes.forget();
                match take_over(directory, session).await {
                    Ok(()) => {}
                    // What runs goes on as it is.
                    Err(problem) => session.tell(&problem),
                }
            }
        }
    }
}

type End = Result<std::io::Result<ProcessEnd>, tokio::task::JoinError>;

/// The host as a process of its own, so that its end is not this one's. Its log and its answer are where this command's are.
fn begin(directory: &Path, session: &Session) -> Result<JoinHandle<std::io::Result<ProcessEnd>>, Problem> {
    let begun = session.powers().this_program().and_then(|program| {
        process::Command::new(program)
            .args(["--format", session.format_word(), "--home"])
            .arg(session.home_path())
            .args(["run", "--if-changed", "upgrade", "--"])
            .arg(directory.join(DECLARATION))
            .spawn()
    });
    let mut host: Child = begun.map_err(|error| {
        Problem::new("ocap::dev::no_host", "the host can't be started as a process").because(&error)
    })?;
    Ok(spawn_blocking(move || host.wait()))
}

fn how_it_ended(end: End) -> Result<ExitStatus, Problem> {
    let lost = |error: &(dyn std::error::Error + 'static)| {
        Problem::new("ocap::dev::no_host", "it is not known how the host ended").because(error)
    };
    let end = end.map_err(|error| lost(&error))?.map_err(|error| lost(&error))?;
    match end.code() {
        Some(0 | 130) => Ok(ExitStatus::Ok),
        // It has said why, on the same stderr.
        _ => Ok(ExitStatus::Failed),
    }
}

async fn built(directory: &Path, session: &Session) -> Result<(), Problem> {
    let (directory, powers) = (directory.to_owned(), session.powers());
    let built = spawn_blocking(move || develop::build(&directory, powers, &UserFiles::ambient())).await;
    built.map_err(|panic| Problem::new("ocap::host::panic", "the build gave up").because(&panic))?.map(drop)
}

async fn stop(session: &Session) -> Result<(), Problem> {
    let session = session.clone();
    let stopped = spawn_blocking(move || session.client()?.post("/v1/stop", &()).map(|Stopping {}| ()));
    stopped.await.map_err(|panic| Problem::new("ocap::host::panic", "the stop gave up").because(&panic))?
}

/// Builds, and gives the vats that run the new code.
async fn take_over(directory: &Path, session: &Session) -> Result<(), Problem> {
    built(directory, session).await?;
    let (path, session) = (directory.join(DECLARATION), session.clone());
    let upgraded = spawn_blocking(move || {
        let body = LaunchBody { path, written: Some(DECLARATION.to_owned()), if_changed: IfChanged::Upgrade };
        let launched: Launched = session.client()?.post("/v1/launch", &body)?;
        session.answer_line(&launched, launch::text)?;
        launched.problems.iter().for_each(|problem| session.tell(problem));
        Ok(())
    });
    upgraded.await.map_err(|panic| Problem::new("ocap::host::panic", "the upgrade gave up").because(&panic))?
}
