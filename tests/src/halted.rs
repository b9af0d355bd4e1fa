//! One thread of a process, halted from outside while the others go on.

use std::fs;

use nix::libc::SYS_futex;
use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

use crate::patience::eventually;

/// A thread of a child of this process that stands still until this is dropped. Only for the thread that made it.
#[derive(Debug)]
pub struct Halted(Pid);

impl Halted {
    /// Halts the thread of this name, as the system shows it, while it waits for something to do: one that is halted in the midst of
    /// something may hold a lock that the others need.
    ///
    /// # Panics
    /// If there is no such thread, or it is never idle.
    pub fn thread(process: u32, name: &str) -> Halted {
        let threads = fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
        let named = threads
            .flatten()
            .filter(|thread| fs::read_to_string(thread.path().join("comm")).is_ok_and(|comm| comm.trim() == name));
        let thread = named.last().expect("it has such a thread").path();
        let number = thread.file_name().and_then(|number| number.to_str()?.parse().ok()).expect("a number");
        eventually("a thread that waits", || {
            let halted = Halted::now(Pid::from_raw(number));
            let call = fs::read_to_string(thread.join("syscall")).expect("it is there");
            (call.split(' ').next() == Some(&SYS_futex.to_string())).then_some(halted)
        })
    }

    fn now(thread: Pid) -> Halted {
        ptrace::seize(thread, ptrace::Options::empty()).expect("it is a child of this process");
        let halted = Halted(thread);
        ptrace::interrupt(thread).expect("it runs");
        waitpid(thread, Some(WaitPidFlag::__WALL)).expect("it halts");
        halted
    }
}

impl Drop for Halted {
    /// Lets it go on. Otherwise nobody could wait for the end of its process, not even after a `kill -9`.
    fn drop(&mut self) {
        // It may have ended, and then there is nothing to let go.
        let _ = ptrace::detach(self.0, None);
    }
}
