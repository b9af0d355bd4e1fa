//! Other code for a vat that keeps its state, its references and what waits for it.
//!
//! The new component is found, checked and compiled as for a launch before anything changes. Then the vat's next start decides: if it
//! fails, the code before takes its place again, and the upgrade has failed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ocap_kernel::{Upgrade, Vat, VatId, VatStatus};
use tokio::sync::oneshot;

use crate::bundle::{self, Source};
use crate::component::{self, CodeRecord, CodeSource, Digest, Moment, Place, ResolvedPath};
use crate::daemon::events::Whom;
use crate::daemon::requests::{GrantStatus, Happening, UpgradeBody, UpgradeOutcome, UpgradeTo, Upgraded, VatComponent};
use crate::declaration::{ComponentRef, Recorded};
use crate::problem::Problem;
use crate::run_loop::{RunLoop, Started, VatCode};

use super::house::House;
use super::launch::blocking;
use super::restart::{gone, quarantined, rolled_back};
use super::{calls, code, revoke};

/// A vat as it was when somebody asked for other code.
pub(super) struct Subject {
    id: VatId,
    row: Vat,
    label: String,
    recorded: Arc<Recorded>,
    grants: Vec<GrantStatus>,
}

/// Code that was found, checked and compiled for a vat that runs other code.
pub(super) struct Change {
    subject: Subject,
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
    let _naming = house.unnamed_blobs.read().await;
    match find(house, body).await? {
        Finding::Unchanged(subject) => Ok(unchanged(*subject)),
        Finding::Change(change) => {
            let answer = change.described(UpgradeOutcome::Upgraded);
            carry_out(house, vec![*change]).await?.into_iter().try_for_each(|(_, end)| end)?;
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

/// Gives vats of a living subcluster what a new source of it has: all are checked before any is changed.
///
/// # Errors
/// If one can't be had or would not load, and nothing has changed; or if a start failed, with the vats that were upgraded.
pub(super) async fn components(house: &Arc<House>, source: Source, vats: &[String]) -> Result<(), Problem> {
    let _naming = house.unnamed_blobs.read().await;
    let name = source.declaration.name.clone();
    let labels: Vec<String> = vats.iter().map(|vat| format!("{name}/{vat}")).collect();
    let subjects = house.act(move |run_loop, house| {
        labels.iter().map(|label| subject(run_loop, house, label)).collect::<Result<Vec<_>, _>>()
    });
    let subjects = subjects.await??;
    let maker = house.clone();
    let changes = blocking(move || {
        let make = |subject: Subject| {
            let vat = subject.row.name.clone();
            let found = source.code(&vat, &maker.files, &maker.blobs)?;
            forward(&maker, subject, found, &Place { moment: Moment::Upgrade, ..source.place(&vat) })
        };
        subjects.into_iter().map(make).collect::<Result<Vec<_>, _>>()
    });
    let (done, failed): (Vec<_>, Vec<_>) =
        carry_out(house, changes.await?).await?.into_iter().partition(|(_, end)| end.is_ok());
    let mut problems = failed.into_iter().filter_map(|(_, end)| end.err());
    let Some(mut first) = problems.next() else { return Ok(()) };
    first.causes.extend(problems.map(|other| other.message));
    first.causes.extend(done.into_iter().map(|(label, _)| format!("upgraded was {label}")));
    Err(first)
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

/// Where the code that is asked for is to be had.
enum Whence {
    /// A file, by the path that somebody wrote.
    File(ResolvedPath),
    /// A bundle, and the component's path in it.
    Bundle(PathBuf, String),
    /// The content store.
    Store(Digest),
}

/// The component that is asked for.
pub(super) fn found(house: &House, subject: &Subject, to: &UpgradeTo) -> Result<(bundle::VatCode, Place), Problem> {
    let whence = match to {
        // A bundle has the component under its declared path.
        UpgradeTo::File { path, .. } if bundle::is_bundle(path, &house.files) => match declared_component(subject) {
            ComponentRef::Path(member) => Whence::Bundle(path.clone(), member.clone()),
            ComponentRef::Digest(digest) => Whence::Store(*digest),
        },
        UpgradeTo::File { path, written } => Whence::File(ResolvedPath::known(written, path)),
        UpgradeTo::Stored { sha256 } => Whence::Store(sha256.parse().map_err(|fault| {
            Problem::new("ocap::usage::digest", format!("`{sha256}` is no digest")).because(&fault)
        })?),
        UpgradeTo::Declared | UpgradeTo::Kept => declared(subject),
    };
    let place = subject.place(&whence);
    let diagnosed = |fault| place.diagnose(&fault);
    let found = match &whence {
        Whence::File(path) => {
            let (bytes, seen) = component::read(path, &house.files).map_err(diagnosed)?;
            let record = CodeRecord::stored(path, &bytes, seen);
            bundle::VatCode { bytes, record }
        }
        Whence::Bundle(path, member) => bundle::component_of(path, member, &house.files)?,
        Whence::Store(digest) => {
            let bytes = house.blobs.get(digest).map_err(|fault| diagnosed(fault.into()))?;
            let record = CodeRecord::by_digest(*digest, bytes.len() as u64);
            bundle::VatCode { bytes, record }
        }
    };
    Ok((found, place))
}

/// Where the declaration says. A path that was resolved before stands for the same file again, as long as the vat's code is from there;
/// else it lies where the declaration lay.
fn declared(subject: &Subject) -> Whence {
    let Recorded { declaration, directory, .. } = &*subject.recorded;
    let written = match declared_component(subject) {
        ComponentRef::Digest(digest) => return Whence::Store(*digest),
        ComponentRef::Path(written) => written,
    };
    if let Some(CodeRecord {
        written: before,
        resolved,
        source: CodeSource::Stored { sha256, origin: Some(origin), .. },
    }) = subject.record()
        && before == *written
    {
        // Of a bundle the whole file was seen, of a component the component itself.
        return if origin.sha256 == sha256 {
            Whence::File(ResolvedPath::known(written, Path::new(&resolved)))
        } else {
            Whence::Bundle(PathBuf::from(resolved), written.clone())
        };
    }
    match Path::new(declaration.file()).parent() {
        // What a bundle declares lies, by its name, in the bundle.
        Some(bundle) if bundle != directory => Whence::Bundle(bundle.to_owned(), written.clone()),
        Some(_) | None => Whence::File(component::resolve(directory, written)),
    }
}

fn declared_component(subject: &Subject) -> &ComponentRef {
    &subject.recorded.declaration.vats[&subject.row.name].component
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
    forward_to(house, subject, found.record)
}

/// The same to code that was checked and is where its record says.
///
/// # Errors
/// If it can't be had after all.
pub(super) fn forward_to(house: &House, subject: Subject, record: CodeRecord) -> Result<Change, Problem> {
    change(house, subject, record, How::Forward)
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

/// Gives all these vats their new code in one act, and waits for their starts.
///
/// # Errors
/// If the host stops. What became of each vat is in the answer, with its name.
pub(super) async fn carry_out(
    house: &Arc<House>,
    changes: Vec<Change>,
) -> Result<Vec<(String, Result<(), Problem>)>, Problem> {
    let begin_all = |run_loop: &mut RunLoop, _: &House| {
        changes.into_iter().map(|change| begin(run_loop, change)).collect::<Vec<_>>()
    };
    let mut ends = Vec::new();
    for (label, begun) in house.act(begin_all).await? {
        let end = match begun {
            Ok(start) => {
                let end = judge(&label, start.await.map_err(|_| super::house::stopping())?);
                if end.is_ok() {
                    house.events.tell(Whom::vat(&label), Happening::VatUpgraded);
                }
                end
            }
            Err(problem) => Err(problem),
        };
        ends.push((label, end));
    }
    Ok(ends)
}

fn begin(run_loop: &mut RunLoop, change: Change) -> (String, Result<oneshot::Receiver<Started>, Problem>) {
    let Change { subject, record, code, how } = change;
    let Subject { id, row, label, .. } = subject;
    let (told, start) = oneshot::channel();
    // Whoever asked may have gone.
    let then = move |how| drop(told.send(how));
    // While the code was compiled somebody else may have been first.
    let as_seen =
        run_loop.kernel().vat(id).is_some_and(|now| now.row.code == row.code && now.row.upgrade == row.upgrade);
    let begun = match how {
        _ if !as_seen => return (label.clone(), Err(overtaken(&label))),
        How::Forward => run_loop.upgrade(id, record.to_record().into(), code, then),
        How::Back => run_loop.rollback(id, code, then),
    };
    let begun = begun.map(|()| start).map_err(|_| gone(&label));
    (label, begun)
}

/// Whether the new code runs.
fn judge(label: &str, how: Started) -> Result<(), Problem> {
    match how {
        Started::Well => Ok(()),
        Started::RolledBack(cause) => Err(rolled_back(label, &cause)),
        Started::Quarantined => Err(quarantined(label, None)),
        Started::Ended => Err(gone(label)),
    }
}

impl Subject {
    /// Whose code it is and where it was looked for, for diagnostics.
    fn place(&self, whence: &Whence) -> Place {
        let (written, resolved) = match whence {
            Whence::File(path) => (path.written().to_owned(), path.to_string()),
            Whence::Bundle(path, member) => (member.clone(), path.display().to_string()),
            Whence::Store(digest) => (digest.to_string(), digest.to_string()),
        };
        let (subcluster, vat) = (self.recorded.declaration.name.clone(), self.row.name.clone());
        Place { subcluster, vat, written, resolved, span: None, moment: Moment::Upgrade }
    }

    pub(super) fn label(&self) -> &str {
        &self.label
    }

    pub(super) fn status(&self) -> &VatStatus {
        &self.row.status
    }

    /// Its code as it is remembered, unless that is damaged.
    pub(super) fn record(&self) -> Option<CodeRecord> {
        CodeRecord::from_record(&self.row.code).ok()
    }
}

impl Change {
    /// The code that the vat is to have.
    pub(super) fn component(&self) -> VatComponent {
        component(&self.record)
    }

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

fn overtaken(label: &str) -> Problem {
    Problem::new("ocap::upgrade::overtaken", format!("vat `{label}` got other code from somebody else meanwhile"))
        .with_help("see what it has now: `ocap-host status --format json`")
}

fn nothing_kept(label: &str) -> Problem {
    Problem::new("ocap::upgrade::nothing_kept", format!("vat `{label}` has no older component to go back to"))
        .with_help("only the component before the last upgrade is kept")
}
