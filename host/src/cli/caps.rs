//! `caps`: who holds what, and by which grants and messages it came to be so.

use clap::Subcommand;

use super::exit::ExitStatus;
use super::render::escape;
use super::session::Session;
use super::table::table;
use crate::daemon::requests::{
    CameBy, CapsOf, CapsOfBody, CapsWhy, CapsWhyBody, HeldCap, Hold, Holder, Link, Moment, StepKind,
};
use crate::problem::Problem;
use crate::time::rfc3339;

/// Show who holds what, and how it came to be so
#[derive(Debug, Subcommand)]
#[command(after_help = super::exit::HELP)]
pub(super) enum CapsCommand {
    Why(WhyArgs),
    Of(OfArgs),
}

/// Show everybody who holds something, and by which grants and messages each came to
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP)]
pub(super) struct WhyArgs {
    /// `subcluster/vat`, a channel like `matcher/io.llm`, a service like `alarm/service.timer`, or a reference like `ko7`
    target: String,
    /// Only this vat, as `subcluster/vat`
    #[arg(long, value_name = "VAT")]
    holder: Option<String>,
}

/// Show what a vat holds, and how it came
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP)]
pub(super) struct OfArgs {
    /// `subcluster/vat`, or `subcluster` for the vat that answers for it
    vat: String,
}

pub(super) fn run(command: &CapsCommand, session: &Session) -> Result<ExitStatus, Problem> {
    match command {
        CapsCommand::Why(args) => {
            let body = CapsWhyBody { target: args.target.clone(), holder: args.holder.clone() };
            let why: CapsWhy = session.client()?.post("/v1/caps/why", &body)?;
            session.answer(&why, why_text)?;
        }
        CapsCommand::Of(args) => {
            let of: CapsOf = session.client()?.post("/v1/caps/of", &CapsOfBody { vat: args.vat.clone() })?;
            session.answer(&of, of_text)?;
        }
    }
    Ok(ExitStatus::Ok)
}

fn why_text(why: &CapsWhy) -> String {
    let what = escape(&why.what);
    let mut text = match why.holders.len() as u64 + why.left_out {
        0 => format!("{what} is held by nobody else\n"),
        1 => format!("{what} is held by one:\n"),
        some => format!("{what} is held {some} times:\n"),
    };
    text.push_str(&holders_text(&why.holders, why.left_out));
    text
}

/// One paragraph for each holder: how it holds it, then the chain of how it came.
pub(super) fn holders_text(holders: &[Holder], left_out: u64) -> String {
    let mut text = String::new();
    for holder in holders {
        text.push_str(&format!("\n{}\n", holder_line(holder)));
        for (depth, link) in holder.chain.iter().enumerate() {
            text.push_str(&format!("{}{}\n", "  ".repeat(depth + 1), link_text(link)));
        }
    }
    if left_out > 0 {
        text.push_str(&format!("\nand {left_out} more\n"));
    }
    text
}

/// Who holds it, and in which ways.
pub(super) fn holder_line(holder: &Holder) -> String {
    let vat = holder.vat.as_ref().map_or_else(String::new, |vat| format!(" ({vat})"));
    let mut way = holder.reference.clone();
    for step in holder.through.iter().filter(|step| step.reference != holder.reference) {
        way.push_str(&format!(" -> {}", step.reference));
    }
    if holder.object != holder.reference {
        way.push_str(&format!(" -> {}", holder.object));
    }
    let held: Vec<&str> = holder.held.iter().map(|hold| hold_word(*hold)).collect();
    let lost: Vec<String> = holder
        .through
        .iter()
        .filter(|step| step.lost)
        .map(|step| match step.kind {
            StepKind::Caretaker => format!("{} was revoked", step.reference),
            StepKind::Promise => format!("{} was broken", step.reference),
        })
        .collect();
    let lost = match (holder.lost, lost.as_slice()) {
        (false, _) => String::new(),
        (true, []) => format!("; {} answers no more", holder.object),
        (true, some) => format!("; {}", some.join(", ")),
    };
    format!("{}{vat} holds {way} [{}]{lost}", escape(&holder.holder), held.join(", "))
}

fn hold_word(hold: Hold) -> &'static str {
    match hold {
        Hold::Grant => "grant",
        Hold::Stored => "stored",
        Hold::Handle => "handle",
        Hold::Queued => "queued",
        Hold::Kept => "kept",
    }
}

/// How it came, as a sentence about the holder.
fn link_text(link: &Link) -> String {
    let how = came_by(&link.how);
    let since = link.since.map_or_else(String::new, |since| format!(" ({})", moment(since)));
    format!("{}: {how}{since}", escape(&link.holder))
}

fn came_by(how: &CameBy) -> String {
    match how {
        CameBy::Granted { grant } => format!("grant `{}` of its declaration", escape(grant)),
        CameBy::Exposed => "an object of its own".to_owned(),
        CameBy::Made => "made by itself".to_owned(),
        CameBy::Asked { target } => format!("the answer to a message that it sent to {target}"),
        CameBy::Sent { message, by, to, method } => {
            format!("sent by {} in message `{}` ({message}) to {to}", escape(by), one_line(method))
        }
        CameBy::Queued { message, by, method } => {
            format!("waits in message `{}` ({message}) from {}", one_line(method), escape(by))
        }
        CameBy::Answered { by: Some(by) } => format!("in an answer from {}", escape(by)),
        CameBy::Answered { by: None } => "in an answer that was there before it asked".to_owned(),
        CameBy::Kept => "kept by the host".to_owned(),
        CameBy::Unknown => "unknown: it came before the store's version 3".to_owned(),
        CameBy::LetGo => "does not hold it any more, or holds it anew since later".to_owned(),
    }
}

/// A moment in words: `boot 2, 2026-11-29T13:14:18.000Z`.
fn moment(moment: Moment) -> String {
    match moment.ms {
        Some(ms) => format!("boot {}, {}", moment.boot, rfc3339(ms)),
        None => format!("boot {}", moment.boot),
    }
}

/// A guest chose it: it neither ends the line nor commands the terminal.
fn one_line(text: &str) -> String {
    escape(text).replace(['\n', '\t'], " ")
}

fn of_text(of: &CapsOf) -> String {
    if of.caps.is_empty() {
        return format!("{} ({}) holds nothing", escape(&of.vat), of.id);
    }
    let head = ["REFERENCE", "LEADS TO", "HELD", "CAME BY", "SINCE"];
    let mut text = table(head, of.caps.iter().map(row));
    if of.left_out > 0 {
        text.push_str(&format!("and {} more\n", of.left_out));
    }
    text
}

fn row(cap: &HeldCap) -> [String; 5] {
    let held: Vec<&str> = cap.held.iter().map(|hold| hold_word(*hold)).collect();
    let what = if cap.lost { format!("{} (answers no more)", cap.what) } else { cap.what.clone() };
    let since = cap.origin.since.map_or_else(|| "unknown".to_owned(), moment);
    [cap.reference.clone(), what, held.join(", "), came_by(&cap.origin.how), since]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::requests::Step;

    fn link(holder: &str, how: CameBy) -> Link {
        Link { holder: holder.into(), how, since: Some(Moment { boot: 2, ms: Some(1_795_958_058_123) }) }
    }

    fn lent() -> CapsWhy {
        let sent = CameBy::Sent {
            message: "m12".into(),
            by: "lamps/house".into(),
            to: "ko3".into(),
            method: "keep\u{1b}[2J\nforged: yes".into(),
        };
        let holder = Holder {
            holder: "courier/courier".into(),
            vat: Some("v4".into()),
            reference: "ko9".into(),
            object: "ko7".into(),
            through: vec![Step { reference: "ko9".into(), kind: StepKind::Caretaker, lost: true }],
            held: vec![Hold::Stored, Hold::Handle],
            lost: true,
            chain: vec![link("courier/courier", sent), link("lamps/house", CameBy::Made)],
        };
        CapsWhy { target: "ko7".into(), what: "object 1 of lamps/house".into(), holders: vec![holder], left_out: 2 }
    }

    #[test]
    fn a_chain_is_told_from_the_holder_back_to_where_it_began() {
        let expected = "\
object 1 of lamps/house is held 3 times:

courier/courier (v4) holds ko9 -> ko7 [stored, handle]; ko9 was revoked
  courier/courier: sent by lamps/house in message `keep\\u{1b}[2J forged: yes` (m12) to ko3 (boot 2, 2026-11-29T13:14:18.123Z)
    lamps/house: made by itself (boot 2, 2026-11-29T13:14:18.123Z)

and 2 more
";
        assert_eq!(why_text(&lent()), expected);
    }

    #[test]
    fn the_shape_of_an_answer_is_as_published() {
        let json = serde_json::to_value(lent()).expect("JSON");
        assert_eq!(json["$type"], "caps-why");
        let holder = &json["holders"][0];
        assert_eq!(holder["held"], serde_json::json!(["stored", "handle"]));
        assert_eq!(holder["through"][0]["kind"], "caretaker");
        let made = serde_json::json!({
            "holder": "lamps/house", "how": "made", "since": { "boot": 2, "ms": 1_795_958_058_123_u64 }
        });
        assert_eq!(holder["chain"][1], made);
        assert_eq!(serde_json::from_value::<CapsWhy>(json).expect("an answer"), lent());
    }

    #[test]
    fn a_time_that_was_not_known_is_not_made_up() {
        assert_eq!(moment(Moment { boot: 1, ms: None }), "boot 1");
    }

    #[test]
    fn who_holds_nothing_is_said_to() {
        let of = CapsOf { vat: "a/b".into(), id: "v3".into(), caps: vec![], left_out: 0 };
        assert_eq!(of_text(&of), "a/b (v3) holds nothing");
    }
}
