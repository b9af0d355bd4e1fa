//! `stop`: the end of a running host, waited for.

use serde::Serialize;

use super::absence;
use super::client::BROKEN_OFF;
use super::exit::ExitStatus;
use super::session::Session;
use crate::daemon::lock;
use crate::daemon::requests::Stopping;
use crate::problem::Problem;

/// Stop the running host and wait until it has let go of its home
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP)]
pub(super) struct StopArgs {}

/// The host has ended.
#[derive(Debug, Serialize)]
#[serde(tag = "$type", rename = "stopped")]
struct Stopped {
    /// Its process.
    pid: u32,
}

pub(super) fn run(_: &StopArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let Some(home) = session.home()? else { return Err(absence::no_home(session.home_path())) };
    let mut client = session.client()?;
    let pid = client.pid();
    match client.post("/v1/stop", &()) {
        Ok(Stopping {}) => {}
        // It ended before it could say so.
        Err(problem) if problem.code == BROKEN_OFF => {}
        Err(problem) => return Err(problem),
    }
    // A host lets its clients finish before it ends: this one has.
    drop(client);
    lock::wait_until_free(&home)?;
    session.answer(&Stopped { pid }, |_| "stopped".to_owned())?;
    Ok(ExitStatus::Ok)
}
