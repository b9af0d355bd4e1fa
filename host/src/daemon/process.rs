//! Which process somebody is: a pid alone may since have been given to another.

use std::io;

use cap_std::fs::{Dir, MetadataExt};
use serde::{Deserialize, Serialize};

/// A process, unmistakably: no two have all three in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it began, in clock ticks since the system started.
    pub started_ticks: u64,
    /// The kernel's name for this run of the system.
    pub system_boot: String,
}

/// By how much a thread that gives way is nicer than the others: where both want a processor it gets half of what they get.
const NICER_BY: i32 = 3;

/// From now on this thread gives way to the others of this process. Where the system refuses that it stays as it was.
pub fn give_way() {
    if let Ok(nice) = rustix::process::getpriority_process(None) {
        let _ = rustix::process::setpriority_process(None, nice + NICER_BY);
    }
}

impl Process {
    /// The process that now has this pid.
    ///
    /// # Errors
    /// If there is none, or `/proc` is not what it should be.
    pub fn with_pid(pid: u32, processes: &Dir) -> io::Result<Process> {
        let stat = processes.read_to_string(format!("{pid}/stat"))?;
        let system_boot = processes.read_to_string("sys/kernel/random/boot_id")?.trim().to_owned();
        let started_ticks = started_ticks(&stat).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Process { pid, started_ticks, system_boot })
    }

    /// Whether it still runs. One that is dead and was not reaped yet (a container without an init leaves them for ever) does not.
    pub fn runs(&self, processes: &Dir) -> bool {
        let dead = || match processes.read_to_string(format!("{}/stat", self.pid)) {
            Ok(stat) => is_dead(&stat),
            Err(_) => true,
        };
        Process::with_pid(self.pid, processes).is_ok_and(|now| now == *self) && !dead()
    }
}

/// Whether field 3 of `/proc/PID/stat` says zombie or dead.
fn is_dead(stat: &str) -> bool {
    stat.rsplit_once(')')
        .is_some_and(|(_, after_name)| matches!(after_name.trim_start().chars().next(), Some('Z' | 'X')))
}

/// Whether field 3 of `/proc/PID/stat` says that somebody has halted it.
pub(super) fn is_halted(stat: &str) -> bool {
    stat.rsplit_once(')')
        .is_some_and(|(_, after_name)| matches!(after_name.trim_start().chars().next(), Some('T' | 't')))
}

/// How often the system's list of locks is looked at before a lock counts as not there.
const LOOKS: usize = 8;

/// The pid that the system names as the holder of a file's lock, if it names one.
pub(super) fn holder_of(file: &cap_std::fs::File, processes: &Dir) -> Option<u32> {
    let metadata = file.metadata().ok()?;
    // The list is read in pieces. A lock that somebody gives up between two of them moves the rest up, and one line is not seen.
    (0..LOOKS).find_map(|_| {
        let locks = processes.read_to_string("locks").ok()?;
        holder_in(&locks, metadata.dev(), metadata.ino())
    })
}

/// Whether this process holds the lock of a file: one of its descriptors has it.
pub(super) fn holds(pid: u32, file: &cap_std::fs::File, processes: &Dir) -> bool {
    let look = || {
        let metadata = file.metadata()?;
        let descriptors = processes.open_dir(format!("{pid}/fdinfo"))?;
        for entry in descriptors.entries()? {
            // One that was closed meanwhile has no lock.
            let Ok(about) = entry.and_then(|entry| descriptors.read_to_string(entry.file_name())) else { continue };
            let locks: String = about
                .lines()
                .filter_map(|line| line.strip_prefix("lock:"))
                .fold(String::new(), |all, lock| all + lock + "\n");
            if holder_in(&locks, metadata.dev(), metadata.ino()).is_some() {
                return Ok(true);
            }
        }
        io::Result::Ok(false)
    };
    look().unwrap_or(false)
}

/// Field 22 of `/proc/PID/stat`. The second is the program's name in brackets, which may hold anything, brackets and blanks included.
fn started_ticks(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_ascii_whitespace().nth(19)?.parse().ok()
}

/// A line is `1: FLOCK  ADVISORY  WRITE 4711 fd:01:1234 0 EOF`; device numbers are hexadecimal.
fn holder_in(locks: &str, device: u64, inode: u64) -> Option<u32> {
    let file = format!("{:02x}:{:02x}:{inode}", rustix::fs::major(device), rustix::fs::minor(device));
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        match words.as_slice() {
            [_, "FLOCK", _, _, pid, place, ..] if *place == file => pid.parse().ok(),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::powers::Powers;

    #[test]
    fn a_process_is_recognised_and_another_with_its_pid_is_not() {
        let processes = Powers::of_this_process().processes().expect("/proc");
        let here = Process::with_pid(std::process::id(), &processes).expect("this process");
        assert!(here.runs(&processes));
        assert!(!Process { started_ticks: here.started_ticks + 1, ..here.clone() }.runs(&processes));
        assert!(!Process { system_boot: "another".into(), ..here }.runs(&processes));
    }

    #[test]
    fn a_process_that_died_and_was_not_reaped_does_not_run() {
        let processes = Powers::of_this_process().processes().expect("/proc");
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("a child");
        let process = Process::with_pid(child.id(), &processes).expect("the child");
        assert!(process.runs(&processes));
        child.kill().expect("killed");
        // Wait until it is dead, without reaping it.
        while Process::with_pid(child.id(), &processes).is_ok() && process.runs(&processes) {
            std::thread::yield_now();
        }
        assert!(Process::with_pid(child.id(), &processes).is_ok(), "it is still listed");
        child.wait().expect("reaped");
    }

    #[test]
    fn the_start_is_found_behind_a_name_with_brackets_and_blanks() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987654 10 11";
        assert_eq!(started_ticks(stat), Some(987_654));
        assert_eq!(started_ticks("7 (short) S 1"), None);
    }

    #[test]
    fn the_holder_is_the_one_of_this_file_and_of_this_kind_of_lock() {
        let locks = "1: POSIX  ADVISORY  WRITE 11 08:01:1234 0 EOF\n2: FLOCK  ADVISORY  WRITE 12 08:01:1235 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 13 08:01:1234 0 EOF\n3: -> FLOCK  ADVISORY  WRITE 14 08:01:1234 0 EOF\n";
        let device = rustix::fs::makedev(8, 1);
        assert_eq!(holder_in(locks, device, 1234), Some(13));
        assert_eq!(holder_in(locks, device, 9), None);
    }
}
