//! The lock on a home: truth about who runs there. Taken before anything else; the system frees it however its holder ends.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;

use cap_std::fs::{Dir, MetadataExt as _, OpenOptions, OpenOptionsExt};

use super::home::{Home, LOCK};
use super::process::holder_of;
use super::status_file::{HostRecord, Phase};
use crate::problem::Problem;

/// The code of the one problem that ends with exit status 5.
pub const LOCKED: &str = "ocap::daemon::locked";

/// The code of a lock that no longer keeps others out.
pub const LOST: &str = "ocap::daemon::lock_lost";

/// A held lock; dropping it lets the next host in.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock, without waiting.
    ///
    /// # Errors
    /// [`LOCKED`] with whoever holds it, what it is at and since when; others if the file can't be opened.
    pub fn take(home: &Home, processes: &Dir, now_ms: u64) -> Result<Lock, Problem> {
        let file = open(home).map_err(|error| unusable(home, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { file }),
            Err(TryLockError::WouldBlock) => Err(locked(home, holder(home, processes, now_ms))),
            Err(TryLockError::Error(error)) => Err(unusable(home, &error)),
        }
    }

    /// Sees that the lock still keeps others out: the file that was locked is the one that they would open.
    ///
    /// # Errors
    /// [`LOST`] if it was removed or replaced.
    pub fn check(&self, home: &Home) -> Result<(), Problem> {
        let ours = self.file.metadata().map_err(|error| unusable(home, &error))?;
        let why = match home.dir().symlink_metadata(LOCK) {
            Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => return Ok(()),
            Ok(_) => "another file is in its place".to_owned(),
            Err(error) => error.to_string(),
        };
        let message = format!("the lock {} was taken away while this host held it", home.path_of(LOCK).display());
        let mut problem = Problem::new(LOST, message);
        problem.causes.extend([why, "another host could begin on this home, so this one serves no longer".to_owned()]);
        Err(problem.with_help(format!("leave the home's files alone, and start again: `{}`", home.command("start"))))
    }

    /// Lets the next host in, also while others still know of this lock.
    pub fn release(&self) {
        // It can't fail for a file that is open; the end of the process frees it in any case.
        let _ = self.file.unlock();
    }
}

/// Returns when no host holds the home any more, however its process ended.
///
/// # Errors
/// If the file can't be opened.
pub fn wait_until_free(home: &Home) -> Result<(), Problem> {
    open(home).and_then(|file| file.lock_shared()).map_err(|error| unusable(home, &error))
}

/// Who holds the home now. It does not touch the lock: a look must never be in the way of a host that starts just then.
pub fn holder(home: &Home, processes: &Dir, now_ms: u64) -> Option<Holder> {
    let unknown = match HostRecord::read(home) {
        Ok(Some(record)) if !record.process.runs(processes) => "status.json is of an earlier host".to_owned(),
        Ok(Some(HostRecord { phase: Phase::Stopped | Phase::Failed, .. })) => {
            "status.json says that it is over".to_owned()
        }
        Ok(Some(record)) => return Some(Holder { sentence: record.sentence(now_ms), unknown: None }),
        Ok(None) => "there is no status.json yet".to_owned(),
        Err(error) => format!("status.json can't be read: {error}"),
    };
    let pid = home.dir().open(LOCK).ok().and_then(|file| holder_of(&file, processes))?;
    Some(Holder { sentence: format!("process {pid}"), unknown: Some(unknown) })
}

/// Who holds a home. The record in the home counts only if its process still runs; else the system is asked for a pid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// In words.
    pub sentence: String,
    /// Why no more is known of it.
    pub unknown: Option<String>,
}

/// That somebody else is there.
pub(super) fn locked(home: &Home, holder: Option<Holder>) -> Problem {
    let (sentence, unknown) = match holder {
        Some(Holder { sentence, unknown }) => (sentence, unknown),
        None => ("a process that the system does not name".to_owned(), None),
    };
    let message = format!("the home {} is in use by {sentence}", home.path().display());
    let mut problem = Problem::new(LOCKED, message);
    problem.causes.extend(unknown);
    problem.with_help(format!(
        "look at it with `{}`, or end it with `{}`",
        home.command("status"),
        home.command("stop")
    ))
}

fn unusable(home: &Home, error: &io::Error) -> Problem {
    Problem::new("ocap::daemon::lock_unusable", format!("the lock {} can't be used", home.path_of(LOCK).display()))
        .because(error)
        .with_help("see that you own this file and that its file system knows locks")
}

/// Closed at `exec` like every file that the standard library opens, so that no child inherits the lock.
fn open(home: &Home) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).mode(0o600);
    home.dir().open_with(LOCK, &options).map(cap_std::fs::File::into_std)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::home::STATUS;
    use crate::daemon::test_home;
    use crate::powers::Powers;

    fn take(home: &Home) -> Result<Lock, Problem> {
        Lock::take(home, &Powers::of_this_process().processes().expect("/proc"), 61_000)
    }

    #[test]
    fn the_second_to_come_is_refused_and_told_who_is_there_and_since_when() {
        let (_root, home) = test_home();
        let processes = Powers::of_this_process().processes().expect("/proc");
        let lock = take(&home).expect("the first gets it");
        let mut record = HostRecord::starting(&home, &processes, 1_000).expect("a record");
        record.step = Some("open the store".into());
        record.write(&home).expect("written");
        let problem = take(&home).expect_err("refused");
        assert_eq!(problem.code, LOCKED);
        let who = format!("process {}, starting (open the store) for 60 s", std::process::id());
        assert!(problem.message.contains(&who), "{}", problem.message);
        assert_eq!(problem.causes, Vec::<String>::new());
        drop(lock);
        take(&home).expect("free again");
    }

    #[test]
    fn a_holder_without_a_readable_record_is_named_by_the_system() {
        let (_root, home) = test_home();
        let _lock = take(&home).expect("the first gets it");
        home.dir().write(STATUS, b"not json").expect("written");
        let problem = take(&home).expect_err("refused");
        assert!(problem.message.ends_with(&format!("in use by process {}", std::process::id())), "{}", problem.message);
        assert!(problem.causes[0].starts_with("status.json can't be read: "), "{:?}", problem.causes);
    }

    #[test]
    fn a_record_of_a_process_that_is_gone_is_not_taken_for_the_holders() {
        let (_root, home) = test_home();
        let processes = Powers::of_this_process().processes().expect("/proc");
        let _lock = take(&home).expect("the first gets it");
        let mut record = HostRecord::starting(&home, &processes, 1_000).expect("a record");
        record.process.started_ticks += 1;
        record.write(&home).expect("written");
        let holder = holder(&home, &processes, 2_000).expect("a holder");
        assert_eq!(holder.sentence, format!("process {}", std::process::id()));
        assert_eq!(holder.unknown.as_deref(), Some("status.json is of an earlier host"));
    }

    #[test]
    fn a_lock_whose_file_was_removed_or_replaced_is_noticed() {
        let (_root, home) = test_home();
        let lock = take(&home).expect("the first gets it");
        assert_eq!(lock.check(&home), Ok(()));
        home.dir().remove_file(LOCK).expect("removed");
        assert_eq!(lock.check(&home).expect_err("removed").code, LOST);
        let _other = take(&home).expect("nothing keeps another out");
        assert_eq!(lock.check(&home).expect_err("replaced").causes[0], "another file is in its place");
    }

    #[test]
    fn whoever_waits_goes_on_when_the_holder_is_gone() {
        let (_root, home) = test_home();
        let processes = Powers::of_this_process().processes().expect("/proc");
        let lock = take(&home).expect("the first gets it");
        assert!(holder(&home, &processes, 0).is_some());
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| wait_until_free(&home));
            drop(lock);
            assert_eq!(waiting.join().expect("no panic"), Ok(()));
        });
        assert_eq!(holder(&home, &processes, 0), None);
    }
}
