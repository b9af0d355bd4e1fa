//! `stop`: the end of a running host, waited for.

use std::pin::pin;
use std::time::Duration;

use serde::Serialize;
use tokio::runtime::Runtime;

use super::absence;
use super::client::BROKEN_OFF;
use super::exit::ExitStatus;
use super::session::Session;
use crate::daemon::eviction::Squatter;
use crate::daemon::requests::Stopping;
use crate::daemon::{Home, lock, processes};
use crate::problem::Problem;

/// Stop the running host and wait until it has let go of its home
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP)]
pub(super) struct StopArgs {
    /// End whoever holds the home, if it answers or not: by SIGTERM, and after 5 s by SIGKILL
    #[arg(long)]
    force: bool,
}

/// The host has ended.
#[derive(Debug, Serialize)]
#[serde(tag = "$type", rename = "stopped")]
struct Stopped {
    /// Its process.
    pid: u32,
    /// What ended it.
    by: By,
}

/// What ended a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum By {
    /// It was asked over its socket.
    Request,
    /// SIGTERM.
    Sigterm,
    /// SIGKILL.
    Sigkill,
}

/// How long a host may take to heed SIGTERM before it is killed.
const HEED_MAX: Duration = Duration::from_secs(5);

/// After so long a person who waits is told what for, and so long again.
const A_WHILE: Duration = Duration::from_secs(10);

pub(super) fn run(args: &StopArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let Some(home) = session.home()? else { return Err(absence::no_home(session.home_path())) };
    let stopped = if args.force { evict(&home, session)? } else { ask(&home, session)? };
    session.answer(&stopped, text)?;
    Ok(ExitStatus::Ok)
}

fn ask(home: &Home, session: &Session) -> Result<Stopped, Problem> {
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
    wait_until_free(home, session)?;
    Ok(Stopped { pid, by: By::Request })
}

fn evict(home: &Home, session: &Session) -> Result<Stopped, Problem> {
    let processes = processes(session.powers())?;
    let Some(squatter) = Squatter::find(home, &processes)? else { return Err(absence::absent(home)) };
    let pid = squatter.pid();
    let by = runtime()?.block_on(async {
        let mut free = pin!(until_free(session));
        squatter.ask()?;
        if let Ok(outcome) = tokio::time::timeout(HEED_MAX, &mut free).await {
            return outcome.map(|()| By::Sigterm);
        }
        squatter.kill()?;
        free.await.map(|()| By::Sigkill)
    })?;
    Ok(Stopped { pid, by })
}

/// Until nobody holds the home; a person who waits for long is told who still does.
fn wait_until_free(home: &Home, session: &Session) -> Result<(), Problem> {
    let processes = processes(session.powers())?;
    runtime()?.block_on(async {
        let mut free = pin!(until_free(session));
        loop {
            tokio::select! {
                outcome = &mut free => return outcome,
                () = tokio::time::sleep(A_WHILE) => {
                    if let Some(holder) = lock::holder(home, &processes, session.powers().now_ms()) {
                        session.tell(&still(home, &holder));
                    }
                }
            }
        }
    })
}

/// The lock is free when its holder has let go of it or is gone, whichever way.
async fn until_free(session: &Session) -> Result<(), Problem> {
    let home = session.home()?;
    let waiting = tokio::task::spawn_blocking(move || home.map_or(Ok(()), |home| lock::wait_until_free(&home)));
    waiting.await.unwrap_or_else(|error| Err(unwatched(&error)))
}

fn still(home: &Home, holder: &lock::Holder) -> Problem {
    Problem::new("ocap::daemon::still_stopping", format!("still waiting for {}", holder.sentence))
        .as_advice()
        .with_help(format!("if that stays so, end it: `{}`", home.command("stop --force")))
}

fn runtime() -> Result<Runtime, Problem> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| unwatched(&error))
}

fn unwatched(error: &(dyn std::error::Error + 'static)) -> Problem {
    Problem::new("ocap::daemon::unheard", "the host's end can't be watched from here").because(error)
}

fn text(stopped: &Stopped) -> String {
    match stopped.by {
        By::Request | By::Sigterm => "stopped".to_owned(),
        By::Sigkill => {
            format!("killed: process {} did not end within {} s of SIGTERM", stopped.pid, HEED_MAX.as_secs())
        }
    }
}
