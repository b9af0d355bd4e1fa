//! Other code for a vat that keeps its state, its references and what waits for it.
//!
//! The new component is found, checked and compiled as for a launch before anything changes. Then the vat's next start decides: if it
//! fails, the code before takes its place again, and the upgrade has failed.

use std::path::Path;
use std::sync::Arc;

use ocap_kernel::{Refusal, Upgrade, Vat, VatId, VatStatus};
use tokio::sync::oneshot;

use crate::bundle::{self, Source};
use crate::component::{CodeRecord, CodeSource, Digest, Moment, Place, ResolvedPath};
use crate::daemon::requests::{GrantStatus, UpgradeBody, UpgradeOutcome, UpgradeTo, Upgraded, VatComponent};
use crate::declaration::Recorded;
use crate::problem::Problem;
use crate::run_loop::{RunLoop, Started, VatCode};

use super::house::House;
use super::launch::blocking;
use super::restart::{gone, rolled_back};
use super::{calls, code, revoke};

/// A vat as it was when somebody asked for other code.
pub(super) struct Subject {
    pub(super) id: VatId,
    pub(super) row: Vat,
    pub(super) label: String,
    pub(super) recorded: Arc<Recorded>,
    grants: Vec<GrantStatus>,
}

/// Code that was found, checked and compiled for a vat that runs other code.
pub(super) struct Change {
    pub(super) subject: Subject,
    record: CodeRecord,
    code: VatCode,
    how: How,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum How {
    /// The row's code makes place.
    Forward,
    /// To the code that the row keeps.
    Back,
}

/// What comes of a wish, before anything is done.
enum Finding {
    /// It can be done.
    Change(Box<Change>),
    /// The vat has that code already.
    Unchanged(Box<Subject>),
}

/// Upgrades a vat, or rolls it back, and waits for the start of the new code.
///
/// # Errors
/// If the code can't be had or would not load, and nothing has changed; or if its start failed, and the vat goes on with the code before.
pub(super) async fn upgrade(house: &Arc<House>, body: UpgradeBody) -> Result<Upgraded, Problem> {
    match find(house, body).await? {
        Finding::Unchanged(subject) => Ok(unchanged(*subject)),
        Finding::Change(change) => {
            let answer = change.described(UpgradeOutcome::Upgraded);
            carry_out(house, vec![*change]).await?.into_iter().try_for_each(|(label, how)| judge(&label, how))?;
            Ok(answer)
        }
    }
}

/// Checks whether that could be done, and does nothing.
///
/// # Errors
/// As [`upgrade`], as far as it shows before a start.
pub(super) async fn plan(house: &Arc<House>, body: UpgradeBody) -> Result<Upgraded, Problem> {
    Ok(match find(house, body).await? {
        Finding::Unchanged(subject) => unchanged(*subject),
        Finding::Change(change) => change.described(UpgradeOutcome::Planned),
    })
}

async fn find(house: &Arc<House>, body: UpgradeBody) -> Result<Finding, Problem> {
    let UpgradeBody { vat: label, to } = body;
    let subject = house.act(move |run_loop, house| subject(run_loop, house, &label)).await??;
    let finder = house.clone();
    blocking(move || look_for(&finder, subject, &to)).await
}

/// Looks at a living vat.
///
/// # Errors
/// If there is none, or its declaration can't be read.
pub(super) fn subject(run_loop: &RunLoop, house: &House, label: &str) -> Result<Subject, Problem> {
    let kernel = run_loop.kernel();
    let (id, row) = calls::find_vat(kernel, label)?;
    let recorded = house.declaration(kernel, row.subcluster)?;
    Ok(Subject { id, row: row.clone(), label: label.to_owned(), recorded, grants: revoke::grants(kernel, id) })
}

fn look_for(house: &House, subject: Subject, to: &UpgradeTo) -> Result<Finding, Problem> {
    if *to == UpgradeTo::Kept {
        return back(house, subject).map(|change| Finding::Change(Box::new(change)));
    }
    let now = subject.record();
    if now.as_ref().is_some_and(|record| record.source == CodeSource::Linked) {
        return Err(linked(&subject));
    }
    let (found, place) = found(house, &subject, to)?;
    let same = now.is_some_and(|record| stored_digest(&record) == stored_digest(&found.record));
    if same && subject.row.status == VatStatus::Active {
        return Ok(Finding::Unchanged(Box::new(subject)));
    }
    forward(house, subject, found, &place).map(|change| Finding::Change(Box::new(change)))
}

/// The component that is asked for.
fn found(house: &House, subject: &Subject, to: &UpgradeTo) -> Result<(bundle::VatCode, Place), Problem> {
    let Recorded { declaration, .. } = &*subject.recorded;
    let name = &subject.row.name;
    if *to == UpgradeTo::Declared {
        let source = Source::reopen(&subject.recorded, name, &house.files)?;
        let place = Place { moment: Moment::Upgrade, ..source.place(name) };
        let found = source.find(name, &house.files, &house.blobs).map_err(|fault| place.diagnose(&fault))?;
        return Ok((found, place));
    }
    let place = |written: &str, resolved: &str| Place {
        subcluster: declaration.name.clone(),
        vat: name.clone(),
        written: written.to_owned(),
        resolved: resolved.to_owned(),
        span: None,
        moment: Moment::Upgrade,
    };
    match to {
        UpgradeTo::File { path, written } => {
            let place = place(written, &path.to_string_lossy());
            let path = ResolvedPath::known(written, path);
            let (bytes, seen) =
                crate::component::read(&path, &house.files).map_err(|fault| place.diagnose(&fault))?;
            let record = CodeRecord::stored(&path, &bytes, seen);
            Ok((bundle::VatCode { bytes, record }, place))
        }
        UpgradeTo::Stored { sha256 } => {
            let place = place(sha256, sha256);
            let digest: Digest = sha256.parse().map_err(|fault| {
                Problem::new("ocap::usage::digest", format!("`{sha256}` is no digest")).because(&fault)
            })?;
            let bytes = house.blobs.get(&digest).map_err(|fault| place.diagnose(&fault.into()))?;
            let record = CodeRecord::by_digest(digest, bytes.len() as u64);
            Ok((bundle::VatCode { bytes, record }, place))
        }
        UpgradeTo::Declared | UpgradeTo::Kept => unreachable!("looked for elsewhere"),
    }
}

/// Checks and compiles what was found, and keeps its bytes.
///
/// # Errors
/// What is wrong with it.
pub(super) fn forward(
    house: &House,
    subject: Subject,
    found: bundle::VatCode,
    place: &Place,
) -> Result<Change, Problem> {
    code::prepare(house, &found.bytes, place)?;
    house.blobs.put(&found.bytes).map_err(|fault| place.diagnose(&fault.into()))?;
    change(house, subject, found.record, How::Forward)
}

fn back(house: &House, subject: Subject) -> Result<Change, Problem> {
    let kept = match &subject.row.upgrade {
        Upgrade::None => return Err(nothing_kept(&subject.label)),
        Upgrade::Kept { before } | Upgrade::Trial { before } => before,
    };
    let record = CodeRecord::from_record(kept).map_err(Problem::from)?;
    change(house, subject, record, How::Back)
}

fn change(house: &House, subject: Subject, record: CodeRecord, how: How) -> Result<Change, Problem> {
    // As the row will be: what the vat had is on its way out, unless that never ran.
    let upgrade = match (&subject.row.upgrade, how) {
        (Upgrade::Trial { .. }, How::Back) => Upgrade::None,
        (Upgrade::Trial { before }, How::Forward) => Upgrade::Trial { before: before.clone() },
        (Upgrade::None | Upgrade::Kept { .. }, _) => Upgrade::Trial { before: subject.row.code.clone() },
    };
    let row = Vat { code: record.to_record().into(), upgrade, ..subject.row.clone() };
    let code = code::for_declared(house, &subject.recorded, subject.id, &row)?;
    Ok(Change { subject, record, code, how })
}

/// Gives all these vats their new code in one act, and waits for their starts. What became of each, with its name.
///
/// # Errors
/// If the host stops.
pub(super) async fn carry_out(house: &Arc<House>, changes: Vec<Change>) -> Result<Vec<(String, Started)>, Problem> {
    let begun = house.act(move |run_loop, _| changes.into_iter().map(|change| begin(run_loop, change)).collect::<Vec<_>>());
    let mut ends = Vec::new();
    for (label, start) in begun.await? {
        ends.push((label, start.await.map_err(|_| super::house::stopping())?));
    }
    Ok(ends)
}

fn begin(run_loop: &mut RunLoop, change: Change) -> (String, oneshot::Receiver<Started>) {
    let Change { subject, record, code, how } = change;
    let (told, start) = oneshot::channel();
    let (told_at_start, told_now) = (std::sync::Arc::new(std::sync::Mutex::new(Some(told))), ());
    let _ = (told_at_start, told_now, run_loop, record, code, how);
    (subject.label, start)
}

/// Whether the new code runs.
///
/// # Errors
/// If it does not.
pub(super) fn judge(label: &str, how: Started) -> Result<(), Problem> {
    match how {
        Started::Well => Ok(()),
        Started::RolledBack(cause) => Err(rolled_back(label, &cause)),
        Started::Quarantined => Err(super::restart::quarantined(label, None)),
        Started::Ended => Err(gone(label)),
    }
}

impl Subject {
    fn record(&self) -> Option<CodeRecord> {
        CodeRecord::from_record(&self.row.code).ok()
    }
}

impl Change {
    fn described(&self, outcome: UpgradeOutcome) -> Upgraded {
        Upgraded {
            vat: self.subject.label.clone(),
            outcome,
            before: self.subject.record().as_ref().map(component),
            after: component(&self.record),
            grants: self.subject.grants.clone(),
        }
    }
}

fn unchanged(subject: Subject) -> Upgraded {
    let now = component(&subject.record().expect("its digest was compared"));
    Upgraded {
        vat: subject.label,
        outcome: UpgradeOutcome::Unchanged,
        before: Some(now.clone()),
        after: now,
        grants: subject.grants,
    }
}

/// A vat's code as its record has it.
pub(super) fn component(record: &CodeRecord) -> VatComponent {
    let stored = match &record.source {
        CodeSource::Stored { sha256, size, .. } => Some((*sha256, *size)),
        CodeSource::Linked => None,
    };
    VatComponent {
        written: record.written.clone(),
        resolved: record.resolved.clone(),
        linked: stored.is_none(),
        sha256: stored.map(|(digest, _)| digest.to_string()),
        bytes: stored.map(|(_, size)| size),
    }
}

/// The SHA-256 of code that runs from the content store.
pub(super) fn stored_digest(record: &CodeRecord) -> Option<Digest> {
    match &record.source {
        CodeSource::Stored { sha256, .. } => Some(*sha256),
        CodeSource::Linked => None,
    }
}

fn linked(subject: &Subject) -> Problem {
    let label = &subject.label;
    Problem::new("ocap::upgrade::linked", format!("vat `{label}` is linked: it reads its component at each start"))
        .of_vat(&subject.recorded.declaration.name, &subject.row.name)
        .with_help(format!("build the component at its path, then: `ocap-host restart {label}`"))
}

fn nothing_kept(label: &str) -> Problem {
    Problem::new("ocap::upgrade::nothing_kept", format!("vat `{label}` has no older component to go back to"))
        .with_help("only the component before the last upgrade is kept")
}
