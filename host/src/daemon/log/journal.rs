//! The log's files: the one that is written, the older ones, and whoever follows.
//!
//! `log` grows to a size and becomes `log.1`, which becomes `log.2`, and so on; the oldest goes. Nothing that is wrong with them ends
//! a host or holds it up.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cap_std::fs::{Dir, File, OpenOptions, OpenOptionsExt};
use tokio::sync::broadcast;

use crate::daemon::home::LOG;

/// How many lines wait for a follower that is slow; older ones are lost to it.
pub(in crate::daemon) const FOLLOWED_LINES_MAX: usize = 1_024;

/// How much of the log is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// When a file is full, in bytes.
    pub file_bytes: u64,
    /// Files in all, the one that is written included; at least 1.
    pub files: u32,
}

impl Rotation {
    /// Where `host.toml` says nothing: five files of 10 MiB.
    pub const DEFAULT: Rotation = Rotation { file_bytes: 10 << 20, files: 5 };
}

/// The log's files, as far as they are written, newest first.
pub type Pages = Vec<(File, u64)>;

#[derive(Debug)]
pub(super) struct Journal {
    dir: Dir,
    page: Mutex<Page>,
    live: broadcast::Sender<Arc<str>>,
}

/// The file that is written.
#[derive(Debug)]
struct Page {
    file: File,
    bytes: u64,
    rotation: Rotation,
}

impl Journal {
    pub(super) fn open(dir: Dir) -> io::Result<Journal> {
        let file = open(&dir)?;
        let bytes = file.metadata()?.len();
        let page = Page { file, bytes, rotation: Rotation::DEFAULT };
        Ok(Journal { dir, page: Mutex::new(page), live: broadcast::Sender::new(FOLLOWED_LINES_MAX) })
    }

    pub(super) fn rotate_by(&self, rotation: Rotation) {
        self.page().rotation = rotation;
    }

    /// Writes a line. What can't be written is lost: a full disk must not end a host by its log.
    pub(super) fn write(&self, line: &str) {
        let mut page = self.page();
        let length = line.len() as u64 + 1;
        if page.bytes > 0 && page.bytes + length > page.rotation.file_bytes {
            page.turn(&self.dir);
        }
        // In one piece, so that a death leaves at most one line cut short.
        if page.file.write_all(format!("{line}\n").as_bytes()).is_ok() {
            page.bytes += length;
        }
        if self.live.receiver_count() > 0 {
            // Followers may leave at any time.
            let _ = self.live.send(line.into());
        }
    }

    /// What has been written, and all that will be: no line is in both, and none is missed.
    pub(super) fn follow(&self) -> (Pages, broadcast::Receiver<Arc<str>>) {
        let page = self.page();
        let mut pages = pages(&self.dir);
        if let Some((_, length)) = pages.first_mut() {
            *length = page.bytes;
        }
        (pages, self.live.subscribe())
    }

    fn page(&self) -> MutexGuard<'_, Page> {
        // What is behind the lock is whole between any two statements.
        self.page.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Page {
    /// Begins a new file. If that can't be, the old one goes on.
    fn turn(&mut self, dir: &Dir) {
        let kept = self.rotation.files.saturating_sub(1);
        let turned = || -> io::Result<File> {
            // Also those that a longer rotation left.
            for older in (kept.max(1)..).take_while(|older| *older == kept || dir.exists(numbered(*older))) {
                match dir.remove_file(numbered(older)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            for older in (1..kept).rev().filter(|older| dir.exists(numbered(*older))) {
                dir.rename(numbered(older), dir, numbered(older + 1))?;
            }
            match kept {
                0 => dir.remove_file(LOG)?,
                _ => dir.rename(LOG, dir, numbered(1))?,
            }
            open(dir)
        };
        if let Ok(file) = turned() {
            self.file = file;
            self.bytes = 0;
        }
    }
}

/// The log's files in a home, newest first. For whoever writes them, or where nobody does.
pub fn pages(dir: &Dir) -> Pages {
    let names = std::iter::once(LOG.to_owned()).chain((1..).map(numbered));
    let open = |name: String| {
        let file = dir.open(name).ok()?;
        let length = file.metadata().ok()?.len();
        Some((file, length))
    };
    names.map_while(open).collect()
}

fn numbered(number: u32) -> String {
    format!("{LOG}.{number}")
}

fn open(dir: &Dir) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    dir.open_with(LOG, &options)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::test_home;

    fn journal(files: u32) -> (tempfile::TempDir, Dir, Journal) {
        let (root, home) = test_home();
        let dir = home.dir().try_clone().expect("a directory");
        let journal = Journal::open(dir.try_clone().expect("a directory")).expect("opened");
        journal.rotate_by(Rotation { file_bytes: 30, files });
        (root, dir, journal)
    }

    fn names(dir: &Dir) -> Vec<String> {
        let entries = dir.entries().expect("a directory").flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn full_files_are_kept_by_number_and_the_oldest_goes() {
        let (_root, dir, journal) = journal(3);
        (0..10).for_each(|number| journal.write(&format!("line number {number}")));
        assert_eq!(names(&dir), ["log", "log.1", "log.2"]);
        assert_eq!(dir.read_to_string("log").expect("read"), "line number 8\nline number 9\n");
        assert_eq!(dir.read_to_string("log.2").expect("read"), "line number 4\nline number 5\n");
        assert_eq!(pages(&dir).iter().map(|(_, length)| *length).collect::<Vec<_>>(), [28, 28, 28]);
    }

    #[test]
    fn fewer_files_than_before_leave_none_behind_and_one_file_is_enough() {
        let (_root, dir, journal) = journal(5);
        (0..10).for_each(|number| journal.write(&format!("line number {number}")));
        assert_eq!(names(&dir).len(), 5);
        journal.rotate_by(Rotation { file_bytes: 30, files: 2 });
        (0..2).for_each(|number| journal.write(&format!("line number {number}")));
        assert_eq!(names(&dir), ["log", "log.1"]);
        journal.rotate_by(Rotation { file_bytes: 30, files: 1 });
        (0..4).for_each(|number| journal.write(&format!("line number {number}")));
        assert_eq!(dir.read_to_string("log").expect("read"), "line number 2\nline number 3\n");
    }

    #[test]
    fn a_line_that_is_longer_than_a_file_is_written_whole() {
        let (_root, dir, journal) = journal(2);
        journal.write(&"x".repeat(100));
        journal.write("short");
        assert_eq!(dir.read_to_string("log").expect("read"), "short\n");
        assert_eq!(dir.read_to_string("log.1").expect("read").len(), 101);
    }

    #[test]
    fn whoever_follows_gets_each_line_once_and_a_slow_one_is_told_how_many_it_lost() {
        let (_root, _dir, journal) = journal(2);
        journal.write("before");
        let (pages, mut live) = journal.follow();
        assert_eq!(pages[0].1, 7);
        journal.write("after");
        assert_eq!(live.try_recv().as_deref(), Ok("after"));
        (0..FOLLOWED_LINES_MAX + 5).for_each(|number| journal.write(&number.to_string()));
        assert_eq!(live.try_recv(), Err(broadcast::error::TryRecvError::Lagged(5)));
        assert_eq!(live.try_recv().as_deref(), Ok("5"));
    }
}
