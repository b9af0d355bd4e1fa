//! A host in the background: how it is begun, what whoever began it hears of it, and what is left to be said when it dies unheard.
//!
//! Its standard output is a pipe, on which it says in JSON, a line each, how far it has come; the pipe's end without `ready` is its death.
//! So nobody who waits for it has to guess how long a start may take.

use std::ffi::OsString;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus, Stdio};

use cap_std::fs::{OpenOptions, OpenOptionsExt};
use serde_json::Value;

use super::home::{Home, LOG, STDERR};
use super::status_file::{HostRecord, Phase};
use crate::powers::Powers;
use crate::problem::Problem;

/// What a service manager says to the one process that it started.
const NOT_INHERITED: [&str; 6] =
    ["NOTIFY_SOCKET", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_USEC", "WATCHDOG_PID"];

/// Of what a host that died left, so much is looked at, in bytes, and so much shown, in lines.
const TAIL_BYTES: u64 = 32 << 10;
const TAIL_LINES: usize = 8;

/// A host that was begun, and has not said yet that it serves.
#[derive(Debug)]
pub struct Begun {
    child: Child,
    news: Option<OwnedFd>,
    /// How long the log was before.
    log_before: u64,
}

/// Begins a host with this command line. What it says beside its log goes to a file in the home.
///
/// # Errors
/// If the home can't be written, or the system gives no process.
pub fn begin(home: &Home, powers: Powers, words: &[OsString]) -> Result<Begun, Problem> {
    let failed = |error: io::Error| not_begun(home, &error);
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    let stderr = home.dir().open_with(STDERR, &options).map_err(failed)?.into_std();
    let log_before = home.dir().metadata(LOG).map_or(0, |log| log.len());
    let mut command = std::process::Command::new(powers.this_program().map_err(failed)?);
    command.args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
    for name in NOT_INHERITED {
        command.env_remove(name);
    }
    let mut child = command.spawn().map_err(failed)?;
    let news = child.stdout.take().map(OwnedFd::from);
    Ok(Begun { child, news, log_before })
}

/// That there is no host in the background, for this reason.
pub fn not_begun(home: &Home, error: &io::Error) -> Problem {
    Problem::new("ocap::daemon::not_begun", "the host can't be begun in the background")
        .because(error)
        .with_help(format!("run it in the foreground: `{}`", home.command("run")))
}

/// For the process that was begun: away from the terminal, and from the fate of whoever began it.
///
/// # Errors
/// If the system refuses.
pub fn detach() -> Result<(), Problem> {
    // Whoever leads its group already is as far away as can be: it was started by hand.
    match rustix::process::setsid() {
        Ok(_) | Err(rustix::io::Errno::PERM) => Ok(()),
        Err(error) => Err(Problem::new("ocap::daemon::not_begun", "the host can't leave its terminal").because(&error)),
    }
}

/// For the holder of the lock: what the last host said beside its log is over.
pub fn forget_stderr_of_the_last(home: &Home) {
    // It is a convenience; a file that can't be cut is no reason not to start.
    let _ = home.dir().open_with(STDERR, OpenOptions::new().write(true)).and_then(|file| file.set_len(0));
}

impl Begun {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it says, a line of JSON at a time.
    ///
    /// # Panics
    /// If it is asked for a second time.
    pub fn news(&mut self) -> OwnedFd {
        self.news.take().expect("there is one who listens")
    }

    /// Waits for its end, which has come or is about to, and says how it was.
    pub fn ended(&mut self) -> String {
        self.child.wait().map_or_else(|error| format!("ended, the system does not say how: {error}"), how)
    }

    /// Whether somebody has halted it, as a debugger does.
    pub fn is_halted(&self, powers: Powers) -> bool {
        let stat = powers.processes().and_then(|processes| processes.read_to_string(format!("{}/stat", self.pid())));
        stat.is_ok_and(|stat| super::process::is_halted(&stat))
    }

    /// What is to be said of a host that died without a word: how, at what, and the last that is known of it.
    pub fn obituary(&mut self, home: &Home, last: Option<&HostRecord>) -> Problem {
        let at = match last {
            Some(record) => {
                let step = record.step.as_ref().map(|step| format!(" ({step})")).unwrap_or_default();
                format!("while it was {}{step}", record.phase.as_str())
            }
            None => "before it said anything".to_owned(),
        };
        let how = self.ended();
        let message = match last {
            Some(record) if record.phase == Phase::Stopped => {
                format!("the host, process {}, was told to stop before it served", self.pid())
            }
            _ => format!("the host, process {}, {how} {at}", self.pid()),
        };
        let mut problem = Problem::new("ocap::daemon::died", message);
        problem
            .causes
            .extend(tail(home, LOG, self.log_before).into_iter().map(|line| format!("log: {}", logged(&line))));
        problem.causes.extend(tail(home, STDERR, 0).into_iter().map(|line| format!("it said: {line}")));
        let advice = match () {
            () if how.contains("SIGKILL") => {
                "if nobody killed it, the system did so for want of memory (`dmesg` says it); "
            }
            () if how.contains("SIGXFSZ") => "its files may not be so large (`ulimit -f`); ",
            () => "",
        };
        problem.with_help(format!("{advice}its log is {}; then start it again", home.path_of(LOG).display()))
    }
}

/// How a process ended, as a verb: `was killed by SIGKILL`.
fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with status {code}"),
        (None, Some(signal)) => format!("was killed by {}", name_of_signal(signal)),
        (None, None) => "ended".to_owned(),
    }
}

fn name_of_signal(signal: i32) -> String {
    const NAMES: [(i32, &str); 14] = [
        (1, "SIGHUP"),
        (2, "SIGINT"),
        (3, "SIGQUIT"),
        (4, "SIGILL"),
        (5, "SIGTRAP"),
        (6, "SIGABRT"),
        (7, "SIGBUS"),
        (8, "SIGFPE"),
        (9, "SIGKILL"),
        (11, "SIGSEGV"),
        (15, "SIGTERM"),
        (24, "SIGXCPU"),
        (25, "SIGXFSZ"),
        (31, "SIGSYS"),
    ];
    let known = NAMES.iter().find(|(number, _)| *number == signal);
    known.map_or_else(|| format!("signal {signal}"), |(_, name)| (*name).to_owned())
}

/// The last lines of a file in the home, from this place on; none if there is nothing to be read.
fn tail(home: &Home, name: &str, from: u64) -> Vec<String> {
    let read = || {
        let mut file = home.dir().open(name)?;
        let length = file.metadata()?.len();
        // A file that is shorter than before was begun anew.
        let from = if from > length { 0 } else { from };
        file.seek(SeekFrom::Start(from.max(length.saturating_sub(TAIL_BYTES))))?;
        let mut bytes = Vec::new();
        file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
        io::Result::Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = read().unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].iter().map(|line| (*line).to_owned()).collect()
}

/// A line of the log as people read it.
fn logged(line: &str) -> String {
    let Ok(event) = serde_json::from_str::<Value>(line) else { return line.to_owned() };
    let word = |key: &str| event[key].as_str().unwrap_or_default();
    format!("{} {}", word("level"), word("message"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::test_home;

    #[test]
    fn an_end_is_told_by_its_status_or_by_the_name_of_its_signal() {
        assert_eq!(how(ExitStatus::from_raw(3 << 8)), "ended with status 3");
        assert_eq!(how(ExitStatus::from_raw(11)), "was killed by SIGSEGV");
        assert_eq!(how(ExitStatus::from_raw(40)), "was killed by signal 40");
    }

    #[test]
    fn of_a_log_only_the_last_lines_since_the_start_are_shown() {
        let (_root, home) = test_home();
        assert_eq!(tail(&home, LOG, 0), Vec::<String>::new());
        home.dir()
            .write(LOG, "old\n".to_owned() + &"x\n".repeat(20) + "{\"level\":\"INFO\",\"message\":\"last\"}\n")
            .expect("written");
        let lines = tail(&home, LOG, 4);
        assert_eq!(lines.len(), TAIL_LINES);
        assert_eq!(logged(lines.last().expect("a line")), "INFO last");
        // One that was begun anew meanwhile is read from its beginning.
        assert_eq!(tail(&home, LOG, 4_000).len(), TAIL_LINES);
        assert_eq!(logged("cut {"), "cut {");
    }
}
