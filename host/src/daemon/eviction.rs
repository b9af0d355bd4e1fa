//! Whoever holds a home, found by the lock itself, and told by signals to leave.
//!
//! A pid in a file proves nothing, and a pid may be given to another process between two looks. So the process is held by a descriptor
//! first, and only then the system is asked whether this very process holds this very lock.

use std::os::fd::OwnedFd;

use cap_std::fs::{Dir, File};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal};

use super::home::{Home, LOCK};
use super::process::{holder_of, holds};
use super::status_file::HostRecord;
use crate::problem::Problem;

/// The process that holds a home's lock.
#[derive(Debug)]
pub struct Squatter {
    pid: u32,
    handle: OwnedFd,
}

impl Squatter {
    /// Finds it; `None` if nobody holds the lock.
    ///
    /// # Errors
    /// If somebody does and can't be held: the system does not say who, or it is another user's.
    pub fn find(home: &Home, processes: &Dir) -> Result<Option<Squatter>, Problem> {
        let Ok(lock) = home.dir().open(LOCK) else { return Ok(None) };
        // The record's process first: the system's list of locks does not say who holds one in another namespace.
        let recorded = HostRecord::read(home).ok().flatten().map(|record| record.process);
        let recorded = recorded.filter(|process| process.runs(processes)).map(|process| process.pid);
        let listed = || holder_of(&lock, processes);
        let Some(pid) = recorded.filter(|pid| holds(*pid, &lock, processes)).or_else(listed) else { return Ok(None) };
        Squatter::seize(pid, &lock, processes).map_err(|errno| {
            Problem::new(
                "ocap::daemon::not_evicted",
                format!("process {pid} holds the home and can't be told to leave"),
            )
            .because(&errno)
            .with_help("do it as the user whose process it is")
        })
    }

    /// Holds the process that now has this pid, if it is the one that holds the lock.
    fn seize(pid: u32, lock: &File, processes: &Dir) -> Result<Option<Squatter>, Errno> {
        let number = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
        let handle = match rustix::process::pidfd_open(number, PidfdFlags::NONBLOCK) {
            Err(Errno::SRCH) => return Ok(None),
            handle => handle?,
        };
        // From here on the handle is of one process, whoever gets its number later. If that process has ended meanwhile, a signal to the
        // handle reaches nobody.
        Ok(holds(pid, lock, processes).then_some(Squatter { pid, handle }))
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Asks it to end.
    ///
    /// # Errors
    /// If it is another user's.
    pub fn ask(&self) -> Result<(), Problem> {
        self.signal(Signal::TERM)
    }

    /// Ends it.
    ///
    /// # Errors
    /// If it is another user's.
    pub fn kill(&self) -> Result<(), Problem> {
        self.signal(Signal::KILL)
    }

    fn signal(&self, signal: Signal) -> Result<(), Problem> {
        match rustix::process::pidfd_send_signal(&self.handle, signal) {
            // It has ended by itself.
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => {
                Err(Problem::new("ocap::daemon::not_evicted", format!("process {} can't be told to leave", self.pid))
                    .because(&error)
                    .with_help("do it as the user whose process it is"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::lock::Lock;
    use crate::daemon::test_home;
    use crate::powers::Powers;

    #[test]
    fn nobody_is_found_where_nobody_holds_the_lock_whatever_the_record_says() {
        let (_root, home) = test_home();
        let processes = Powers::of_this_process().processes().expect("/proc");
        assert!(Squatter::find(&home, &processes).expect("no fault").is_none(), "there is no lock");
        // A living process in the record, which does not hold the lock: this one.
        drop(Lock::take(&home, &processes, 0).expect("free"));
        HostRecord::starting(&home, &processes, 0).expect("a record").write(&home).expect("written");
        assert!(Squatter::find(&home, &processes).expect("no fault").is_none(), "nobody holds it");
    }

    #[test]
    fn the_holder_is_found_with_a_record_and_without() {
        let (_root, home) = test_home();
        let processes = Powers::of_this_process().processes().expect("/proc");
        let _lock = Lock::take(&home, &processes, 0).expect("free");
        let found = || Squatter::find(&home, &processes).expect("no fault").map(|squatter| squatter.pid());
        assert_eq!(found(), Some(std::process::id()));
        HostRecord::starting(&home, &processes, 0).expect("a record").write(&home).expect("written");
        assert_eq!(found(), Some(std::process::id()));
    }

    #[test]
    fn a_process_that_does_not_hold_the_lock_is_never_seized() {
        let (_root, home) = test_home();
        let processes = Powers::of_this_process().processes().expect("/proc");
        let _lock = Lock::take(&home, &processes, 0).expect("free");
        let mut other = std::process::Command::new("sleep").arg("60").spawn().expect("a process");
        let lock = home.dir().open(LOCK).expect("a lock");
        let seized = || Squatter::seize(other.id(), &lock, &processes).expect("no fault").is_some();
        // For a moment of its `exec` it has our descriptors.
        assert!((0..1_000).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(1));
            !seized()
        }));
        other.kill().expect("it runs");
        other.wait().expect("it is ours");
        assert!(Squatter::seize(other.id(), &lock, &processes).expect("no fault").is_none(), "it is gone");
    }
}
