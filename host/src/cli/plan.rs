//! What a launch would do, for people: each vat with its code, and all that it would reach.

use super::table::table;
use crate::daemon::requests::{Granted, LaunchPlan, Outcome, PlannedVat, VatComponent};

/// How much of a digest a person compares.
const DIGITS: usize = 12;

pub(super) fn text(plan: &LaunchPlan) -> String {
    let outcome = match &plan.outcome {
        Outcome::New => "would be launched".to_owned(),
        Outcome::Known => "is already here, and would go on".to_owned(),
        Outcome::Replace => {
            "would be launched anew: the one that runs would end with everything its vats keep".to_owned()
        }
        Outcome::Upgrade(vats) => format!("would go on, with other code for {}", vats.join(", ")),
    };
    let vats = plan.vats.iter().map(|vat| vat_row(plan, vat));
    let mut sections = vec![
        format!("{}: {outcome}; nothing was changed\n", plan.name),
        table(["VAT", "START", "COMPONENT", "BYTES", "SHA-256", "READ FROM"], vats),
    ];
    let grants: Vec<[String; 3]> = plan.vats.iter().flat_map(|vat| grant_rows(plan, vat)).collect();
    if !grants.is_empty() {
        sections.push(table(["VAT", "MAY REACH", "WHICH IS"], grants));
    }
    if !plan.channels.is_empty() {
        let channels = plan.channels.iter().map(|channel| {
            let whole_name = format!("{}/{}", plan.name, channel.name);
            [whole_name, channel.kind.clone(), channel.direction.clone(), channel.path_resolved.clone()]
        });
        sections.push(table(["CHANNEL", "KIND", "DIRECTION", "PATH"], channels));
    }
    sections.join("\n")
}

fn vat_row(plan: &LaunchPlan, vat: &PlannedVat) -> [String; 6] {
    let VatComponent { written, resolved, linked, sha256, bytes } = &vat.component;
    let read_from = if *linked { format!("{resolved}, at each start") } else { resolved.clone() };
    [
        format!("{}/{}", plan.name, vat.name),
        vat.start.clone(),
        written.clone(),
        bytes.map_or_else(String::new, |bytes| bytes.to_string()),
        sha256.as_deref().map_or_else(String::new, short),
        read_from,
    ]
}

fn grant_rows(plan: &LaunchPlan, vat: &PlannedVat) -> Vec<[String; 3]> {
    let row = |name: &str, what: String| [format!("{}/{}", plan.name, vat.name), name.to_owned(), what];
    if vat.grants.is_empty() {
        return vec![row("", "nothing".to_owned())];
    }
    let of = |grant: &Granted| match grant {
        Granted::Channel { direction, path_resolved } => format!("channel ({direction}) at {path_resolved}"),
        Granted::Vat { vat } => format!("vat {vat}"),
        Granted::Service { service } => format!("the host's service {service}"),
    };
    vat.grants.iter().map(|grant| row(&grant.name, of(&grant.what))).collect()
}

/// The beginning of a digest's digits.
pub(super) fn short(digest: &str) -> String {
    digest.trim_start_matches("sha256:").chars().take(DIGITS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::requests::{PlannedChannel, PlannedGrant};

    fn vat(name: &str, grants: Vec<PlannedGrant>) -> PlannedVat {
        PlannedVat {
            name: name.into(),
            component: VatComponent {
                written: format!("{name}.wasm"),
                resolved: format!("/v/{name}.wasm"),
                linked: name == "index",
                sha256: Some(format!("sha256:0123456789abcdef{}", "0".repeat(48))),
                bytes: Some(60_000),
            },
            start: "lazy".into(),
            grants,
        }
    }

    #[test]
    fn a_plan_shows_every_vat_with_its_code_and_everything_it_would_reach() {
        let channel = Granted::Channel { direction: "inout".into(), path_resolved: "/h/run/llm.sock".into() };
        let grants = vec![
            PlannedGrant { name: "io.llm".into(), what: channel },
            PlannedGrant { name: "vat.index".into(), what: Granted::Vat { vat: "matcher/index".into() } },
        ];
        let plan = LaunchPlan {
            name: "matcher".into(),
            bootstrap: "matcher".into(),
            outcome: Outcome::New,
            vats: vec![vat("index", vec![]), vat("matcher", grants)],
            channels: vec![PlannedChannel {
                name: "llm".into(),
                kind: "unix-listen".into(),
                direction: "inout".into(),
                path_written: "run/llm.sock".into(),
                path_resolved: "/h/run/llm.sock".into(),
            }],
        };
        let expected = "\
matcher: would be launched; nothing was changed

VAT              START  COMPONENT     BYTES  SHA-256       READ FROM
matcher/index    lazy   index.wasm    60000  0123456789ab  /v/index.wasm, at each start
matcher/matcher  lazy   matcher.wasm  60000  0123456789ab  /v/matcher.wasm

VAT              MAY REACH  WHICH IS
matcher/index               nothing
matcher/matcher  io.llm     channel (inout) at /h/run/llm.sock
matcher/matcher  vat.index  vat matcher/index

CHANNEL      KIND         DIRECTION  PATH
matcher/llm  unix-listen  inout      /h/run/llm.sock
";
        assert_eq!(text(&plan), expected);
    }
}
