//! `doctor`: whether a home is in order, running or not.

use super::absence;
use super::exit::ExitStatus;
use super::render::escape;
use super::session::Session;
use crate::boot;
use crate::boot::doctor::Cure;
use crate::daemon::requests::{Checkup, Counts, FixBody, Subject};
use crate::problem::Problem;

/// Count and check everything again: the kernel of a running host, or the store of a stopped one, which is not changed.
///
/// Ends with 1 if something was found.
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::with_examples(&["ocap-host doctor", "ocap-host doctor --fix"]))]
pub(super) struct DoctorArgs {
    /// Mend what can be mended without losing anything; `doctor` alone says what that is
    #[arg(long)]
    fix: bool,
}

pub(super) fn run(args: &DoctorArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let Some(home) = session.home()? else { return Err(absence::no_home(session.home_path())) };
    let cure = if args.fix { Cure::Done } else { Cure::Told };
    let checkup = match (boot::doctor::stopped(&home, session.powers(), cure)?, cure) {
        (Some(checkup), _) => checkup,
        (None, Cure::Told) => session.client()?.get("/v1/doctor")?,
        (None, Cure::Done) => session.client()?.post("/v1/doctor/fix", &FixBody {})?,
    };
    session.answer(&checkup, |checkup| text(checkup, session))?;
    Ok(if checkup.findings.is_empty() { ExitStatus::Ok } else { ExitStatus::Failed })
}

fn text(checkup: &Checkup, session: &Session) -> String {
    let subject = match checkup.subject {
        Subject::Running => "the running host",
        Subject::Stopped => "the stopped home",
    };
    let verdict = match checkup.findings.len() {
        0 => "in order".to_owned(),
        1 => "1 finding".to_owned(),
        count => format!("{count} findings"),
    };
    let findings: String = checkup.findings.iter().map(|problem| session.problem_text(problem) + "\n").collect();
    let treated: String = checkup
        .treatments
        .iter()
        .map(|one| format!("{}: `doctor --fix` would {}\n", escape(&one.why), escape(&one.what)))
        .collect();
    let mended: String = checkup.mended.iter().map(|mended| format!("mended: {}\n", escape(&mended.what))).collect();
    let counts = checkup.counts.as_ref().map(counted).unwrap_or_default();
    format!("{subject}: {verdict}\n\n{findings}{treated}{mended}{counts}")
}

fn counted(counts: &Counts) -> String {
    let Counts { subclusters, idle, awake, quarantined, ending, promises, queued, dead_letters, suspected, circles } =
        counts;
    let mut text = format!(
        "subclusters {subclusters}\nvats {idle} idle, {awake} awake, {quarantined} quarantined, {ending} ending, {suspected} suspected\n\
         promises {promises}, queued messages {queued}, dead letters {dead_letters}\n"
    );
    for circle in circles {
        text += &format!("these hold each other: {}\n", escape(&circle.join(", ")));
    }
    text
}
