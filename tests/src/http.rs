//! The control socket as any HTTP client sees it: whatever is sent comes as it is, whatever is answered can be looked at.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::Value;

use crate::patience::PATIENCE;

/// A connection of which nothing is taken for granted.
#[derive(Debug)]
pub struct Http {
    stream: BufReader<UnixStream>,
}

/// What was answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Reply {
    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The code of the diagnostic that it is.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    pub fn code(&self) -> String {
        let problem = self.json();
        problem["code"].as_str().unwrap_or_else(|| panic!("no diagnostic: {problem}")).to_owned()
    }
}

impl Http {
    /// Connects.
    ///
    /// # Panics
    /// If nobody listens.
    #[track_caller]
    pub fn connect(path: &Path) -> Http {
        let stream = UnixStream::connect(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a time-out");
        Http { stream: BufReader::new(stream) }
    }

    /// Sends text as it is. The host may have hung up already.
    pub fn send(&mut self, text: &str) {
        let _ = self.stream.get_mut().write_all(text.as_bytes());
    }

    /// Asks with this method, these further lines of a head, and this body.
    ///
    /// # Panics
    /// If there is no answer.
    #[track_caller]
    pub fn ask(&mut self, method: &str, path: &str, head: &str, body: &str) -> Reply {
        self.begin(method, path, head, body);
        self.reply()
    }

    /// Asks, and does not wait for the answer.
    pub fn begin(&mut self, method: &str, path: &str, head: &str, body: &str) {
        let length = body.len();
        self.send(&format!("{method} {path} HTTP/1.1\r\nhost: x\r\n{head}content-length: {length}\r\n\r\n{body}"));
    }

    /// The next answer.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn reply(&mut self) -> Reply {
        let head = self.head();
        let status = head[0].split(' ').nth(1).and_then(|word| word.parse().ok()).expect("a status line");
        let length = head.iter().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let body = match length {
            Some(length) => {
                let mut body = vec![0; length];
                self.stream.read_exact(&mut body).expect("a body");
                String::from_utf8(body).expect("text")
            }
            None => std::iter::from_fn(|| self.chunk()).collect(),
        };
        Reply { status, body }
    }

    /// The head of an answer that comes piece by piece.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn head(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            let read = self.stream.read_line(&mut line).expect("an answer");
            assert!(read > 0, "the host hung up after {lines:?}");
            match line.trim_end() {
                "" => return lines,
                line => lines.push(line.to_owned()),
            }
        }
    }

    /// The next piece of such an answer; `None` at its end.
    ///
    /// # Panics
    /// If the connection breaks off.
    pub fn chunk(&mut self) -> Option<String> {
        let mut size = String::new();
        self.stream.read_line(&mut size).expect("a piece or an end");
        let size = usize::from_str_radix(size.trim_end(), 16).expect("a size");
        let mut piece = vec![0; size + 2];
        self.stream.read_exact(&mut piece).expect("a piece");
        piece.truncate(size);
        (size > 0).then(|| String::from_utf8(piece).expect("text"))
    }

    /// Waits until the host hangs up; what it said before.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn hung_up(&mut self) -> String {
        let mut said = Vec::new();
        match self.stream.read_to_end(&mut said) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "it does not hang up: {error}"),
        }
        String::from_utf8_lossy(&said).into_owned()
    }
}
