//! `restart`: a new incarnation of the same state.

use super::exit::ExitStatus;
use super::render::escape;
use super::session::Session;
use crate::daemon::requests::{RestartBody, Restarted};
use crate::problem::{Level, Problem};

/// Give a vat, or all vats of a subcluster, a new heap from the same state
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::with_examples(&["ocap-host restart matcher"]))]
pub(super) struct RestartArgs {
    /// `subcluster/vat`, or `subcluster` for all its vats
    #[arg(add = super::live::targets())]
    target: String,
}

pub(super) fn run(args: &RestartArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let body = RestartBody { target: args.target.clone() };
    let restarted: Restarted = session.client()?.post("/v1/restart", &body)?;
    session.answer(&restarted, text)?;
    restarted.problems.iter().for_each(|problem| session.tell(problem));
    let degraded = restarted.problems.iter().any(|problem| problem.level == Level::Error);
    Ok(if degraded { ExitStatus::Degraded } else { ExitStatus::Ok })
}

fn text(restarted: &Restarted) -> String {
    let line = |vat: &str, incarnation: u64| format!("restarted: {}, incarnation {incarnation}", escape(vat));
    match restarted.vats.as_slice() {
        [] => "restarted: nothing".to_owned(),
        vats => vats.iter().map(|vat| line(&vat.vat, vat.incarnation) + "\n").collect(),
    }
}
