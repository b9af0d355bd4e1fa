//! One thread of a process, halted from outside while the others go on.

use std::fs;

use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};
use nix::unistd::Pid;

/// A thread of a child of this process that stands still until [`Halted::go_on`]. Only for the thread that made it.
#[derive(Debug)]
pub struct Halted(Pid);

impl Halted {
    /// Halts the thread of this name, as the system shows it; the main thread has the name of its program.
    pub fn thread(process: u32, name: &str) -> Halted {
        let threads = fs::read_dir(format!("/proc/{process}/task")).expect("it runs");
        let named = threads
            .flatten()
            .filter(|thread| fs::read_to_string(thread.path().join("comm")).is_ok_and(|comm| comm.trim() == name));
        let thread = named.last().expect("it has such a thread").file_name().to_string_lossy().parse();
        let thread = Pid::from_raw(thread.expect("a number"));
        ptrace::seize(thread, ptrace::Options::empty()).expect("it is a child of this process");
        ptrace::interrupt(thread).expect("it runs");
        waitpid(thread, Some(WaitPidFlag::__WALL)).expect("it halts");
        Halted(thread)
    }

    /// Lets it go on.
    pub fn go_on(self) {
        ptrace::detach(self.0, None).expect("it is halted");
    }
}
