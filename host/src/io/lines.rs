//! Cuts what a client sends into lines, and keeps no more of it than one line may have.

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Lines from a source of bytes.
#[derive(Debug)]
pub(super) struct Lines<R> {
    source: BufReader<R>,
    partial: Vec<u8>,
    bytes_max: usize,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A line, without its `\n`.
    Line(String),
    /// The end, after a line.
    End,
    /// The end, in the middle of a line.
    Torn,
    /// A line that is longer than allowed.
    TooLong,
    /// A line that is not UTF-8.
    NotText,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    /// Lines of at most `bytes_max` bytes, `\n` not counted.
    pub(super) fn new(source: R, bytes_max: usize) -> Lines<R> {
        Lines { source: BufReader::new(source), partial: Vec::new(), bytes_max }
    }

    /// The next line. A source that fails has ended: what it gave before is whole.
    pub(super) async fn next(&mut self) -> Next {
        loop {
            let chunk = self.source.fill_buf().await.unwrap_or_default();
            if chunk.is_empty() {
                return if self.partial.is_empty() { Next::End } else { Next::Torn };
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let piece = &chunk[..end.unwrap_or(chunk.len())];
            if self.partial.len() + piece.len() > self.bytes_max {
                return Next::TooLong;
            }
            self.partial.extend_from_slice(piece);
            let used = piece.len() + usize::from(end.is_some());
            self.source.consume(used);
            if end.is_some() {
                let line = std::mem::take(&mut self.partial);
                return String::from_utf8(line).map_or(Next::NotText, Next::Line);
            }
        }
    }

    /// What the bytes come from.
    pub(super) fn source(&self) -> &R {
        self.source.get_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    fn line(text: &str) -> Next {
        Next::Line(text.to_owned())
    }

    #[tokio::test]
    async fn lines_are_the_same_however_the_bytes_arrive() {
        let (mut client, server) = tokio::io::duplex(1);
        let text = "ä\n\nlast\r\n".as_bytes();
        tokio::spawn(async move { client.write_all(text).await });
        let mut lines = Lines::new(server, 5);
        assert_eq!(lines.next().await, line("ä"));
        assert_eq!(lines.next().await, line(""));
        assert_eq!(lines.next().await, line("last\r"));
        assert_eq!(lines.next().await, Next::End);
    }

    #[tokio::test]
    async fn a_line_may_have_exactly_the_allowed_length() {
        assert_eq!(Lines::new(&b"1234\n"[..], 4).next().await, line("1234"));
        assert_eq!(Lines::new(&b"12345\n"[..], 4).next().await, Next::TooLong);
        assert_eq!(Lines::new(&b"12345"[..], 4).next().await, Next::TooLong);
    }

    #[tokio::test]
    async fn a_rest_without_an_end_is_no_line() {
        let mut lines = Lines::new(&b"whole\npart"[..], 9);
        assert_eq!(lines.next().await, line("whole"));
        assert_eq!(lines.next().await, Next::Torn);
    }

    #[tokio::test]
    async fn bytes_that_are_not_utf8_are_no_line() {
        assert_eq!(Lines::new(&b"\xff\n"[..], 9).next().await, Next::NotText);
        assert_eq!(Lines::new(&b"\xc3\n\xa4\n"[..], 9).next().await, Next::NotText);
    }
}
