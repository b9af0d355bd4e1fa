//! A host's life as others see it: lock, record, control socket, from the first moment to the last.

use std::path::PathBuf;
use std::sync::Arc;

use cap_std::fs::Dir;
use tokio::sync::{Notify, mpsc};

use super::chronicle::{Chronicle, Listener, News};
use super::control::Control;
use super::events::{Events, Whom};
use super::filesystem::FileSystems;
use super::heart::Heart;
use super::home::Home;
use super::lock::{self, Lock};
use super::log::{self, Form};
use super::requests::{Happening, IfChanged, Ready, Request};
use super::signals::{self, Ending};
use super::status_file::{HostRecord, Phase};
use crate::powers::Powers;
use crate::problem::Problem;

/// What a host is started with.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The home's absolute path.
    pub home: PathBuf,
    /// Where that may lie.
    pub file_systems: FileSystems,
    /// Declarations and bundles, as the user wrote them.
    pub files: Vec<PathBuf>,
    /// What to do with those that are known from another declaration.
    pub if_changed: IfChanged,
    /// How the log looks on stderr.
    pub format: Form,
    /// What the process may do.
    pub powers: Powers,
}

/// How a host ended.
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
    chronicle: Arc<Chronicle>,
    control: Option<Control>,
    /// Where what happens is told, once it can be.
    events: Option<Events>,
    powers: Powers,
    /// What the last host left, if it ended without a word.
    died: Option<HostRecord>,
}

impl Daemon {
    /// Takes the lock, before anything else, and says that the host starts.
    ///
    /// # Errors
    /// [`lock::LOCKED`] if another host is there; others if the home can't be written.
    pub fn begin(home: Home, powers: Powers, listener: Listener) -> Result<Daemon, Problem> {
        let processes = processes(powers)?;
        let now_ms = powers.now_ms();
        let lock = Lock::take(&home, &processes, now_ms)?;
        // What can't be read is nothing that could be told; it is replaced.
        let last = HostRecord::read(&home).ok().flatten().filter(|record| !record.is_over());
        if last.as_ref().is_some_and(|record| record.process.runs(&processes)) {
            // Its lock was taken away from it. It will notice; until then it must not be disturbed.
            return Err(lock::locked(&home, lock::holder(&home, &processes, now_ms)));
        }
        let record = HostRecord::starting(&home, &processes, now_ms)?;
        let chronicle = Arc::new(Chronicle::begin(Arc::new(home), powers, lock, record, listener)?);
        Ok(Daemon { chronicle, control: None, events: None, powers, died: last })
    }

    /// Says that the last host died, if it did: nobody else has said it.
    pub fn tell_of_the_last(&mut self) {
        let Some(last) = self.died.take() else { return };
        let advice = Problem::new("ocap::daemon::died_before", format!("the last host, {}", last.death())).as_advice();
        let advice = advice.with_help(format!("its log is {}; what it acknowledged is not lost", last.log));
        log::tell(&advice);
        self.chronicle.tell(News::Advice(&advice));
    }

    /// Opens the control socket, in phase "starting", and tells from now on what happens. Within a tokio runtime.
    ///
    /// # Errors
    /// If the socket can't be made, or signals can't be caught.
    pub fn listen(&mut self, events: &Events) -> Result<(), Problem> {
        events.log().tell_later_here();
        self.events = Some(events.clone());
        self.tell_phase();
        let control = Control::open(&self.chronicle, self.powers, events.clone())?;
        signals::insist(self.chronicle.clone(), control.stop_wished(), control.files())?;
        self.control = Some(control);
        Ok(())
    }

    /// The home.
    pub fn home(&self) -> &Arc<Home> {
        self.chronicle.home()
    }

    /// What sees to it, as long as the host serves, that it may.
    pub fn heart(&self) -> Heart {
        Heart::new(self.chronicle.clone())
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
        self.chronicle.change(|record| record.step = Some(step.to_owned()))
    }

    /// Says that the host serves, and lets requests through.
    ///
    /// # Errors
    /// If the home can't be written.
    pub fn ready(&mut self, ready: &Ready, requests: mpsc::Sender<Request>) -> Result<(), Problem> {
        if let Some(control) = &self.control {
            control.connect_to(requests);
        }
        self.enter(Phase::Ready, |record| record.boot = Some(ready.boot))?;
        self.chronicle.tell(News::Ready(ready));
        Ok(())
    }

    /// Says that the host stops. Requests that wait for an answer keep waiting until the run loop drops them.
    ///
    /// # Errors
    /// If the home can't be written.
    pub fn stopping(&mut self) -> Result<(), Problem> {
        if let Some(control) = &self.control {
            control.disconnect();
        }
        self.enter(Phase::Stopping, |_| ())
    }

    /// The last words of a host that ended in good order: the socket goes, then the lock.
    ///
    /// # Errors
    /// If the home can't be written; the lock is free all the same.
    pub async fn end(mut self) -> Result<(), Problem> {
        self.close().await;
        let told = self.enter(Phase::Stopped, |_| ());
        self.chronicle.lock().release();
        told
    }

    /// The last words of a host that could not start or go on: in the log and for the next command. The socket and the lock go.
    ///
    /// They are not written if the home can't be written, which may be the very fault.
    pub async fn fail(mut self, problem: &Problem) {
        self.last_words(problem);
        self.close().await;
        self.chronicle.lock().release();
    }

    /// Says why the host ends, where the next command looks for it.
    pub fn last_words(&mut self, problem: &Problem) {
        log::record(problem);
        if let Err(unwritable) = self.enter(Phase::Failed, |record| record.problem = Some(problem.clone())) {
            log::record(&unwritable);
        }
    }

    async fn close(&mut self) {
        if let Some(control) = self.control.take() {
            control.close().await;
        }
    }

    fn enter(&self, phase: Phase, change: impl FnOnce(&mut HostRecord)) -> Result<(), Problem> {
        let published = self.chronicle.change(|record| {
            change(record);
            record.phase = phase;
            if phase != Phase::Failed {
                record.step = None;
            }
        });
        self.tell_phase();
        published
    }

    fn tell_phase(&self) {
        let HostRecord { phase, boot, process, .. } = self.chronicle.record();
        match &self.events {
            Some(events) => events.tell(Whom::HOST, Happening::HostPhase { phase, pid: process.pid, boot }),
            // Nobody follows yet.
            None => tracing::info!(target: "ocap::daemon", pid = process.pid, boot, "{}", phase.as_str()),
        }
    }
}

impl Drop for Daemon {
    /// A panic on its way through the host ends it without another word.
    fn drop(&mut self) {
        if std::thread::panicking() && !self.chronicle.record().is_over() {
            self.last_words(&log::panicked());
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::test_home;

    #[test]
    fn a_panic_on_its_way_through_the_host_is_its_last_word_for_the_next_command() {
        let (_root, home) = test_home();
        let path = home.path().to_owned();
        let powers = Powers::of_this_process();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut daemon = Daemon::begin(home, powers, Arc::new(|_| ())).expect("the lock");
            daemon.step("open the store").expect("told");
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        let home = Home::open(&path, powers).expect("no fault").expect("a home");
        let record = HostRecord::read(&home).expect("no fault").expect("a record");
        assert_eq!((record.phase, record.step.as_deref()), (Phase::Failed, Some("open the store")));
        assert_eq!(record.problem.expect("why").code, "ocap::host::panic");
        // And the home is free.
        Daemon::begin(home, powers, Arc::new(|_| ())).expect("the lock");
    }

    #[test]
    fn a_host_whose_lock_was_taken_away_writes_no_word_over_anothers() {
        let (_root, home) = test_home();
        let path = home.path().to_owned();
        let powers = Powers::of_this_process();
        let mut daemon = Daemon::begin(home, powers, Arc::new(|_| ())).expect("the lock");
        let home = Home::open(&path, powers).expect("no fault").expect("a home");
        home.dir().remove_file(crate::daemon::home::LOCK).expect("it is there");
        home.dir().write(crate::daemon::home::STATUS, b"another's").expect("written");
        daemon.step("open the store").expect("told to all but the file");
        daemon.last_words(&Problem::new(lock::LOST, "it was taken away"));
        assert_eq!(home.dir().read(crate::daemon::home::STATUS).expect("it is there"), b"another's");
    }
}
