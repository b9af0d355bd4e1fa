//! The host as a service of systemd (`Type=notify`): how far it has come, that it lives, that it ends. Without systemd nothing is said.

use std::time::Duration;

use sd_notify::NotifyState;

use super::status_file::{HostRecord, Phase};

/// Tells the service manager how far the host has come.
pub(super) fn tell(record: &HostRecord) {
    let status = status(record);
    let status = NotifyState::Status(&status);
    let state = match record.phase {
        Phase::Ready => Some(NotifyState::Ready),
        Phase::Stopping | Phase::Stopped | Phase::Failed => Some(NotifyState::Stopping),
        Phase::Starting => None,
    };
    let errno = errno(record).map(NotifyState::Errno);
    // A manager that does not listen is no reason not to serve.
    let _ = sd_notify::notify(&state.into_iter().chain([status]).chain(errno).collect::<Vec<_>>());
}

/// Tells it that the run loop answers.
pub(super) fn alive() {
    let _ = sd_notify::notify(&[NotifyState::Watchdog]);
}

/// How long it waits for a sign of life before it takes the host for hung; `None` if it does not wait for any.
pub(super) fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// One line, as `systemctl status` shows it.
fn status(record: &HostRecord) -> String {
    let phase = record.phase.as_str();
    match (&record.problem, &record.step) {
        (Some(problem), _) => one_line(&format!("{phase}: {}: {}", problem.code, problem.message)),
        (None, Some(step)) => format!("{phase}: {step}"),
        (None, None) => phase.to_owned(),
    }
}

/// The system's number for what the host died of, if it was the system that refused something.
fn errno(record: &HostRecord) -> Option<u32> {
    let number = record.problem.as_ref().filter(|_| record.phase == Phase::Failed)?.errno?;
    u32::try_from(number).ok()
}

/// A line's end would begin another variable of the protocol.
fn one_line(text: &str) -> String {
    text.split(['\n', '\r']).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_several_lines_can_not_pose_as_another_variable() {
        assert_eq!(one_line("no\nREADY=1\r"), "no READY=1 ");
    }
}
