//! `quarantine`: what is set aside, and another try.

use super::exit::ExitStatus;
use super::render::escape;
use super::session::Session;
use crate::daemon::requests::{Quarantine, Retried, RetryBody};
use crate::problem::Problem;

/// Show or retry what can't be served
#[derive(Debug, clap::Subcommand)]
#[command(after_help = super::exit::HELP)]
pub(super) enum QuarantineCommand {
    /// Show the diagnostic of everything in quarantine
    List,
    /// Try again to serve one vat, or all
    Retry {
        /// As `subcluster/vat`; all where absent
        vat: Option<String>,
    },
}

pub(super) fn run(command: &QuarantineCommand, session: &Session) -> Result<ExitStatus, Problem> {
    match command {
        QuarantineCommand::List => list(session),
        QuarantineCommand::Retry { vat } => retry(vat.clone(), session),
    }
}

fn list(session: &Session) -> Result<ExitStatus, Problem> {
    let quarantine: Quarantine = session.client()?.get("/v1/quarantine")?;
    session.answer(&quarantine, |quarantine| match quarantine.problems.as_slice() {
        [] => "nothing is in quarantine".to_owned(),
        problems => problems.iter().map(|problem| session.problem_text(problem) + "\n").collect(),
    })?;
    Ok(ExitStatus::Ok)
}

fn retry(vat: Option<String>, session: &Session) -> Result<ExitStatus, Problem> {
    let retried: Retried = session.client()?.post("/v1/quarantine/retry", &RetryBody { vat })?;
    session.answer(&retried, |retried| match retried.healed.as_slice() {
        [] => "nothing was healed".to_owned(),
        healed => healed.iter().map(|vat| format!("healed: {}\n", escape(vat))).collect(),
    })?;
    for problem in &retried.problems {
        session.tell(problem);
    }
    Ok(if retried.problems.is_empty() { ExitStatus::Ok } else { ExitStatus::Degraded })
}
