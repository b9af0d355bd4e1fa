//! Exit statuses: the whole list, for programs to rely on (design section 9).

use std::process::ExitCode;

use crate::daemon::lock::LOCKED;
use crate::problem::Problem;

/// How a command ended, for whoever started it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitStatus {
    /// Done.
    Ok = 0,
    /// Not done; the diagnostic says why.
    Failed = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// Answered, but something in the host does not work.
    Degraded = 3,
    /// No host runs, or it does not answer.
    NoDaemon = 4,
    /// Another host holds the home.
    Locked = 5,
    /// Ended by SIGINT.
    Interrupted = 130,
    /// A bug in ocap-host.
    Internal = 255,
}

/// The code of the one problem that ends with [`ExitStatus::NoDaemon`].
pub(super) const UNREACHABLE: &str = "ocap::daemon::unreachable";

/// The end of every `--help`.
pub(super) const HELP: &str = "\
Exit status:
  0    done
  1    failed; the diagnostic on stderr says why
  2    the command line makes no sense
  3    degraded: answered, but a vat is quarantined or a channel is down
  4    no host runs on this home, or it does not answer
  5    another host holds this home
  130  interrupted
  255  internal error: a bug in ocap-host";

/// The end of the `--help` of a command with examples, a line each.
pub(super) fn with_examples(lines: &[&str]) -> String {
    let lines: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    format!("Examples:\n{lines}\n{HELP}")
}

impl ExitStatus {
    /// The status that tells of a problem.
    pub fn of(problem: &Problem) -> ExitStatus {
        match problem.code.as_str() {
            LOCKED => ExitStatus::Locked,
            UNREACHABLE => ExitStatus::NoDaemon,
            code if code.starts_with("ocap::usage::") => ExitStatus::Usage,
            code if code.starts_with("ocap::host::") => ExitStatus::Internal,
            _ => ExitStatus::Failed,
        }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> ExitCode {
        ExitCode::from(status as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_in_the_help() {
        use ExitStatus::{Degraded, Failed, Internal, Interrupted, Locked, NoDaemon, Ok, Usage};
        let all = [Ok, Failed, Usage, Degraded, NoDaemon, Locked, Interrupted, Internal];
        let documented: Vec<u8> =
            HELP.lines().skip(1).filter_map(|line| line.split_whitespace().next()?.parse().ok()).collect();
        assert_eq!(documented, all.map(|status| status as u8));
    }

    #[test]
    fn a_held_lock_and_a_silent_host_have_statuses_of_their_own() {
        assert_eq!(ExitStatus::of(&Problem::new(LOCKED, "")), ExitStatus::Locked);
        assert_eq!(ExitStatus::of(&Problem::new(UNREACHABLE, "")), ExitStatus::NoDaemon);
        assert_eq!(ExitStatus::of(&Problem::new("ocap::host::panic", "")), ExitStatus::Internal);
        assert_eq!(ExitStatus::of(&Problem::new("ocap::component::missing", "")), ExitStatus::Failed);
    }
}
