//! The command line: one process, and what came of it.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use serde_json::Value;

use crate::built;
use crate::patience::PATIENCE;

/// A command that runs.
#[derive(Debug)]
pub struct Pending {
    child: Child,
    line: String,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

/// A command that has ended.
#[derive(Debug, Clone)]
pub struct Done {
    /// Its exit status; for a signal, 128 and its number.
    pub status: i32,
    /// What it answered.
    pub stdout: String,
    /// What it said beside.
    pub stderr: String,
    line: String,
}

/// The binary with nothing in its environment, in a directory, with its streams in pipes.
pub(crate) fn prepared(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(built::ocap_host());
    command.args(args).env_clear().env("HOME", directory).current_dir(directory);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Pending {
    pub(crate) fn start(directory: &Path, args: &[&str]) -> Pending {
        let mut child = prepared(directory, args).spawn().expect("the binary can be started");
        let stdout = collected(child.stdout.take().expect("stdout is a pipe"));
        let stderr = collected(child.stderr.take().expect("stderr is a pipe"));
        Pending { child, line: args.join(" "), stdout, stderr }
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// If it does not come.
    pub fn done(mut self) -> Done {
        let line = self.line.clone();
        let whole = |stream: &Receiver<String>| {
            stream.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("`ocap-host {line}` does not end"))
        };
        let (stdout, stderr) = (whole(&self.stdout), whole(&self.stderr));
        let status = self.child.wait().expect("a child of this process");
        let status = status.code().or(status.signal().map(|signal| 128 + signal)).expect("it has ended");
        Done { status, stdout, stderr, line }
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("a child of this process").is_none()
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // It may have ended already, and then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Done {
    /// The same, if it ended with this status.
    ///
    /// # Panics
    /// If it did not.
    #[track_caller]
    pub fn expect(self, status: i32) -> Done {
        assert_eq!(self.status, status, "`ocap-host {}`\n{}{}", self.line, self.stdout, self.stderr);
        self
    }

    /// The answer, which is one JSON document.
    ///
    /// # Panics
    /// If it is not.
    #[track_caller]
    pub fn json(&self) -> Value {
        let parsed = serde_json::from_str(&self.stdout);
        parsed.unwrap_or_else(|error| panic!("`ocap-host {}`: {error}\n{}{}", self.line, self.stdout, self.stderr))
    }

    /// The diagnostics on stderr.
    pub fn problems(&self) -> Vec<Value> {
        let lines = self.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|value| value["$type"] == "problem").collect()
    }

    /// The diagnostic on stderr with this code.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn problem(&self, code: &str) -> Value {
        let found = self.problems().into_iter().find(|problem| problem["code"] == code);
        found.unwrap_or_else(|| panic!("no {code} from `ocap-host {}`:\n{}{}", self.line, self.stdout, self.stderr))
    }
}

/// Everything that a stream says, when it ends.
fn collected(mut stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // A stream that breaks off has said what it has said.
        let _ = stream.read_to_end(&mut bytes);
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}
