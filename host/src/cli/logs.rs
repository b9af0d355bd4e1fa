//! `logs`: the log of the host and of each vat, whether or not a host runs.

use super::client::Flow;
use super::exit::{ExitStatus, UNREACHABLE};
use super::render::escape;
use super::session::Session;
use crate::daemon::log::{LogLevel, LogLine, Paint, Selection, last, pages, unknown};
use crate::daemon::requests::Gap;
use crate::problem::Problem;

/// Show the last lines of the log, of the whole host or of one vat
///
/// Works on a home that no host runs on, too: then the lines are read from its files.
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP)]
pub(super) struct LogsArgs {
    /// `subcluster/vat`, or `subcluster` for all its vats; everything where absent
    vat: Option<String>,
    /// Go on with the lines that come, until the host ends
    #[arg(short, long)]
    follow: bool,
    /// How many lines of the past; at most 10000
    #[arg(short = 'n', long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(0..=10_000))]
    lines: u16,
    /// Only lines of this importance or more
    #[arg(long, value_enum, default_value_t)]
    level: Level,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
enum Level {
    /// Every step
    #[default]
    Trace,
    /// For whoever looks for a fault
    Debug,
    /// What is worth knowing
    Info,
    /// What is odd
    Warn,
    /// What does not work
    Error,
}

impl From<Level> for LogLevel {
    fn from(level: Level) -> LogLevel {
        match level {
            Level::Trace => LogLevel::Trace,
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        }
    }
}

pub(super) fn run(args: &LogsArgs, session: &Session) -> Result<ExitStatus, Problem> {
    match session.client() {
        Ok(mut client) => client.stream(&path(args), |line| session.stream_line(line, text))?,
        Err(problem) if problem.code == UNREACHABLE => from_files(args, session, problem)?,
        Err(problem) => return Err(problem),
    }
    Ok(ExitStatus::Ok)
}

fn path(args: &LogsArgs) -> String {
    let LogsArgs { vat, follow, lines, level } = args;
    let vat = vat.as_deref().map(|vat| format!("&vat={}", super::client::encoded(vat))).unwrap_or_default();
    format!("/v1/logs?follow={follow}&lines={lines}&level={}{vat}", LogLevel::from(*level).as_str())
}

/// Nobody writes to the files, or nobody who could be asked.
fn from_files(args: &LogsArgs, session: &Session, absence: Problem) -> Result<(), Problem> {
    let Some(home) = session.home()? else { return Err(absence) };
    if args.follow {
        return Err(absence.with_help("without `-f`, `ocap-host logs` shows what the last host wrote"));
    }
    let selection = Selection { vat: args.vat.clone(), level: args.level.into(), target: None };
    let mut found = last(pages(home.dir()), &selection, usize::from(args.lines.max(1)));
    if let (Some(vat), true) = (&args.vat, found.lines.is_empty()) {
        return Err(unknown(vat, &found.others.into_iter().collect::<Vec<_>>()));
    }
    found.lines.drain(..found.lines.len().saturating_sub(usize::from(args.lines)));
    for line in found.lines {
        if session.stream_line(&line, text)? == Flow::Enough {
            break;
        }
    }
    Ok(())
}

fn text(line: &str) -> String {
    if let Some(line) = LogLine::parse(line) {
        return escape(&format!("{} {}", line.timestamp, line.text(Paint::Plain))).into_owned();
    }
    gap(line).unwrap_or_else(|| escape(line).into_owned())
}

/// What is said of lines that were lost.
pub(super) fn gap(line: &str) -> Option<String> {
    let Gap { lost } = serde_json::from_str(line).ok()?;
    Some(format!("... {lost} lines are missing here: they came faster than they were read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_shown_with_its_time_and_can_not_move_the_cursor() {
        let line = r#"{"$type":"log","timestamp":"2026-01-02T03:04:05.678Z","level":"INFO","target":"vat","message":"a\u001b[2Jb","vat":"a/b"}"#;
        assert_eq!(text(line), "2026-01-02T03:04:05.678Z INFO a/b: a\\u{1b}[2Jb");
        assert_eq!(text("{cut short\u{1b}"), "{cut short\\u{1b}");
        let lost = "... 7 lines are missing here: they came faster than they were read";
        assert_eq!(text(r#"{"$type":"gap","lost":7}"#), lost);
    }
}
