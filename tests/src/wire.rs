//! The control socket without the command line: many calls over one connection, as fast as the host answers.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

use crate::patience::PATIENCE;

/// A connection to the control socket. An error means that the host is gone; the connection is of no use then.
#[derive(Debug)]
pub struct Wire {
    stream: BufReader<UnixStream>,
}

impl Wire {
    pub(crate) fn connect(path: &Path) -> Wire {
        let stream = UnixStream::connect(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket takes a time-out");
        Wire { stream: BufReader::new(stream) }
    }

    /// Calls a method; the outcome as JSON.
    ///
    /// # Errors
    /// If the connection ends first.
    pub fn call(&mut self, target: &str, method: &str, args: &[Value]) -> io::Result<Value> {
        self.send(target, method, args)?;
        self.receive()
    }

    /// Sends a call, and does not wait for its answer.
    ///
    /// # Errors
    /// If the connection has ended.
    pub fn send(&mut self, target: &str, method: &str, args: &[Value]) -> io::Result<()> {
        let body = json!({ "target": target, "method": method, "args": args }).to_string();
        let length = body.len();
        let head = format!("POST /v1/call HTTP/1.1\r\nhost: ocap-host\r\ncontent-length: {length}\r\n\r\n");
        self.stream.get_mut().write_all(format!("{head}{body}").as_bytes())
    }

    /// The next answer.
    ///
    /// # Errors
    /// If the connection ends first.
    pub fn receive(&mut self) -> io::Result<Value> {
        let mut length = 0;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse().map_err(io::Error::other)?;
                }
                Some(_) => {}
                None if line.trim_end().is_empty() => break,
                // The status line: what went wrong is in the body.
                None => {}
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(serde_json::from_slice(&body)?)
    }
}
