//! A vat in quarantine gets its component from elsewhere.
//!
//! Its own component, to the last bit, is put back into the content store, and the vat is served again: nothing about it has changed. A
//! linked vat is read from the new path from then on. Any other component is other code, so that is an upgrade, and only done if it was
//! asked for. Each way checks the component first, changes the vat in one act, and can be repeated after a crash at any point.

use std::sync::Arc;

use ocap_kernel::VatStatus;

use crate::component::{CodeRecord, CodeSource, ResolvedPath};
use crate::daemon::requests::{OtherComponent, RepairBody, RepairFrom, RepairOutcome, Repaired, UpgradeTo};
use crate::problem::Problem;

use super::house::House;
use super::launch::blocking;
use super::upgrade::{self, Change, Subject};
use super::{code, heal, quarantine, restart};

/// What is to be done with a vat, all of it checked.
enum Finding {
    /// Nothing: it is served from this component.
    Unchanged(Box<Subject>),
    /// Its own component is in the content store again.
    Refilled(Box<Subject>),
    /// It gets another record of its code.
    Change(Box<Change>, RepairOutcome),
}

/// Serves a vat in quarantine again, with a component from elsewhere; what waits for it is delivered in order.
///
/// # Errors
/// If it is served from another component, the component can't be had or would not load, or it is another one and that was not asked for.
pub(super) async fn repair(house: &Arc<House>, body: RepairBody) -> Result<Repaired, Problem> {
    let _naming = house.unnamed_blobs.read().await;
    let RepairBody { vat: label, from, other } = body;
    let named = label.clone();
    let subject = house.act(move |run_loop, house| upgrade::subject(run_loop, house, &named)).await??;
    let finder = house.clone();
    match blocking(move || look_for(&finder, subject, from, other)).await? {
        Finding::Unchanged(subject) => Ok(repaired(&subject, RepairOutcome::Unchanged)),
        Finding::Refilled(subject) => {
            let retried = heal::retry(house, Some(label)).await?;
            match retried.problems.into_iter().next() {
                Some(problem) => Err(problem),
                None => Ok(repaired(&subject, RepairOutcome::Refilled)),
            }
        }
        Finding::Change(change, outcome) => {
            let answer = Repaired { vat: label, outcome, component: change.component() };
            upgrade::carry_out(house, vec![*change]).await?.into_iter().try_for_each(|(_, end)| end)?;
            Ok(answer)
        }
    }
}

fn repaired(subject: &Subject, outcome: RepairOutcome) -> Repaired {
    let record = subject.record().expect("its component was compared");
    Repaired { vat: subject.label().to_owned(), outcome, component: upgrade::component(&record) }
}

fn look_for(house: &House, subject: Subject, from: RepairFrom, other: OtherComponent) -> Result<Finding, Problem> {
    let as_upgrade = match from.clone() {
        RepairFrom::File { path, written } => UpgradeTo::File { path, written },
        RepairFrom::Stored { sha256 } => UpgradeTo::Stored { sha256 },
    };
    let is_served = subject.status() == &VatStatus::Active;
    let now = subject.record();
    let (found, place) = upgrade::found(house, &subject, &as_upgrade)?;
    if let Some(CodeRecord { source: CodeSource::Linked, resolved, .. }) = &now {
        // What it is read from decides, not what is there: that may be another at each start.
        let same = matches!(&from, RepairFrom::File { path, .. } if path.as_os_str() == resolved.as_str());
        return match (same, is_served) {
            (true, true) => Ok(Finding::Unchanged(Box::new(subject))),
            (false, true) => Err(served(subject.label())),
            (_, false) => relinked(house, subject, from, found, &place),
        };
    }
    let same = now.is_some_and(|record| upgrade::stored_digest(&record) == upgrade::stored_digest(&found.record));
    match (same, is_served, other) {
        (true, true, _) => {
            // It runs from what was compiled; should the content store have lost it meanwhile, it has it again.
            house.blobs.put(&found.bytes).map_err(|fault| place.diagnose(&fault.into()))?;
            Ok(Finding::Unchanged(Box::new(subject)))
        }
        (false, true, _) => Err(served(subject.label())),
        (true, false, _) => {
            code::prepare(house, &found.bytes, &place)?;
            house.blobs.put(&found.bytes).map_err(|fault| place.diagnose(&fault.into()))?;
            Ok(Finding::Refilled(Box::new(subject)))
        }
        (false, false, OtherComponent::Upgrade) => {
            let change = upgrade::forward(house, subject, found, &place)?;
            Ok(Finding::Change(Box::new(change), RepairOutcome::Upgraded))
        }
        (false, false, OtherComponent::Refuse) => Err(other_component(&subject, &found.record)),
    }
}

/// A linked vat stays linked, to where its component is now; what has no path is kept in the content store.
fn relinked(
    house: &House,
    subject: Subject,
    from: RepairFrom,
    found: crate::bundle::VatCode,
    place: &crate::component::Place,
) -> Result<Finding, Problem> {
    let outcome = RepairOutcome::Relinked;
    let is_a_component = |record: &CodeRecord| match &record.source {
        // Of a bundle the whole file was seen, of a component the component itself.
        CodeSource::Stored { sha256, origin, .. } => origin.is_some_and(|origin| origin.sha256 == *sha256),
        CodeSource::Linked => true,
    };
    match from {
        RepairFrom::File { path, written } if is_a_component(&found.record) => {
            code::prepare(house, &found.bytes, place)?;
            let record = CodeRecord::linked(&ResolvedPath::known(&written, &path));
            let change = upgrade::forward_to(house, subject, record)?;
            Ok(Finding::Change(Box::new(change), outcome))
        }
        RepairFrom::File { .. } | RepairFrom::Stored { .. } => {
            let change = upgrade::forward(house, subject, found, place)?;
            Ok(Finding::Change(Box::new(change), RepairOutcome::Upgraded))
        }
    }
}

fn served(label: &str) -> Problem {
    let help = format!("to give it other code, with its state kept: `ocap-host upgrade {label} COMPONENT`");
    restart::of_label(quarantine::not_quarantined(label), label).with_help(help)
}

fn other_component(subject: &Subject, found: &CodeRecord) -> Problem {
    let label = subject.label();
    let digest = |record: &CodeRecord| upgrade::stored_digest(record).map(|digest| digest.to_string());
    let message = format!("{} is not the component of vat `{label}`, but other code", found.resolved);
    let mut problem = restart::of_label(Problem::new("ocap::repair::other_component", message), label)
        .at_path(&found.written, &found.resolved)
        .with_help(format!(
            "other code for the same state is an upgrade: `ocap-host quarantine repair {label} --from {} --as-upgrade`",
            found.written
        ));
    let before = subject.record().as_ref().and_then(digest);
    problem.causes.push(format!("the vat's is {}", before.as_deref().unwrap_or("not known: its record is damaged")));
    problem.causes.extend(digest(found).map(|digest| format!("this one is {digest}")));
    problem
}
