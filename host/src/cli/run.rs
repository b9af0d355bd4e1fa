//! `run`: the host in the foreground.

use std::path::PathBuf;

use super::exit::ExitStatus;
use super::launch::Changed;
use super::session::Session;
use crate::boot;
use crate::daemon::requests::Ready;
use crate::daemon::{Ending, RunEnd, RunOptions};
use crate::problem::Problem;

/// Run the host in the foreground until SIGTERM, SIGINT or `stop`
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::with_examples(&["ocap-host run subcluster.toml", "ocap-host --home /srv/vats run"]))]
pub(super) struct RunArgs {
    /// Declarations or bundles: new ones are launched, known ones go on
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// If one is known and something changed: refuse another declaration; end it with everything its vats keep and launch it anew; or
    /// upgrade vats whose components changed
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    if_changed: Changed,
}

pub(super) fn run(args: &RunArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let options = RunOptions {
        home: session.home_path().to_owned(),
        files: args.files.clone(),
        if_changed: args.if_changed.into(),
        format: session.log_form(),
        powers: session.powers(),
    };
    let end = boot::run(options, &mut |ready| announce(ready, session))?;
    Ok(status_of(end))
}

/// A host serves its vats whether or not somebody reads its announcement.
fn announce(ready: &Ready, session: &Session) {
    if let Err(problem) = session.answer_line(ready, text) {
        session.tell(&problem);
    }
    for problem in &ready.problems {
        session.tell(problem);
    }
}

fn text(ready: &Ready) -> String {
    let plural = if ready.vats == 1 { "" } else { "s" };
    format!("ready: {} vat{plural}, {} quarantined, socket {}", ready.vats, ready.quarantined, ready.socket)
}

/// SIGINT comes from a person who waits for it; the others want to know how the host was.
fn status_of(end: RunEnd) -> ExitStatus {
    match (end.ending, end.degraded) {
        (Ending::Interrupted, _) => ExitStatus::Interrupted,
        (Ending::Asked | Ending::Terminated, true) => ExitStatus::Degraded,
        (Ending::Asked | Ending::Terminated, false) => ExitStatus::Ok,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_counts_vats_and_names_the_socket() {
        let ready = |vats| Ready { vats, quarantined: 1, socket: "/h/control.sock".into(), boot: 3, problems: vec![] };
        assert_eq!(text(&ready(12)), "ready: 12 vats, 1 quarantined, socket /h/control.sock");
        assert_eq!(text(&ready(1)), "ready: 1 vat, 1 quarantined, socket /h/control.sock");
    }

    #[test]
    fn a_host_that_was_degraded_when_it_was_terminated_says_so_by_its_status() {
        assert_eq!(status_of(RunEnd { ending: Ending::Terminated, degraded: true }), ExitStatus::Degraded);
        assert_eq!(status_of(RunEnd { ending: Ending::Asked, degraded: false }), ExitStatus::Ok);
        assert_eq!(status_of(RunEnd { ending: Ending::Interrupted, degraded: true }), ExitStatus::Interrupted);
    }
}
