//! A command whose streams are a terminal, where somebody types.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::built;

/// Python's standard library has terminals: it runs the command on one, types what comes on its own stdin, and ends as the command did.
const SCRIPT: &str = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";

/// Everything that a terminal has shown, and the exit status of the command that ran on it.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The command's exit status.
    pub status: i32,
    /// Both streams, as they came, with what was typed.
    pub text: String,
}

pub(crate) fn at_a_terminal(directory: &Path, args: &[&str], variables: &[&str], typed: &str) -> Shown {
    let mut command = Command::new("python3");
    command.args(["-c", SCRIPT, "env", "-i", "TERM=dumb"]).args(variables).arg(built::ocap_host()).args(args);
    command.current_dir(directory).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    let mut child = command.spawn().expect("python3 is there");
    let mut stdin = child.stdin.take().expect("stdin is a pipe");
    stdin.write_all(typed.as_bytes()).expect("it listens");
    let output = child.wait_with_output().expect("a child of this process");
    drop(stdin);
    let status = output.status.code().expect("it was not killed");
    Shown { status, text: String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n") }
}
