//! A host's life as others see it: lock, record, control socket, from the first moment to the last.

use std::path::PathBuf;
use std::sync::Arc;

use cap_std::fs::Dir;
use tokio::sync::{Notify, mpsc};

use super::control::Control;
use super::events::{Events, Whom};
use super::home::Home;
use super::lock::Lock;
use super::log::{self, Form};
use super::requests::{Happening, IfChanged, Request};
use super::signals::Ending;
use super::status_file::{HostRecord, Phase};
use crate::powers::Powers;
use crate::problem::Problem;

/// What a foreground host is started with.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The home's absolute path.
    pub home: PathBuf,
    /// Declarations and bundles, as the user wrote them.
    pub files: Vec<PathBuf>,
    /// What to do with those that are known from another declaration.
    pub if_changed: IfChanged,
    /// How the log looks on stderr.
    pub format: Form,
    /// What the process may do.
    pub powers: Powers,
}

/// How a foreground host ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunEnd {
    /// Why.
    pub ending: Ending,
    /// Whether something did not work at the end.
    pub degraded: bool,
}

/// This process as the host of a home. Dropped without [`Daemon::end`] it looks like a death, which is what it is.
#[derive(Debug)]
pub struct Daemon {
    home: Arc<Home>,
    record: HostRecord,
    control: Option<Control>,
    /// Where what happens is told, once it can be.
    events: Option<Events>,
    powers: Powers,
    /// The last field, so that it is the last to be dropped: until then nobody else comes in.
    _lock: Lock,
}

impl Daemon {
    /// Takes the lock, before anything else, and says that the host starts.
    ///
    /// # Errors
    /// [`super::lock::LOCKED`] if another host is there; others if the home can't be written.
    pub fn begin(home: Home, powers: Powers) -> Result<Daemon, Problem> {
        let processes = processes(powers)?;
        let now_ms = powers.now_ms();
        let lock = Lock::take(&home, &processes, now_ms)?;
        let record = HostRecord::starting(&home, &processes, now_ms)?;
        record.write(&home)?;
        Ok(Daemon { home: Arc::new(home), record, control: None, events: None, powers, _lock: lock })
    }

    /// Opens the control socket, in phase "starting", and tells from now on what happens. Within a tokio runtime.
    ///
    /// # Errors
    /// If the socket can't be made.
    pub fn listen(&mut self, events: &Events) -> Result<(), Problem> {
        events.log().tell_later_here();
        self.events = Some(events.clone());
        self.tell_phase();
        self.control = Some(Control::open(&self.home, self.record.clone(), events.clone())?);
        Ok(())
    }

    /// The home.
    pub fn home(&self) -> &Arc<Home> {
        &self.home
    }

    /// Notified when a client asks for a stop while the host starts; afterwards a stop is a [`Request`].
    pub fn stop_asked(&self) -> Option<Arc<Notify>> {
        self.control.as_ref().map(Control::stop_asked)
    }

    /// Says which step of the boot begins, as an imperative: `open the store`.
    ///
    /// # Errors
    /// If the home can't be written.
    pub fn step(&mut self, step: &str) -> Result<(), Problem> {
        tracing::info!(target: "ocap::boot", "{step}");
        self.record.step = Some(step.to_owned());
        self.publish()
    }

    /// Says that the host serves, and lets requests through.
    ///
    /// # Errors
    /// If the home can't be written.
    pub fn ready(&mut self, boot: u64, requests: mpsc::Sender<Request>) -> Result<(), Problem> {
        if let Some(control) = &self.control {
            control.connect_to(requests);
        }
        self.record.boot = Some(boot);
        self.enter(Phase::Ready)
    }

    /// Says that the host stops. Requests that wait for an answer keep waiting until the run loop drops them.
    ///
    /// # Errors
    /// If the home can't be written.
    pub fn stopping(&mut self) -> Result<(), Problem> {
        if let Some(control) = &self.control {
            control.disconnect();
        }
        self.enter(Phase::Stopping)
    }

    /// The last words of a host that ended in good order: the socket goes, then the lock.
    ///
    /// # Errors
    /// If the home can't be written; the lock is free all the same.
    pub async fn end(mut self) -> Result<(), Problem> {
        self.close().await;
        self.enter(Phase::Stopped)
    }

    /// The last words of a host that could not start or go on: in the log and for the next command. The socket and the lock go.
    ///
    /// They are not written if the home can't be written, which may be the very fault.
    pub async fn fail(mut self, problem: &Problem) {
        log::record(problem);
        self.record.problem = Some(problem.clone());
        if let Err(unwritable) = self.enter(Phase::Failed) {
            log::record(&unwritable);
        }
        self.close().await;
    }

    async fn close(&mut self) {
        if let Some(control) = self.control.take() {
            control.close().await;
        }
    }

    fn enter(&mut self, phase: Phase) -> Result<(), Problem> {
        self.record.phase = phase;
        self.tell_phase();
        if phase != Phase::Failed {
            self.record.step = None;
        }
        self.publish()
    }

    fn tell_phase(&self) {
        if let Some(events) = &self.events {
            let HostRecord { phase, boot, process, .. } = &self.record;
            events.tell(Whom::HOST, Happening::HostPhase { phase: *phase, pid: process.pid, boot: *boot });
        }
    }

    fn publish(&mut self) -> Result<(), Problem> {
        self.record.since_ms = self.powers.now_ms();
        if let Some(control) = &self.control {
            control.set_record(self.record.clone());
        }
        self.record.write(&self.home)
    }
}

/// What the system tells of its processes.
///
/// # Errors
/// If it tells nothing.
pub fn processes(powers: Powers) -> Result<Dir, Problem> {
    powers.processes().map_err(|error| {
        Problem::new("ocap::daemon::no_proc", "the system does not tell which processes it runs")
            .because(&error)
            .with_help("mount /proc: ocap-host needs it to recognise its own processes")
    })
}
