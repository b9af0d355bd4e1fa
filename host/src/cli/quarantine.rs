//! `quarantine`: what is set aside: a look, another try, a repair, or the end.

use std::path::PathBuf;

use super::confirm::{self, Confirmation};
use super::exit::ExitStatus;
use super::live;
use super::plan::short;
use super::render::escape;
use super::session::Session;
use super::table::table;
use super::terminate;
use crate::component::Digest;
use crate::daemon::requests::{
    Bytes, Ending, OtherComponent, Policy, Quarantine, Quarantined, RepairBody, RepairFrom, RepairOutcome, Repaired,
    Retried, RetryBody, ShowBody, Terminated, VatComponent,
};
use crate::problem::Problem;

/// Show, retry, repair or give up what can't be served
#[derive(Debug, clap::Subcommand)]
#[command(after_help = super::exit::with_examples(&["ocap-host quarantine list", "ocap-host quarantine show matcher/index", "ocap-host quarantine repair matcher/index --from build/index.wasm", "ocap-host quarantine prune matcher/index"]))]
pub(super) enum QuarantineCommand {
    /// Show the diagnostic of everything in quarantine
    List,
    /// Show everything about one vat in quarantine
    Show {
        /// As `subcluster/vat`
        #[arg(add = live::quarantined())]
        vat: String,
    },
    /// Try again to serve one vat, or all
    Retry {
        /// As `subcluster/vat`; all where absent
        #[arg(add = live::quarantined())]
        vat: Option<String>,
    },
    /// Serve a vat again, with its component from elsewhere; what waits for it is delivered
    Repair {
        /// As `subcluster/vat`
        #[arg(add = live::quarantined())]
        vat: String,
        /// A component, a bundle that has it, or the `sha256:...` of a stored one
        #[arg(long, value_name = "PATH")]
        from: PathBuf,
        /// Take it also if it is other code than the vat's own, which then is upgraded
        #[arg(long)]
        as_upgrade: bool,
    },
    /// Give up a vat in quarantine, or a subcluster of which nothing is served, with everything it keeps
    Prune {
        /// `subcluster/vat`, or `subcluster`
        #[arg(add = live::quarantined())]
        target: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

pub(super) fn run(command: &QuarantineCommand, session: &Session) -> Result<ExitStatus, Problem> {
    match command {
        QuarantineCommand::List => list(session),
        QuarantineCommand::Show { vat } => show(vat, session),
        QuarantineCommand::Retry { vat } => retry(vat.clone(), session),
        QuarantineCommand::Repair { vat, from, as_upgrade } => {
            let other = if *as_upgrade { OtherComponent::Upgrade } else { OtherComponent::Refuse };
            let written = from.display().to_string();
            let from = match written.parse::<Digest>() {
                Ok(digest) => RepairFrom::Stored { sha256: digest.to_string() },
                Err(_) => RepairFrom::File { path: session.absolute(from)?, written },
            };
            repair(&RepairBody { vat: vat.clone(), from, other }, session)
        }
        QuarantineCommand::Prune { target, confirmation } => prune(target, confirmation, session),
    }
}

fn list(session: &Session) -> Result<ExitStatus, Problem> {
    let quarantine: Quarantine = session.client()?.get("/v1/quarantine")?;
    session.answer(&quarantine, |quarantine| match quarantine.problems.as_slice() {
        [] => "nothing is in quarantine".to_owned(),
        problems => problems.iter().map(|problem| session.problem_text(problem) + "\n").collect(),
    })?;
    Ok(ExitStatus::Ok)
}

fn show(vat: &str, session: &Session) -> Result<ExitStatus, Problem> {
    let found: Quarantined = session.client()?.post("/v1/quarantine/show", &ShowBody { vat: vat.to_owned() })?;
    session.answer(&found, |found| format!("{}\n{}", session.problem_text(&found.problem), facts(found)))?;
    Ok(ExitStatus::Ok)
}

fn facts(found: &Quarantined) -> String {
    let Quarantined { vat, id, heals_by_itself, when_quarantined, queued, exports, incarnation, .. } = found;
    let policy = match when_quarantined {
        Policy::Park => "they wait",
        Policy::Reject => "new ones are answered `vat-quarantined`",
    };
    let heals = if *heals_by_itself { "when its component changes" } else { "not by itself: it would only fail again" };
    let grants: Vec<&str> = found.grants.iter().map(|grant| grant.name.as_str()).collect();
    let mut rows = vec![
        ("vat", format!("{vat} ({id}), incarnation {incarnation}")),
        ("heals", heals.to_owned()),
        ("messages", format!("{queued}; {policy}")),
        ("exports", exports.to_string()),
        ("grants", if grants.is_empty() { "none".to_owned() } else { grants.join(", ") }),
    ];
    rows.extend(found.component.as_ref().map(|component| ("component", described(component))));
    rows.extend(found.stored.map(|bytes| ("in the content store", state(bytes).to_owned())));
    rows.extend(found.source.map(|bytes| ("at its path", state(bytes).to_owned())));
    rows.extend(found.kept.as_ref().map(|component| ("component before", described(component))));
    rows.push(("mend it", format!("ocap-host quarantine repair {vat} --from PATH")));
    rows.push(("give it up", format!("ocap-host quarantine prune {vat}")));
    table(["", ""], rows.into_iter().map(|(name, value)| [name.to_owned(), value])).trim_start().to_owned()
}

fn described(component: &VatComponent) -> String {
    let digest = component.sha256.as_deref().map(|digest| format!(", sha-256 {}", short(digest))).unwrap_or_default();
    let linked = if component.linked { ", linked" } else { "" };
    format!("{} at {}{digest}{linked}", component.written, component.resolved)
}

fn state(bytes: Bytes) -> &'static str {
    match bytes {
        Bytes::Whole => "whole",
        Bytes::Other => "other bytes",
        Bytes::Missing => "nothing",
        Bytes::Unreadable => "not readable",
    }
}

fn retry(vat: Option<String>, session: &Session) -> Result<ExitStatus, Problem> {
    let retried: Retried = session.client()?.post("/v1/quarantine/retry", &RetryBody { vat })?;
    session.answer(&retried, |retried| match retried.healed.as_slice() {
        [] => "nothing was healed".to_owned(),
        healed => healed.iter().map(|vat| format!("healed: {}\n", escape(vat))).collect(),
    })?;
    for problem in &retried.problems {
        session.tell(problem);
    }
    Ok(if retried.problems.is_empty() { ExitStatus::Ok } else { ExitStatus::Degraded })
}

fn repair(body: &RepairBody, session: &Session) -> Result<ExitStatus, Problem> {
    let repaired: Repaired = session.client()?.post("/v1/quarantine/repair", body)?;
    session.answer(&repaired, |repaired| {
        let vat = escape(&repaired.vat);
        let how = match repaired.outcome {
            RepairOutcome::Unchanged => "unchanged: it is served already, from this component",
            RepairOutcome::Refilled => "repaired: the content store has its component again",
            RepairOutcome::Relinked => "repaired: it is linked, and read from this path from now on",
            RepairOutcome::Upgraded => "repaired by an upgrade: it has other code, and keeps its state",
        };
        format!("{vat} {how}\n{}", escape(&described(&repaired.component)))
    })?;
    Ok(ExitStatus::Ok)
}

fn prune(target: &str, confirmation: &Confirmation, session: &Session) -> Result<ExitStatus, Problem> {
    let body = terminate::body(target);
    let mut client = session.client()?;
    if !confirmation.is_given() {
        let ending: Ending = client.post("/v1/quarantine/prune/preview", &body)?;
        session.answer_json_only(&ending)?;
        let message = format!("this would give up `{target}` and forget everything that it keeps");
        let mut preview = confirm::unconfirmed(message, &format!("ocap-host quarantine prune {target} --yes"));
        preview.causes = terminate::losses(&ending);
        confirm::ask(session, preview)?;
    }
    let pruned: Terminated = client.post("/v1/quarantine/prune", &body)?;
    session.answer(&pruned, |pruned| terminate::told("pruned", pruned))?;
    Ok(ExitStatus::Ok)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_about_a_vat_in_quarantine_is_a_list_of_facts_with_the_way_out() {
        let component = VatComponent {
            written: "b.wasm".into(),
            resolved: "/v/b.wasm".into(),
            linked: false,
            sha256: Some(format!("sha256:{}", "1".repeat(64))),
            bytes: Some(7),
        };
        let found = Quarantined {
            vat: "a/b".into(),
            id: "v2".into(),
            problem: Problem::new("ocap::component::not_stored", "gone"),
            heals_by_itself: true,
            when_quarantined: Policy::Park,
            queued: 3,
            exports: 1,
            incarnation: 4,
            grants: vec![],
            component: Some(component),
            stored: Some(Bytes::Missing),
            source: Some(Bytes::Other),
            kept: None,
        };
        let expected = "\
vat                   a/b (v2), incarnation 4
heals                 when its component changes
messages              3; they wait
exports               1
grants                none
component             b.wasm at /v/b.wasm, sha-256 111111111111
in the content store  nothing
at its path           other bytes
mend it               ocap-host quarantine repair a/b --from PATH
give it up            ocap-host quarantine prune a/b
";
        assert_eq!(facts(&found), expected);
    }
}
