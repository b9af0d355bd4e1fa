//! What a vat says in one crank: its log, its standard output and its standard error, in the order in which it said it.
//!
//! The text is the guest's own and raw; sizes are bounded here. Whoever prints it escapes it ([`crate::escape`]).

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::limits::{LOG_BYTES_MAX, LOG_FIELDS_MAX, LOG_LINE_BYTES_MAX};

/// One line of a vat's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// How important the vat says it is.
    pub level: Level,
    /// How it was said.
    pub stream: Stream,
    /// Raw text of the guest, at most [`LOG_LINE_BYTES_MAX`] bytes together with the fields.
    pub message: String,
    /// Raw names and values of the guest.
    pub fields: Vec<(String, String)>,
}

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Every step.
    Trace,
    /// For whoever looks for a fault.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is odd.
    Warn,
    /// Something does not work.
    Error,
}

/// How a line was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// With the function `log.write`.
    Log,
    /// On standard output.
    Stdout,
    /// On standard error.
    Stderr,
    /// By the host, about the log itself.
    Host,
}

/// The log of the present crank, shared by all that write to it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Book>>);

#[derive(Debug, Default)]
struct Book {
    lines: Vec<LogLine>,
    bytes: usize,
    dropped: usize,
    /// What was written to standard output since its last line end.
    stdout: Vec<u8>,
    /// The same for standard error.
    stderr: Vec<u8>,
}

impl Log {
    /// A line by `log.write`.
    pub(crate) fn write(&self, level: Level, message: String, fields: Vec<(String, String)>) {
        self.book().push(LogLine { level, stream: Stream::Log, message, fields });
    }

    /// Bytes on standard output.
    pub(crate) fn stdout(&self, bytes: &[u8]) {
        self.book().stream(Stream::Stdout, bytes);
    }

    /// Bytes on standard error.
    pub(crate) fn stderr(&self, bytes: &[u8]) {
        self.book().stream(Stream::Stderr, bytes);
    }

    /// The crank is over: all its lines, unfinished ones too. The book is empty afterwards.
    pub(crate) fn finish(&self) -> Vec<LogLine> {
        let mut book = mem::take(&mut *self.book());
        for stream in [Stream::Stdout, Stream::Stderr] {
            book.end_line(stream);
        }
        if book.dropped > 0 {
            let message = format!("{} more lines dropped: one crank may log {LOG_BYTES_MAX} bytes", book.dropped);
            book.lines.push(LogLine { level: Level::Warn, stream: Stream::Host, message, fields: Vec::new() });
        }
        book.lines
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        // A panic between two pushes leaves no half-written line behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Adds a line, or counts it where the budget is spent.
    fn push(&mut self, mut line: LogLine) {
        let bytes = cut(&mut line);
        if self.bytes + bytes > LOG_BYTES_MAX {
            self.bytes = LOG_BYTES_MAX;
            self.dropped += 1;
            return;
        }
        self.bytes += bytes;
        self.lines.push(line);
    }

    /// Splits bytes into lines. Of a line that is too long only the beginning is remembered.
    fn stream(&mut self, stream: Stream, bytes: &[u8]) {
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            let text = part.strip_suffix(b"\n").unwrap_or(part);
            let buffer = self.buffer(stream);
            let room = (LOG_LINE_BYTES_MAX + 1).saturating_sub(buffer.len());
            buffer.extend_from_slice(&text[..text.len().min(room)]);
            if text.len() < part.len() {
                let line = mem::take(self.buffer(stream));
                self.push_text(stream, &line);
            }
        }
    }

    fn end_line(&mut self, stream: Stream) {
        let line = mem::take(self.buffer(stream));
        if !line.is_empty() {
            self.push_text(stream, &line);
        }
    }

    fn push_text(&mut self, stream: Stream, line: &[u8]) {
        let level = if stream == Stream::Stderr { Level::Warn } else { Level::Info };
        let message = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
        self.push(LogLine { level, stream, message, fields: Vec::new() });
    }

    fn buffer(&mut self, stream: Stream) -> &mut Vec<u8> {
        match stream {
            Stream::Stderr => &mut self.stderr,
            Stream::Stdout | Stream::Log | Stream::Host => &mut self.stdout,
        }
    }
}

/// Cuts a line to its limits and returns what it weighs, in bytes.
fn cut(line: &mut LogLine) -> usize {
    let mut room = LOG_LINE_BYTES_MAX;
    cut_text(&mut line.message, &mut room);
    line.fields.truncate(LOG_FIELDS_MAX);
    for (name, value) in &mut line.fields {
        cut_text(name, &mut room);
        cut_text(value, &mut room);
    }
    // Empty lines and fields weigh something too: they take a place in lists.
    LOG_LINE_BYTES_MAX - room + 16 * (1 + line.fields.len())
}

fn cut_text(text: &mut String, room: &mut usize) {
    if text.len() > *room {
        text.truncate(text.floor_char_boundary(room.saturating_sub('…'.len_utf8())));
        if *room >= '…'.len_utf8() {
            text.push('…');
        }
    }
    *room -= text.len();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(log: &Log) -> Vec<String> {
        log.finish().into_iter().map(|line| line.message).collect()
    }

    #[test]
    fn a_stream_becomes_lines_however_it_was_written() {
        let log = Log::default();
        log.stdout(b"one\ntw");
        log.stderr(b"other\n");
        log.stdout(b"o\r\n\nlast");
        assert_eq!(messages(&log), ["one", "other", "two", "", "last"]);
        assert_eq!(messages(&log), Vec::<String>::new(), "the next crank begins with an empty book");
    }

    #[test]
    fn a_long_line_is_cut_between_characters() {
        let log = Log::default();
        log.stdout("ä".repeat(LOG_LINE_BYTES_MAX).as_bytes());
        log.write(Level::Info, "x".repeat(10_000), vec![("name".to_owned(), "value".to_owned()); 100]);
        for line in log.finish() {
            assert!(line.message.ends_with('…'), "{}", line.message);
            assert!(line.message.len() <= LOG_LINE_BYTES_MAX && line.fields.len() <= LOG_FIELDS_MAX);
        }
    }

    #[test]
    fn what_exceeds_the_budget_is_counted_in_one_line() {
        let log = Log::default();
        for _ in 0..100 {
            log.stderr(&[b'x'; 1_000]);
            log.stderr(b"\n");
        }
        let lines = log.finish();
        let kept = lines.len() - 1;
        assert!(lines.iter().map(|line| line.message.len()).sum::<usize>() <= LOG_BYTES_MAX + 100);
        let last = &lines[kept];
        assert_eq!((last.stream, last.level), (Stream::Host, Level::Warn));
        assert!(last.message.starts_with(&format!("{} more lines dropped", 100 - kept)), "{}", last.message);
    }

    #[test]
    fn empty_lines_are_bounded_too() {
        let log = Log::default();
        log.stdout(&[b'\n'; 100_000]);
        assert!(log.finish().len() <= LOG_BYTES_MAX / 16 + 1);
    }
}
