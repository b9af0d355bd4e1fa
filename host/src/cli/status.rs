//! `status`: what runs and how it does.

use super::Format;
use super::amounts::{bytes, span};
use super::exit::ExitStatus;
use super::plan::short;
use super::render::{escape, problem_line};
use super::session::Session;
use super::table::table;
use crate::daemon::requests::{ChannelStatus, Figures, Status, SubclusterStatus, VatCounts, VatStatus};
use crate::daemon::{Phase, spoken};
use crate::problem::Problem;

/// Show subclusters, vats, channels and problems of the running host
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP)]
pub(super) struct StatusArgs {}

pub(super) fn run(_: &StatusArgs, session: &Session) -> Result<ExitStatus, Problem> {
    // People are not shown what else there is.
    let path = if session.format() == Format::Text { "/v1/status?brief" } else { "/v1/status" };
    let status: Status = session.ask(path)?;
    session.answer(&status, text)?;
    Ok(if status.degraded { ExitStatus::Degraded } else { ExitStatus::Ok })
}

fn text(status: &Status) -> String {
    let mut sections = vec![head(status)];
    let subclusters = &status.subclusters;
    if !subclusters.is_empty() {
        let rows = subclusters.iter().flat_map(|subcluster| subcluster.vats.iter().map(|vat| vat_row(subcluster, vat)));
        sections.push(table(["VAT", "ID", "STATE", "INCARNATION", "QUEUED", "EXPORTS"], rows));
    }
    if subclusters.iter().any(|subcluster| !subcluster.channels.is_empty()) {
        let rows = subclusters
            .iter()
            .flat_map(|subcluster| subcluster.channels.iter().map(|channel| channel_row(subcluster, channel)));
        sections.push(table(["CHANNEL", "KIND", "STATE", "CLIENTS", "PATH"], rows));
    }
    let kept: Vec<String> = subclusters.iter().flat_map(kept_lines).collect();
    if !kept.is_empty() {
        sections.push(kept.concat());
    }
    if !status.problems.is_empty() {
        sections.push(status.problems.iter().map(|problem| problem_line(problem) + "\n").collect());
    }
    sections.join("\n")
}

fn head(status: &Status) -> String {
    let step = status.step.as_ref().map(|step| format!(" ({})", escape(step))).unwrap_or_default();
    // How long it serves is nobody's worry; how long it does not is.
    let age = match status.phase {
        Phase::Ready => String::new(),
        _ => format!(" for {}", spoken(status.for_ms)),
    };
    let degraded = if status.degraded { ", degraded" } else { "" };
    let boot = status.boot.map(|boot| format!(", boot {boot}")).unwrap_or_default();
    let figures = status.figures.as_ref().map(figures).unwrap_or_default();
    format!(
        "{}{step}{age}{degraded}: ocap-host {}, process {}{boot}\nhome {}\n{figures}",
        status.phase.as_str(),
        escape(&status.version),
        status.pid,
        escape(&status.home)
    )
}

/// `up 3min, 2 awake, 1 idle, queued 0, vats' memory 2.1MiB, store 188KiB`
fn figures(figures: &Figures) -> String {
    let VatCounts { running, awake, idle, resting, quarantined, ending } = figures.vats;
    let states = [
        (running, "running"),
        (awake, "awake"),
        (idle, "idle"),
        (resting, "resting"),
        (quarantined, "quarantined"),
        (ending, "ending"),
    ];
    let states = states.into_iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!(", {count} {word}"));
    let letters = match figures.dead_letters {
        0 => String::new(),
        count => format!(", dead letters {count}"),
    };
    format!(
        "up {}{}, queued {}{letters}, vats' memory {}, store {}\n",
        span(figures.uptime_ms),
        states.collect::<String>(),
        figures.queued,
        bytes(figures.heap_bytes),
        bytes(figures.store_bytes + figures.store_log_bytes)
    )
}

fn vat_row(subcluster: &SubclusterStatus, vat: &VatStatus) -> [String; 6] {
    let mark = if subcluster.system { " (system)" } else { "" };
    [
        format!("{}/{}{mark}", subcluster.name, vat.name),
        vat.id.clone(),
        vat.state.as_str().to_owned(),
        vat.incarnation.to_string(),
        vat.queued.to_string(),
        vat.exports.to_string(),
    ]
}

/// The vats that can be rolled back.
fn kept_lines(subcluster: &SubclusterStatus) -> Vec<String> {
    let line = |vat: &VatStatus| {
        let kept = vat.kept.as_ref()?;
        let label = format!("{}/{}", subcluster.name, vat.name);
        let digest = kept.sha256.as_deref().map(short).unwrap_or_default();
        Some(format!(
            "{}: the component before its last upgrade is kept ({digest} from {}): `ocap-host upgrade {} --rollback`\n",
            escape(&label),
            escape(&kept.resolved),
            escape(&label)
        ))
    };
    subcluster.vats.iter().filter_map(line).collect()
}

fn channel_row(subcluster: &SubclusterStatus, channel: &ChannelStatus) -> [String; 5] {
    let path = channel.path_resolved.as_ref().or(channel.path_written.as_ref());
    [
        format!("{}/{}", subcluster.name, channel.name),
        channel.kind.clone(),
        channel.state.as_str().to_owned(),
        channel.connections.to_string(),
        path.cloned().unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::requests::{ChannelState, VatComponent, VatState};

    fn vat(name: &str, id: &str, state: VatState) -> VatStatus {
        VatStatus {
            id: id.into(),
            name: name.into(),
            state,
            incarnation: 2,
            queued: 3,
            exports: 1,
            grants: vec![],
            component: None,
            kept: None,
            problem: None,
        }
    }

    #[test]
    fn a_degraded_host_is_shown_with_all_its_parts_and_the_command_that_mends_it() {
        let channel = ChannelStatus {
            name: "llm".into(),
            kind: "unix-listen".into(),
            state: ChannelState::Open,
            path_written: Some("run/llm.sock".into()),
            path_resolved: Some("/h/channels/run/llm.sock".into()),
            reason: None,
            connections: 2,
        };
        let status = Status {
            boot: Some(4),
            pid: 4711,
            phase: Phase::Ready,
            step: None,
            for_ms: 3_000,
            home: "/h".into(),
            version: "0.1.0".into(),
            degraded: true,
            subclusters: vec![SubclusterStatus {
                id: "s1".into(),
                name: "matcher".into(),
                bootstrap: "matcher".into(),
                system: false,
                vats: vec![vat("matcher", "v1", VatState::Awake), vat("index", "v2", VatState::Quarantined)],
                channels: vec![channel],
            }],
            problems: vec![
                Problem::new("ocap::component::missing", "the component is missing")
                    .of_vat("matcher", "index")
                    .with_help("build it"),
            ],
            figures: Some(Figures {
                uptime_ms: 180_000,
                vats: VatCounts { awake: 1, quarantined: 1, ..VatCounts::default() },
                queued: 6,
                heap_bytes: 64 << 20,
                store_bytes: 1 << 20,
                ..Figures::default()
            }),
        };
        let expected = "\
ready, degraded: ocap-host 0.1.0, process 4711, boot 4
home /h
up 3min, 1 awake, 1 quarantined, queued 6, vats' memory 64MiB, store 1MiB

VAT              ID  STATE        INCARNATION  QUEUED  EXPORTS
matcher/matcher  v1  awake        2            3       1
matcher/index    v2  quarantined  2            3       1

CHANNEL      KIND         STATE  CLIENTS  PATH
matcher/llm  unix-listen  open   2        /h/channels/run/llm.sock

error ocap::component::missing (matcher/index): the component is missing
  help: build it
";
        assert_eq!(text(&status), expected);
    }

    #[test]
    fn a_vat_that_can_be_rolled_back_is_shown_with_the_command_that_does_it() {
        let kept = VatComponent {
            written: "a.wasm".into(),
            resolved: "/v/a.wasm".into(),
            linked: false,
            sha256: Some(format!("sha256:{}", "1".repeat(64))),
            bytes: Some(7),
        };
        let upgraded = VatStatus { kept: Some(Box::new(kept)), ..vat("b", "v1", VatState::Idle) };
        let subcluster = SubclusterStatus {
            id: "s1".into(),
            name: "a".into(),
            system: false,
            bootstrap: "b".into(),
            vats: vec![upgraded, vat("c", "v2", VatState::Idle)],
            channels: vec![],
        };
        assert_eq!(
            kept_lines(&subcluster),
            ["a/b: the component before its last upgrade is kept (111111111111 from /v/a.wasm): \
              `ocap-host upgrade a/b --rollback`\n"]
        );
    }

    #[test]
    fn the_vats_of_a_system_subcluster_are_marked() {
        let of = |name: &str, system: bool| SubclusterStatus {
            id: "s1".into(),
            name: name.into(),
            bootstrap: "root".into(),
            system,
            vats: vec![],
            channels: vec![],
        };
        let vat = vat("root", "v1", VatState::Idle);
        assert_eq!(vat_row(&of("steward", true), &vat)[0], "steward/root (system)");
        assert_eq!(vat_row(&of("counter", false), &vat)[0], "counter/root");
    }

    #[test]
    fn a_host_that_starts_is_shown_with_its_step_and_age_and_no_empty_tables() {
        let status = Status {
            boot: None,
            pid: 1,
            phase: Phase::Starting,
            step: Some("open the store".into()),
            for_ms: 3_000,
            home: "/h".into(),
            version: "0.1.0".into(),
            degraded: false,
            subclusters: vec![],
            problems: vec![],
            figures: None,
        };
        assert_eq!(text(&status), "starting (open the store) for 3 s: ocap-host 0.1.0, process 1\nhome /h\n");
    }
}
