//! `inspect`: everything about one vat, object, promise or channel.

use super::amounts::{bytes, span};
use super::exit::ExitStatus;
use super::plan::short;
use super::ps;
use super::render::escape;
use super::session::Session;
use super::table::table;
use crate::daemon::requests::{
    ChannelInspection, Held, InspectBody, Inspection, Kind, Listed, ObjectInspection, PromiseInspection, VatInspection,
    Waiting,
};
use crate::problem::Problem;

/// The most lines of a list in text; JSON has up to a thousand.
const LINES_MAX: usize = 20;

/// Show everything about one vat, object, promise or channel
///
/// What messages and stores say is not shown: that is between vats.
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP, override_usage = "ocap-host inspect [vat|object|promise|channel] TARGET")]
pub(super) struct InspectArgs {
    /// `subcluster/vat`, `subcluster`, `v3`, `ko7`, `kp9` or `subcluster/channel`; before it, if that is not clear, what it is
    #[arg(required = true, num_args = 1..=2, value_name = "TARGET", add = super::live::anything())]
    words: Vec<String>,
}

pub(super) fn run(args: &InspectArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let inspection: Inspection = session.client()?.post("/v1/inspect", &body(&args.words)?)?;
    session.answer(&inspection, text)?;
    Ok(ExitStatus::Ok)
}

fn body(words: &[String]) -> Result<InspectBody, Problem> {
    match words {
        [kind, target] => match Kind::parse(kind) {
            Some(kind) => Ok(InspectBody { target: target.clone(), kind: Some(kind) }),
            None => Err(Problem::new("ocap::usage::kind", format!("`{kind}` is nothing that can be inspected"))
                .with_help("say `vat`, `object`, `promise` or `channel` before the target, or nothing")),
        },
        [target, ..] => Ok(InspectBody { target: target.clone(), kind: None }),
        [] => unreachable!("the command line has at least one word there"),
    }
}

/// Everything about one thing, for people.
pub(super) fn text(inspection: &Inspection) -> String {
    let parts = match inspection {
        Inspection::Vat(found) => vat(found),
        Inspection::Object(found) => object(found),
        Inspection::Promise(found) => promise(found),
        Inspection::Channel(found) => channel(found),
    };
    parts.concat()
}

/// `name  value` lines; those without a value are left out.
fn facts<const N: usize>(facts: [(&str, Option<String>); N]) -> String {
    let line = |(name, value): (&str, Option<String>)| Some(format!("{name:<12} {}\n", one_line(&value?)));
    facts.into_iter().filter_map(line).collect()
}

fn one_line(text: &str) -> String {
    escape(text).replace(['\n', '\t'], " ")
}

/// A part with its title; nothing where there is nothing.
fn part(title: &str, text: String) -> String {
    if text.is_empty() { text } else { format!("\n{title}\n{text}") }
}

/// A table of the beginning of a list, and how much was left out.
fn listed<T, const N: usize>(
    title: &str,
    list: &Listed<T>,
    head: [&str; N],
    row: impl Fn(&T) -> [String; N],
) -> String {
    if list.count == 0 {
        return String::new();
    }
    let shown = list.first.len().min(LINES_MAX);
    let more = match list.count - shown as u64 {
        0 => String::new(),
        more => format!("and {more} more: `--format json` shows up to a thousand\n"),
    };
    part(&format!("{title} ({})", list.count), table(head, list.first.iter().take(shown).map(row)) + &more)
}

fn vat(found: &VatInspection) -> Vec<String> {
    let usage = &found.usage;
    let most = |most: Option<u64>| most.map_or_else(String::new, |most| format!(" of {}", bytes(most)));
    let component = found.component.as_ref().map(|component| {
        let digest = component.sha256.as_deref().map_or_else(|| "linked".to_owned(), short);
        let size = component.bytes.map(|size| format!(", {}", bytes(size))).unwrap_or_default();
        format!("{digest}{size}, from {}", component.resolved)
    });
    let error = usage.last_error.as_ref().map(|error| error.message.clone());
    let head = facts([
        ("vat", Some(format!("{} ({})", usage.vat, usage.id))),
        ("state", Some(format!("{}, incarnation {}", ps::state(usage), usage.incarnation))),
        ("at", found.delivery.clone()),
        ("declared in", found.declared_in.clone()),
        ("component", component),
        ("before", found.kept.as_ref().map(|kept| kept.resolved.clone())),
        ("start", found.start.clone()),
        ("hibernates", found.hibernate.clone()),
        ("memory", Some(format!("{}{}", bytes(usage.memory_bytes), most(usage.memory_max_bytes)))),
        ("store", usage.store_bytes.map(|size| format!("{}{}", bytes(size), most(usage.store_max_bytes)))),
        ("entries", usage.store_entries.map(|entries| entries.to_string())),
        ("references", Some(format!("{} of {}", usage.references, found.references_max))),
        ("busy", Some(format!("{} in {} cranks since the boot", span(usage.busy_us / 1_000), usage.cranks))),
        ("undone", Some(format!("{} cranks since the boot", usage.undone))),
        ("one crank", found.crank_max_ms.map(|ms| format!("at most {}", span(ms)))),
        ("turns", Some(found.turns.to_string())),
        ("quarantine", Some(format!("{} what comes", found.when_quarantined))),
        ("last error", error),
        ("traps", (found.traps_in_a_row > 0).then(|| format!("{} in a row", found.traps_in_a_row))),
        (
            "suspected",
            found.suspicion.as_ref().map(|suspected| {
                format!("of having killed the host; its next {} deliveries run alone", suspected.left)
            }),
        ),
    ]);
    let unrest: String = found.unrest.iter().map(|reason| format!("{}\n", one_line(reason))).collect();
    let grants = Listed::of(found.grants.iter());
    vec![
        head,
        part("what keeps it in memory", unrest),
        listed("grants", &grants, ["NAME", "REFERENCE", "STATE"], |grant| {
            let state = if grant.revoked { "revoked" } else { "" };
            [grant.name.clone(), grant.reference.clone(), state.to_owned()]
        }),
        listed("exports", &found.exports, ["OBJECT", "REFERENCE", "LIFETIME", "HOLDERS", "STATE"], |export| {
            let lost = export.lost.clone().unwrap_or_default();
            let lifetime = export.lifetime.clone();
            [export.object.to_string(), export.reference.clone(), lifetime, export.holders.to_string(), lost]
        }),
        listed("imports", &found.imports, ["REFERENCE", "HELD BY", "WHAT"], |import| {
            [import.reference.clone(), how(import.handle, import.kept), import.what.clone()]
        }),
        listed("waits for the end of", &found.watches, ["PROMISE"], |promise| [promise.clone()]),
        messages("inbox", &found.inbox),
    ]
}

fn how(handle: bool, kept: u64) -> String {
    match (handle, kept) {
        (true, 0) => "handle".to_owned(),
        (true, kept) => format!("handle, kept {kept}"),
        (false, kept) => format!("kept {kept}"),
    }
}

fn messages(title: &str, list: &Listed<Waiting>) -> String {
    listed(title, list, ["ID", "WHAT", "FOR", "METHOD", "FROM", "BYTES", "CAPS"], |waiting| {
        let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
        [
            waiting.id.clone(),
            waiting.what.clone(),
            waiting.reference.clone(),
            waiting.method.clone().unwrap_or_default(),
            waiting.sender.clone().unwrap_or_default(),
            number(waiting.bytes),
            number(waiting.capabilities),
        ]
    })
}

fn holders(title: &str, held: &Held) -> String {
    let mut rows: Vec<[String; 2]> = Vec::new();
    for vat in &held.vats {
        let grant = vat.grant.as_ref().map(|grant| format!(", its grant {grant}")).unwrap_or_default();
        rows.push([vat.vat.clone(), how(vat.handle, vat.kept) + &grant]);
    }
    rows.extend(held.host.iter().map(|name| [name.clone(), "the host".to_owned()]));
    rows.extend(held.caretakers.iter().map(|caretaker| [caretaker.clone(), "passes on to it".to_owned()]));
    if held.shown > 0 {
        rows.push(["people".to_owned(), "shown lately".to_owned()]);
    }
    let listed = held.vats.len() + held.host.len() + held.caretakers.len();
    let others = held.count.saturating_sub(listed as u64 + held.shown);
    if others > 0 {
        rows.push([others.to_string(), "messages, promises and connections".to_owned()]);
    }
    if rows.is_empty() {
        String::new()
    } else {
        part(&format!("{title} ({})", held.count), table(["WHO", "HOW"], rows))
    }
}

fn object(found: &ObjectInspection) -> Vec<String> {
    let head = facts([
        ("object", Some(format!("{}: {}", found.reference, found.what))),
        ("vat", found.vat.clone()),
        ("number", found.object.map(|number| number.to_string())),
        ("lifetime", found.lifetime.clone()),
        ("leads to", found.target.clone()),
        ("keeps", found.keeps.clone()),
        ("answers", found.lost.as_ref().map(|code| format!("no more: {code}"))),
        ("waiting", (found.waiting > 0).then(|| format!("{} messages", found.waiting))),
    ]);
    vec![head, holders("held by", &found.holders)]
}

fn promise(found: &PromiseInspection) -> Vec<String> {
    let list = |list: &[String]| (!list.is_empty()).then(|| list.join(", "));
    let head = facts([
        ("promise", Some(format!("{}: {}", found.reference, found.state.as_str()))),
        ("with", found.bytes.map(bytes)),
        ("code", found.code.clone()),
        ("forwarded to", found.forwarded_to.clone()),
        ("ends at", found.ends_at.clone()),
        ("waiters", list(&found.waiters)),
        ("listeners", list(&found.listeners)),
    ]);
    vec![
        head,
        holders("can be settled by", &found.resolver),
        holders("held by", &found.holders),
        messages("messages that wait for it", &found.messages),
    ]
}

fn channel(found: &ChannelInspection) -> Vec<String> {
    let status = &found.status;
    let handler = found.handler.as_ref().map(|handler| match &found.handler_is {
        Some(what) => format!("{handler}: {what}"),
        None => handler.clone(),
    });
    let head = facts([
        ("channel", Some(format!("{} ({}), {}", found.channel, found.reference, status.kind))),
        ("state", Some(status.state.as_str().to_owned())),
        ("reason", status.reason.as_ref().map(|problem| problem.message.clone())),
        ("path", status.path_resolved.clone()),
        ("written as", status.path_written.clone()),
        ("direction", found.direction.clone()),
        ("line at most", found.max_frame_bytes.map(bytes)),
        ("served by", handler),
        (
            "clients",
            Some(format!(
                "{} now, {} since the boot, {} refused, {} expelled",
                status.connections, found.clients, found.clients_refused, found.clients_expelled
            )),
        ),
        (
            "lines",
            Some(format!("{} in, {} out, {} torn since the boot", found.lines_in, found.lines_out, found.lines_torn)),
        ),
    ]);
    vec![head, holders("held by", &found.holders)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::requests::{Activity, Export, PromiseState, VatHolder};

    fn inspected() -> VatInspection {
        VatInspection {
            usage: ps::tests::vat("v1", "matcher/index", Activity::Awake),
            subcluster: "s1".into(),
            declared_in: Some("subcluster.toml".into()),
            start: Some("lazy".into()),
            hibernate: Some("when-idle".into()),
            when_quarantined: "park".into(),
            component: None,
            kept: None,
            crank_max_ms: Some(1_000),
            references_max: 100,
            turns: 1,
            delivery: None,
            unrest: vec!["it has pinned itself in memory".into()],
            traps_in_a_row: 0,
            suspicion: None,
            grants: vec![],
            exports: Listed::of(std::iter::empty()),
            imports: Listed::of(std::iter::empty()),
            watches: Listed::of(std::iter::empty()),
            inbox: Listed::of(std::iter::empty()),
        }
    }

    #[test]
    fn a_vat_is_shown_with_what_it_has_and_without_empty_parts() {
        let expected = "\
vat          matcher/index (v1)
state        awake, incarnation 2
declared in  subcluster.toml
start        lazy
hibernates   when-idle
memory       1.1MiB of 64MiB
store        512B of 256MiB
entries      9
references   4 of 100
busy         1.5s in 7 cranks since the boot
undone       1 cranks since the boot
one crank    at most 1s
turns        1
quarantine   park what comes

what keeps it in memory
it has pinned itself in memory
";
        assert_eq!(text(&Inspection::Vat(Box::new(inspected()))), expected);
    }

    #[test]
    fn a_long_list_is_cut_and_says_how_much_is_left_out() {
        let export = |object: u64| Export {
            object,
            reference: format!("ko{object}"),
            lifetime: "durable".into(),
            holders: 1,
            lost: None,
        };
        let many = VatInspection { exports: Listed::of((0..2_000).map(export)), ..inspected() };
        assert_eq!((many.exports.count, many.exports.first.len()), (2_000, 1_000));
        let text = text(&Inspection::Vat(Box::new(many)));
        assert!(text.contains("exports (2000)\nOBJECT"), "{text}");
        assert!(
            text.ends_with("19      ko19       durable   1\nand 1980 more: `--format json` shows up to a thousand\n"),
            "{text}"
        );
    }

    #[test]
    fn a_promise_is_shown_with_who_may_settle_it_and_who_waits() {
        let nobody = || Held { count: 0, vats: vec![], host: vec![], caretakers: vec![], shown: 0 };
        let pong = VatHolder { vat: "pingpong/pong".into(), handle: true, kept: 0, grant: None };
        let found = PromiseInspection {
            reference: "kp9".into(),
            state: PromiseState::Unsettled,
            forwarded_to: None,
            ends_at: None,
            code: None,
            bytes: None,
            holders: Held { count: 2, ..nobody() },
            resolver: Held { count: 1, vats: vec![pong], ..nobody() },
            waiters: vec!["the host".into()],
            listeners: vec![],
            messages: Listed::of(std::iter::empty()),
        };
        let expected = "\
promise      kp9: unsettled
waiters      the host

can be settled by (1)
WHO            HOW
pingpong/pong  handle

held by (2)
WHO  HOW
2    messages, promises and connections
";
        assert_eq!(text(&Inspection::Promise(found)), expected);
    }

    #[test]
    fn what_it_is_may_be_said_before_the_target() {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert_eq!(body(&words(&["vat"])).expect("a target").kind, None);
        assert_eq!(body(&words(&["vat", "a/b"])).expect("a target").kind, Some(Kind::Vat));
        assert_eq!(body(&words(&["bat", "a/b"])).expect_err("no kind").code, "ocap::usage::kind");
    }
}
