//! The command line: one process, and what came of it.

use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use serde_json::Value;

use crate::built;
use crate::patience::{PATIENCE, eventually};

/// A command that runs.
#[derive(Debug)]
pub struct Pending {
    child: Child,
    line: String,
    stdout: Collected,
    stderr: Collected,
}

/// What a stream has said so far, and the word that it has ended.
#[derive(Debug)]
struct Collected {
    text: Arc<Mutex<Vec<u8>>>,
    ended: Receiver<()>,
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
    command.args(args);
    alone(command, directory)
}

/// A shell that does this first, and then becomes the binary: `$0` is the binary, and its arguments are the shell's.
pub(crate) fn by_way_of_a_shell(first: &str, directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!("{first}\nexec \"$0\" \"$@\"")).arg(built::ocap_host()).args(args);
    let mut command = alone(command, directory);
    command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

fn alone(mut command: Command, directory: &Path) -> Command {
    command.env_clear().env("HOME", directory).current_dir(directory);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

impl Pending {
    pub(crate) fn start(directory: &Path, args: &[&str]) -> Pending {
        Pending::of(prepared(directory, args), args)
    }

    /// The same of any command, whose words are told if it does not do what it should.
    pub(crate) fn of(mut command: Command, args: &[&str]) -> Pending {
        let mut child = command.spawn().expect("the binary can be started");
        let stdout = Collected::from(child.stdout.take().expect("stdout is a pipe"));
        let stderr = Collected::from(child.stderr.take().expect("stderr is a pipe"));
        Pending { child, line: args.join(" "), stdout, stderr }
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// If it does not come.
    pub fn done(mut self) -> Done {
        let line = self.line.clone();
        let whole = |stream: &Collected| {
            let ended = stream.ended.recv_timeout(PATIENCE);
            assert!(ended.is_ok(), "`ocap-host {line}` does not end:\n{}", stream.so_far());
            stream.so_far()
        };
        let (stdout, stderr) = (whole(&self.stdout), whole(&self.stderr));
        let status = self.child.wait().expect("a child of this process");
        let status = status.code().or(status.signal().map(|signal| 128 + signal)).expect("it has ended");
        Done { status, stdout, stderr, line }
    }

    /// Waits until it has told a diagnostic with this code on stderr, and goes on.
    ///
    /// # Panics
    /// If it does not.
    pub fn hear(&self, code: &str) -> Value {
        eventually(code, || problems_in(&self.stderr.so_far()).into_iter().find(|problem| problem["code"] == code))
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
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
        problems_in(&self.stderr)
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

fn problems_in(stderr: &str) -> Vec<Value> {
    let lines = stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|value| value["$type"] == "problem").collect()
}

impl Collected {
    fn from(mut stream: impl Read + Send + 'static) -> Collected {
        let text: Arc<Mutex<Vec<u8>>> = Arc::default();
        let (sender, ended) = mpsc::channel();
        let kept = text.clone();
        thread::spawn(move || {
            let mut bytes = [0; 8192];
            // A stream that breaks off has said what it has said.
            while let Ok(length @ 1..) = stream.read(&mut bytes) {
                kept.lock().unwrap_or_else(PoisonError::into_inner).extend(&bytes[..length]);
            }
            let _ = sender.send(());
        });
        Collected { text, ended }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}
