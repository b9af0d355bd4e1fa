//! `upgrade`: other code for a vat that keeps its state.

use std::path::PathBuf;

use super::exit::ExitStatus;
use super::plan::short;
use super::render::escape;
use super::session::Session;
use super::table::table;
use crate::component::Digest;
use crate::daemon::requests::{GrantStatus, UpgradeBody, UpgradeOutcome, UpgradeTo, Upgraded, VatComponent};
use crate::problem::Problem;

/// Give a vat other code; its state, its references and what waits for it stay
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::with_examples(&["ocap-host upgrade matcher/index", "ocap-host upgrade matcher/index build/index.wasm --dry-run", "ocap-host upgrade matcher/index --rollback"]))]
pub(super) struct UpgradeArgs {
    /// As `subcluster/vat`
    #[arg(add = super::live::vats())]
    vat: String,
    /// The new component, or the `sha256:...` of a stored one [default: what is at the declared path now]
    component: Option<PathBuf>,
    /// Go back to the component before the last upgrade
    #[arg(long, conflicts_with = "component")]
    rollback: bool,
    /// Check everything, change nothing, and show what would be done
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &UpgradeArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let body = UpgradeBody { vat: args.vat.clone(), to: to(args, session)? };
    let path = if args.dry_run { "/v1/upgrade/plan" } else { "/v1/upgrade" };
    let upgraded: Upgraded = session.client()?.post(path, &body)?;
    session.answer(&upgraded, text)?;
    Ok(ExitStatus::Ok)
}

fn to(args: &UpgradeArgs, session: &Session) -> Result<UpgradeTo, Problem> {
    Ok(match &args.component {
        None if args.rollback => UpgradeTo::Kept,
        None => UpgradeTo::Declared,
        Some(component) => {
            let written = component.display().to_string();
            match written.parse::<Digest>() {
                Ok(digest) => UpgradeTo::Stored { sha256: digest.to_string() },
                Err(_) => UpgradeTo::File { path: session.absolute(component)?, written },
            }
        }
    })
}

fn text(upgraded: &Upgraded) -> String {
    let vat = escape(&upgraded.vat);
    let head = match upgraded.outcome {
        UpgradeOutcome::Upgraded => {
            format!("upgraded: {vat}; the component before is kept: `ocap-host upgrade {vat} --rollback`\n")
        }
        UpgradeOutcome::Unchanged => format!("unchanged: {vat} has this component already\n"),
        UpgradeOutcome::Planned => format!("{vat} can be upgraded; nothing was changed\n"),
    };
    let mut rows = Vec::new();
    if upgraded.outcome != UpgradeOutcome::Unchanged {
        rows.extend(upgraded.before.as_ref().map(|before| row("before", before)));
    }
    rows.push(row("after", &upgraded.after));
    let mut sections = vec![head, table(["", "COMPONENT", "BYTES", "SHA-256", "READ FROM"], rows)];
    if !upgraded.grants.is_empty() {
        sections.push(table(["GRANT, AS BEFORE", "REFERENCE", "STATE"], upgraded.grants.iter().map(grant)));
    }
    sections.join("\n")
}

fn row(when: &str, component: &VatComponent) -> [String; 5] {
    [
        when.to_owned(),
        component.written.clone(),
        component.bytes.map_or_else(String::new, |bytes| bytes.to_string()),
        component.sha256.as_deref().map_or_else(String::new, short),
        component.resolved.clone(),
    ]
}

fn grant(grant: &GrantStatus) -> [String; 3] {
    let state = if grant.revoked { "revoked" } else { "" };
    [grant.name.clone(), grant.reference.clone(), state.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn component(written: &str, digit: &str) -> VatComponent {
        VatComponent {
            written: written.into(),
            resolved: format!("/v/{written}"),
            linked: false,
            sha256: Some(format!("sha256:{}", digit.repeat(64))),
            bytes: Some(7),
        }
    }

    #[test]
    fn an_upgrade_is_told_with_both_components_and_the_way_back() {
        let mut upgraded = Upgraded {
            vat: "a/b".into(),
            outcome: UpgradeOutcome::Upgraded,
            before: Some(component("one.wasm", "1")),
            after: component("two.wasm", "2"),
            grants: vec![GrantStatus { name: "io.llm".into(), reference: "ko7".into(), revoked: true }],
        };
        let expected = "\
upgraded: a/b; the component before is kept: `ocap-host upgrade a/b --rollback`

        COMPONENT  BYTES  SHA-256       READ FROM
before  one.wasm   7      111111111111  /v/one.wasm
after   two.wasm   7      222222222222  /v/two.wasm

GRANT, AS BEFORE  REFERENCE  STATE
io.llm            ko7        revoked
";
        assert_eq!(text(&upgraded), expected);
        upgraded.outcome = UpgradeOutcome::Unchanged;
        assert!(text(&upgraded).starts_with("unchanged: a/b has this component already\n"));
    }
}
