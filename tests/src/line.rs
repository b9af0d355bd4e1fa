//! A client of a channel: lines over a Unix socket.

use std::io::{BufRead, BufReader, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::Value;

use crate::patience::PATIENCE;

/// A connected client.
#[derive(Debug)]
pub struct LineClient {
    stream: UnixStream,
    lines: BufReader<UnixStream>,
}

impl LineClient {
    /// Connects.
    ///
    /// # Panics
    /// If nobody listens.
    #[track_caller]
    pub fn connect(path: &Path) -> LineClient {
        let stream = UnixStream::connect(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a time-out");
        let lines = BufReader::new(stream.try_clone().expect("a descriptor"));
        LineClient { stream, lines }
    }

    /// Sends a line of JSON.
    ///
    /// # Panics
    /// If the connection is gone.
    #[track_caller]
    pub fn send(&mut self, value: &Value) {
        self.send_text(&format!("{value}\n"));
    }

    /// Sends text as it is.
    ///
    /// # Panics
    /// If the connection is gone.
    #[track_caller]
    pub fn send_text(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).expect("the connection takes it");
    }

    /// The next line, without its end; `None` at the end of the connection.
    ///
    /// # Panics
    /// If nothing comes.
    #[track_caller]
    pub fn hear(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.lines.read_line(&mut line).expect("an answer");
        (read > 0).then(|| line.trim_end_matches('\n').to_owned())
    }

    /// The next line, as JSON; `None` at the end of the connection.
    ///
    /// # Panics
    /// If nothing comes, or it is no JSON.
    #[track_caller]
    pub fn receive(&mut self) -> Option<Value> {
        self.hear().map(|line| serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}")))
    }

    /// Sends a line and returns the next one.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn ask(&mut self, value: &Value) -> Value {
        self.send(value);
        self.receive().expect("an answer before the end of the connection")
    }

    /// Says that nothing more will be sent.
    ///
    /// # Panics
    /// If the connection is gone.
    pub fn finish(&self) {
        self.stream.shutdown(Shutdown::Write).expect("it is open");
    }

    /// A second handle on the sending side, for a thread of its own.
    ///
    /// # Panics
    /// If there are no descriptors left.
    pub fn sender(&self) -> UnixStream {
        self.stream.try_clone().expect("a descriptor")
    }
}
