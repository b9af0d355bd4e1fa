//! How a host is told to end from outside, once and by those who insist.

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use super::chronicle::Chronicle;
use super::control::SocketFiles;
use super::log;
use super::status_file::{HostRecord, Phase};
use crate::problem::Problem;

/// Why a host ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was asked over the control socket.
    Asked,
    /// SIGTERM.
    Terminated,
    /// SIGINT, usually a person's control-C.
    Interrupted,
}

/// How long a host that starts may take to heed a wish to end: it may wait for a disk that does not answer. It has acknowledged nothing
/// yet.
const HEED_MAX: Duration = Duration::from_secs(2);

/// The signals that end a host, caught from the moment this exists.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Begins to catch them. Within a tokio runtime.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn catch() -> Result<Signals, Problem> {
        let caught = |kind| {
            signal(kind).map_err(|error| {
                Problem::new("ocap::boot::no_signals", "the system does not let signals be caught").because(&error)
            })
        };
        Ok(Signals { terminate: caught(SignalKind::terminate())?, interrupt: caught(SignalKind::interrupt())? })
    }

    /// Waits for the next. May be dropped and called again without losing one.
    pub async fn next(&mut self) -> Ending {
        tokio::select! {
            _ = self.terminate.recv() => Ending::Terminated,
            _ = self.interrupt.recv() => Ending::Interrupted,
        }
    }
}

/// Ends the process at once at the second wish to end, and if a host that starts does not heed the first. Nothing that was acknowledged is
/// lost by it: it is a `kill -9` with last words.
///
/// # Errors
/// If the system does not let signals be caught.
pub(super) fn insist(
    chronicle: Arc<Chronicle>,
    stop_wished: Arc<Notify>,
    files: Arc<SocketFiles>,
) -> Result<(), Problem> {
    let mut signals = Signals::catch()?;
    let last = LastWords { chronicle, files };
    tokio::spawn(async move {
        let first = tokio::select! {
            ending = signals.next() => ending,
            () = stop_wished.notified() => Ending::Asked,
        };
        tokio::select! {
            ending = signals.next() => last.end_at_once(ending),
            () = tokio::time::sleep(HEED_MAX) => {}
        }
        if last.chronicle.record().phase == Phase::Starting {
            last.end_the_start(first);
        }
        last.end_at_once(signals.next().await);
    });
    Ok(())
}

/// What a process that ends without waiting for anything still does.
struct LastWords {
    chronicle: Arc<Chronicle>,
    files: Arc<SocketFiles>,
}

impl LastWords {
    /// What was begun is left as a crash would leave it, as always when a start is ended.
    fn end_the_start(&self, ending: Ending) {
        let step = self.chronicle.record().step.unwrap_or_default();
        tracing::warn!(target: "ocap::daemon", "the start is ended in the midst of a step that does not end ({step})");
        self.exit(|record| record.phase = Phase::Stopped, if ending == Ending::Interrupted { 130 } else { 0 });
    }

    fn end_at_once(&self, ending: Ending) {
        let record = self.chronicle.record();
        let step = record.step.as_ref().map(|step| format!(" ({step})")).unwrap_or_default();
        let message = format!(
            "the host was told to end a second time while it was {}{step}, and did so at once",
            record.phase.as_str()
        );
        let problem = Problem::new("ocap::daemon::ended_at_once", message)
            .with_help("start it again: nothing that it acknowledged is lost");
        log::tell(&problem);
        let change = |record: &mut HostRecord| {
            record.phase = Phase::Failed;
            record.problem = Some(problem);
        };
        self.exit(change, if ending == Ending::Interrupted { 130 } else { 1 });
    }

    fn exit(&self, change: impl FnOnce(&mut HostRecord), status: i32) {
        self.files.remove();
        if let Err(unwritable) = self.chronicle.change(change) {
            log::record(&unwritable);
        }
        std::process::exit(status);
    }
}
