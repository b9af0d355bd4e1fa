//! `ps`: what each vat does and takes.

use std::borrow::Cow;
use std::cmp::Reverse;

use clap::ValueEnum;

use super::amounts::{bytes, span};
use super::exit::ExitStatus;
use super::session::Session;
use super::table::table;
use crate::daemon::requests::{Activity, Ps, VatUsage};
use crate::problem::Problem;

/// Show what each vat does and takes: state, memory, time, messages, last error
///
/// BUSY is the time of workers that a vat's deliveries took, CRANKS how many that were, both since the boot. MEMORY is as large as the vat
/// made it, whatever of that it touched. `inspect VAT` shows everything about one.
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP)]
pub(super) struct PsArgs {
    /// Only the vats of this subcluster
    #[arg(add = super::live::subclusters())]
    subcluster: Option<String>,
    /// What the list is ordered by; amounts with the largest first
    #[arg(long, value_enum, default_value_t = SortBy::Id, value_name = "FIELD")]
    sort: SortBy,
}

/// What a list of vats is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum SortBy {
    /// Their number
    Id,
    /// Their name
    Name,
    /// What they are at, those that run first
    State,
    /// Memory
    Memory,
    /// Time of workers since the boot
    Busy,
    /// Deliveries since the boot
    Cranks,
    /// What waits for them
    Queued,
    /// Their store
    Store,
}

pub(super) fn run(args: &PsArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let mut ps: Ps = session.ask(&path(args.subcluster.as_deref())?)?;
    sort(&mut ps.vats, args.sort);
    session.answer(&ps, text)?;
    let degraded = ps.vats.iter().any(|vat| vat.state == Activity::Quarantined);
    Ok(if degraded { ExitStatus::Degraded } else { ExitStatus::Ok })
}

/// A name with anything in it but what names may have would be another path, or none.
fn path(subcluster: Option<&str>) -> Result<String, Problem> {
    match subcluster {
        None => Ok("/v1/ps".to_owned()),
        Some(name) if !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) => {
            Ok(format!("/v1/ps/{name}"))
        }
        Some(name) => Err(Problem::new("ocap::usage::subcluster", format!("`{name}` is no name of a subcluster"))
            .with_help("`ocap-host status` lists what there is")),
    }
}

/// Puts vats into order; those that are equal stay by number.
pub(super) fn sort(vats: &mut [VatUsage], by: SortBy) {
    match by {
        SortBy::Id => {}
        SortBy::Name => vats.sort_by(|one, other| one.vat.cmp(&other.vat)),
        SortBy::State => vats.sort_by_key(|vat| vat.state),
        SortBy::Memory => vats.sort_by_key(|vat| Reverse(vat.memory_bytes)),
        SortBy::Busy => vats.sort_by_key(|vat| Reverse(vat.busy_us)),
        SortBy::Cranks => vats.sort_by_key(|vat| Reverse(vat.cranks)),
        SortBy::Queued => vats.sort_by_key(|vat| Reverse(vat.queued)),
        SortBy::Store => vats.sort_by_key(|vat| Reverse(vat.store_bytes)),
    }
}

fn text(ps: &Ps) -> String {
    let head = ["VAT", "ID", "STATE", "INC", "AWAKE", "MEMORY", "BUSY", "CRANKS", "QUEUED", "STORE", "LAST ERROR"];
    let rows = ps.vats.iter().map(|vat| row(vat, ps.now_ms));
    format!("{}\nBUSY, CRANKS and errors are since boot {}, {} ago\n", table(head, rows), ps.boot, span(ps.uptime_ms))
}

fn row(vat: &VatUsage, now_ms: u64) -> [Cow<'_, str>; 11] {
    let of = |amount: String, most: Option<String>| match most {
        Some(most) => format!("{amount}/{most}"),
        None => amount,
    };
    [
        if vat.system { format!("{} (system)", vat.vat).into() } else { vat.vat.as_str().into() },
        vat.id.as_str().into(),
        state(vat),
        vat.incarnation.to_string().into(),
        vat.awake_since_ms.map_or("-".into(), |since| span(now_ms.saturating_sub(since)).into()),
        of(bytes(vat.memory_bytes), vat.memory_max_bytes.map(bytes)).into(),
        span(vat.busy_us / 1_000).into(),
        vat.cranks.to_string().into(),
        format!("{}/{}", vat.queued, vat.mailbox_max).into(),
        vat.store_bytes.map_or("-".into(), |size| bytes(size).into()),
        last_error(vat, now_ms).into(),
    ]
}

/// The state, and for how long a delivery has been under way if that is long.
pub(super) fn state(vat: &VatUsage) -> Cow<'static, str> {
    match vat.running_ms {
        Some(ms) if ms >= 100 => format!("{} {}", vat.state.as_str(), span(ms)).into(),
        Some(_) | None => vat.state.as_str().into(),
    }
}

/// The first line of an error, cut to what a table has room for.
pub(super) fn last_error(vat: &VatUsage, now_ms: u64) -> String {
    const CHARS_MAX: usize = 60;
    let Some(error) = &vat.last_error else { return String::new() };
    let line = error.message.lines().next().unwrap_or_default();
    let cut: String = line.chars().take(CHARS_MAX).collect();
    let more = if cut.len() < line.len() { "…" } else { "" };
    let when = error.at_ms.map(|at| format!("{} ago: ", span(now_ms.saturating_sub(at)))).unwrap_or_default();
    format!("{when}{cut}{more}")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::daemon::requests::VatError;

    pub(in crate::cli) fn vat(id: &str, name: &str, state: Activity) -> VatUsage {
        VatUsage {
            id: id.into(),
            vat: name.into(),
            system: false,
            state,
            incarnation: 2,
            awake_since_ms: Some(1_000),
            running_ms: None,
            memory_bytes: 1_153_434,
            memory_max_bytes: Some(64 << 20),
            busy_us: 1_500_000,
            cranks: 7,
            undone: 1,
            log_lines_dropped: 0,
            queued: 3,
            messages: 2,
            mailbox_max: 10_000,
            references: 4,
            store_bytes: Some(512),
            store_entries: Some(9),
            store_max_bytes: Some(256 << 20),
            last_error: None,
        }
    }

    fn idle(id: &str, name: &str) -> VatUsage {
        let none = VatUsage { awake_since_ms: None, store_bytes: None, ..vat(id, name, Activity::Idle) };
        VatUsage { memory_bytes: 0, busy_us: 0, cranks: 0, queued: 0, ..none }
    }

    #[test]
    fn the_table_has_every_vat_with_its_amounts_and_says_what_is_since_the_boot() {
        let error = VatError { message: "out of bounds\nat a".into(), at_ms: Some(1_000), problem: None };
        let running = VatUsage {
            running_ms: Some(1_200),
            last_error: Some(Box::new(error)),
            ..vat("v1", "matcher/index", Activity::Running)
        };
        let ps = Ps { boot: 4, uptime_ms: 180_000, now_ms: 13_000, vats: vec![running, idle("v2", "counter/counter")] };
        let expected = "\
VAT              ID  STATE         INC  AWAKE  MEMORY        BUSY  CRANKS  QUEUED   STORE  LAST ERROR
matcher/index    v1  running 1.2s  2    12s    1.1MiB/64MiB  1.5s  7       3/10000  512B   12s ago: out of bounds
counter/counter  v2  idle          2    -      0B/64MiB      0ms   0       0/10000  -

BUSY, CRANKS and errors are since boot 4, 3min ago
";
        assert_eq!(text(&ps), expected);
    }

    #[test]
    fn a_list_is_ordered_by_amounts_with_the_largest_first_and_by_number_where_they_are_equal() {
        let mut vats = vec![idle("v1", "b/b"), vat("v2", "c/c", Activity::Awake), idle("v3", "a/a")];
        let ids = |vats: &[VatUsage]| vats.iter().map(|vat| vat.id.clone()).collect::<Vec<_>>();
        for by in [SortBy::State, SortBy::Memory, SortBy::Busy, SortBy::Cranks, SortBy::Queued, SortBy::Store] {
            sort(&mut vats, by);
            assert_eq!(ids(&vats), ["v2", "v1", "v3"], "{by:?}");
        }
        sort(&mut vats, SortBy::Name);
        assert_eq!(ids(&vats), ["v3", "v1", "v2"]);
    }

    #[test]
    fn a_name_that_would_be_another_path_is_no_name() {
        assert_eq!(path(Some("a-b_1")).expect("a name"), "/v1/ps/a-b_1");
        for name in ["", "a/b", "..", "a b", "ä", "a?b"] {
            assert_eq!(path(Some(name)).expect_err(name).code, "ocap::usage::subcluster");
        }
    }
}
