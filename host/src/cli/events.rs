//! `events`: what happened and what happens.

use super::client::Flow;
use super::exit::{ExitStatus, UNREACHABLE};
use super::logs::gap;
use super::render::escape;
use super::session::Session;
use crate::daemon::events::{TARGET, is_of};
use crate::daemon::log::{LogLevel, LogLine, Selection, last, pages};
use crate::daemon::requests::{Event, Happening};
use crate::problem::Problem;
use crate::time::rfc3339;

/// Show what has happened: vats that started, trapped or left memory, channels, launches, calls, problems
///
/// A host that runs remembers the last 1,000. Of one that does not run, those are shown that its log still has.
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP)]
pub(super) struct EventsArgs {
    /// Go on with the events that come, until the host ends
    #[arg(short, long)]
    follow: bool,
    /// How many of the past
    #[arg(short = 'n', long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(0..=1_000))]
    lines: u16,
    /// Only of this kind
    #[arg(long, value_parser = clap::builder::PossibleValuesParser::new(Happening::KINDS))]
    kind: Option<String>,
}

pub(super) fn run(args: &EventsArgs, session: &Session) -> Result<ExitStatus, Problem> {
    match session.client() {
        Ok(mut client) => client.stream(&path(args), |line| session.stream_line(line, text))?,
        Err(problem) if problem.code == UNREACHABLE => from_files(args, session, problem)?,
        Err(problem) => return Err(problem),
    }
    Ok(ExitStatus::Ok)
}

fn path(args: &EventsArgs) -> String {
    let EventsArgs { follow, lines, kind } = args;
    let kind = kind.as_deref().map(|kind| format!("&kind={kind}")).unwrap_or_default();
    format!("/v1/events?follow={follow}&lines={lines}{kind}")
}

fn from_files(args: &EventsArgs, session: &Session, absence: Problem) -> Result<(), Problem> {
    let Some(home) = session.home()? else { return Err(absence) };
    if args.follow {
        return Err(absence.with_help("without `-f`, `ocap-host events` shows what happened in the last host"));
    }
    let selection = Selection { target: Some(TARGET), level: LogLevel::Trace, vat: None };
    let found = last(pages(home.dir()), &selection, usize::MAX);
    let events = found.lines.iter().filter_map(|line| LogLine::parse(line)?.event());
    let chosen = |event: &String| args.kind.as_deref().is_none_or(|kind| is_of(event, kind));
    let events: Vec<String> = events.filter(chosen).collect();
    for event in &events[events.len().saturating_sub(usize::from(args.lines))..] {
        if session.stream_line(event, text)? == Flow::Enough {
            break;
        }
    }
    Ok(())
}

fn text(line: &str) -> String {
    let Ok(event) = serde_json::from_str::<Event>(line) else {
        // An event of a later version, for one.
        return gap(line).unwrap_or_else(|| escape(line).into_owned());
    };
    let whom = match (&event.subcluster, &event.vat) {
        (Some(subcluster), Some(vat)) => format!("{subcluster}/{vat}: "),
        (Some(one), None) | (None, Some(one)) => format!("{one}: "),
        (None, None) => String::new(),
    };
    let sentence = format!("{} {} {whom}{}", rfc3339(event.time_ms), event.what.kind(), event.what.sentence());
    escape(&sentence).replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_a_sentence_with_its_time_and_kind() {
        let line = r#"{"$type":"event","seq":7,"time_ms":1000,"subcluster":"a","vat":"b","kind":"vat-started","incarnation":2}"#;
        assert_eq!(text(line), "1970-01-01T00:00:01.000Z vat-started a/b: started, incarnation 2");
        let unknown = r#"{"$type":"event","seq":8,"time_ms":1000,"kind":"of-later"}"#;
        assert_eq!(text(unknown), unknown);
    }
}
