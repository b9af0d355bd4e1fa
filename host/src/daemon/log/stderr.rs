//! Stderr, whose reader may have stopped reading: a thread of its own writes, and a host never waits for it.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender, SyncSender, TrySendError};
use std::thread;
use std::time::{Duration, Instant};

/// So many lines may wait for a reader. Further ones are counted, and are in the log's file all the same.
const LINES_MAX: usize = 4_096;

/// How long a host that ends waits for a reader of its last lines.
const LAST_LINES_WITHIN: Duration = Duration::from_secs(1);

/// After so long it is looked again whether there is room for the word that this was the end.
const A_MOMENT: Duration = Duration::from_millis(5);

/// The way to the thread.
#[derive(Debug)]
pub(super) struct Stderr {
    lines: SyncSender<Said>,
    /// Lines for which there was no room since the last one that had some.
    unseen: AtomicU64,
}

enum Said {
    Line(String),
    /// Everything before it is written.
    End(Sender<()>),
}

impl Stderr {
    /// Starts the thread. It ends when this is dropped.
    pub(super) fn start(mut to: Box<dyn Write + Send>) -> io::Result<Stderr> {
        let (lines, waiting) = mpsc::sync_channel(LINES_MAX);
        let write = move || {
            for said in waiting {
                match said {
                    // A closed stderr must not end a host.
                    Said::Line(line) => drop(writeln!(to, "{line}")),
                    Said::End(heard) => drop(heard.send(())),
                }
            }
        };
        thread::Builder::new().name("stderr".to_owned()).spawn(write)?;
        Ok(Stderr { lines, unseen: AtomicU64::new(0) })
    }

    /// Writes a line soon, if there is room; and before it how many had none, in the words that are given.
    pub(super) fn write(&self, line: String, missing: impl FnOnce(u64) -> String) {
        let unseen = self.unseen.load(Ordering::Relaxed);
        if unseen > 0 && self.lines.try_send(Said::Line(missing(unseen))).is_ok() {
            self.unseen.fetch_sub(unseen, Ordering::Relaxed);
        }
        if let Err(TrySendError::Full(_)) = self.lines.try_send(Said::Line(line)) {
            self.unseen.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns when everything is written, or nobody reads it.
    pub(super) fn finish(&self) {
        let until = Instant::now() + LAST_LINES_WITHIN;
        let (sender, heard) = mpsc::channel();
        let mut end = Said::End(sender);
        // Whoever does not read has the log's file.
        while let Err(TrySendError::Full(back)) = self.lines.try_send(end) {
            if Instant::now() >= until {
                return;
            }
            end = back;
            thread::sleep(A_MOMENT);
        }
        let _ = heard.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// A reader that begins late: until then a write waits, as on a full pipe.
    #[derive(Clone)]
    struct Late {
        begins: Arc<Mutex<()>>,
        heard: Arc<Mutex<String>>,
    }

    impl Write for Late {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _begun = self.begins.lock().expect("nobody panicked");
            self.heard.lock().expect("nobody panicked").push_str(&String::from_utf8_lossy(bytes));
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_reader_that_does_not_read_and_what_it_missed_is_counted() {
        let late = Late { begins: Arc::default(), heard: Arc::default() };
        let stderr = Stderr::start(Box::new(late.clone())).expect("a thread");
        let asleep = late.begins.lock().expect("nobody panicked");
        let many = 2 * LINES_MAX as u64;
        let missing = |lines| format!("{lines} are missing");
        (0..many).for_each(|line| stderr.write(format!("line {line}"), missing));
        drop(asleep);
        let heard = || late.heard.lock().expect("nobody panicked").clone();
        while heard().lines().count() < LINES_MAX {
            stderr.finish();
        }
        stderr.write("at last".to_owned(), missing);
        while !heard().ends_with("at last\n") {
            stderr.finish();
        }
        let heard = heard();
        // Twice, if the thread took its first line after there was no room: then there was room for a word about that.
        let counted =
            |line: &str| line.strip_suffix(" are missing").map(|lines| lines.parse::<u64>().expect("a number"));
        let unseen: u64 = heard.lines().filter_map(counted).sum();
        let seen = heard.lines().filter(|line| line.starts_with("line ")).count() as u64;
        assert!(unseen > 0 && heard.starts_with("line 0\n"), "{unseen}");
        assert_eq!(seen + unseen, many);
        assert!(
            heard.lines().rev().nth(1).is_some_and(|line| counted(line).is_some()),
            "it is said before the next line"
        );
    }
}
