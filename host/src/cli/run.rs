//! `run`: the host in the foreground, or as the process that `start` began.

use std::path::PathBuf;
use std::sync::Arc;

use super::confirm::Confirmation;
use super::exit::ExitStatus;
use super::launch::Changed;
use super::replace;
use super::session::Session;
use crate::boot;
use crate::daemon::log::Form;
use crate::daemon::requests::Ready;
use crate::daemon::{Ending, FileSystems, Listener, News, RunEnd, RunOptions, background};
use crate::problem::Problem;

/// Run the host in the foreground until SIGTERM, SIGINT or `stop`
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::with_examples(&["ocap-host run subcluster.toml", "ocap-host --home /srv/vats run"]))]
pub(super) struct RunArgs {
    #[command(flatten)]
    pub(super) host: HostArgs,
    /// Leave the terminal, and say on stdout how far it has come, a line of JSON each: what `start` begins
    #[arg(long, hide = true)]
    pub(super) detached: bool,
}

/// What a host is started with, in the foreground or not.
#[derive(Debug, clap::Args)]
pub(super) struct HostArgs {
    /// Declarations or bundles: new ones are launched, known ones go on
    #[arg(value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
    /// If one is known and something changed: refuse another declaration; end it with everything its vats keep and launch it anew, after
    /// a question; or upgrade vats whose components changed
    #[arg(long, value_enum, default_value_t, value_name = "WHAT")]
    pub(super) if_changed: Changed,
    /// Take a home on a file system that is not this machine's alone, where locks and syncs may not hold
    #[arg(long)]
    pub(super) any_filesystem: bool,
    #[command(flatten)]
    pub(super) confirmation: Confirmation,
}

pub(super) fn run(args: &RunArgs, session: &Session) -> Result<ExitStatus, Problem> {
    if !args.detached {
        replace::ask_at_rest("run", &args.host, session)?;
    }
    let listener: Listener = {
        let (session, detached) = (session.clone(), args.detached);
        Arc::new(move |news| if detached { report(news, &session) } else { announce(news, &session) })
    };
    if args.detached {
        background::detach()?;
    }
    let options = RunOptions {
        home: session.home_path().to_owned(),
        file_systems: if args.host.any_filesystem { FileSystems::Any } else { FileSystems::Local },
        files: args.host.files.clone(),
        if_changed: args.host.if_changed.into(),
        format: if args.detached { Form::Silent } else { session.log_form() },
        powers: session.powers(),
    };
    let end = boot::run(options, listener).inspect_err(|problem| {
        if args.detached {
            // Whoever started it may have gone; the log has it too.
            let _ = session.answer_line(problem, |_| String::new());
        }
    })?;
    Ok(status_of(end))
}

/// For whoever waits for the start.
fn report(news: News<'_>, session: &Session) {
    // Whoever has gone does not want to know.
    let _ = match news {
        News::Record(record) => session.answer_line(record, |_| String::new()),
        News::Advice(problem) => session.answer_line(problem, |_| String::new()),
        News::Ready(ready) => {
            // Its files were named from there; from now on whoever names one does so from the root.
            let _ = session.powers().leave_working_directory();
            session.answer_line(ready, |_| String::new())
        }
    };
}

/// For people: all else is in the log, which they see on stderr. A host serves its vats whether or not somebody reads its announcement.
fn announce(news: News<'_>, session: &Session) {
    if let News::Ready(ready) = news
        && let Err(problem) = tell_ready(ready, session)
    {
        session.tell(&problem);
    }
}

/// Answers that a host serves, and says what is wrong or worth knowing.
pub(super) fn tell_ready(ready: &Ready, session: &Session) -> Result<(), Problem> {
    let answered = session.answer_line(ready, text);
    for problem in &ready.problems {
        session.tell(problem);
    }
    answered
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
