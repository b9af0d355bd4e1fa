//! A vat in quarantine: everything that is known of it, and its end when nobody wants to mend it. Nothing else deletes it.

use std::path::Path;
use std::sync::Arc;

use ocap_kernel::{Kernel, VatStatus, WhenQuarantined};

use crate::component::{BlobFault, COMPONENT_BYTES_MAX, CodeRecord, CodeSource, Digest, Origin, ReadFault};
use crate::daemon::requests::{Bytes, Ending, Policy, Quarantined, ShowBody, TerminateBody, Terminated};
use crate::problem::Problem;
use crate::run_loop::RunLoop;

use super::ends::{self, Doomed};
use super::house::House;
use super::launch::blocking;
use super::{calls, reasons, report, restart, revoke};

/// Everything about one vat in quarantine.
///
/// # Errors
/// If there is none of that name, or it is served.
pub(super) async fn show(house: &Arc<House>, body: ShowBody) -> Result<Quarantined, Problem> {
    let (found, record) = house.act(move |run_loop, _| known(run_loop.kernel(), &body.vat)).await??;
    let looker = house.clone();
    blocking(move || {
        let Some(record) = record else { return Ok(found) };
        let stored = match &record.source {
            CodeSource::Stored { sha256, .. } => Some(in_store(&looker, sha256)),
            CodeSource::Linked => None,
        };
        Ok(Quarantined { stored, source: at_path(&looker, &record), ..found })
    })
    .await
}

/// What the kernel's rows say.
fn known(kernel: &Kernel, label: &str) -> Result<(Quarantined, Option<CodeRecord>), Problem> {
    let (id, row) = calls::find_vat(kernel, label)?;
    let problem = reasons::of(row).ok_or_else(|| not_quarantined(label))?;
    let view = kernel.vat(id).expect("it was found just now");
    let record = CodeRecord::from_record(&row.code).ok();
    let (component, kept) = report::components(row);
    let found = Quarantined {
        vat: label.to_owned(),
        id: id.to_string(),
        heals_by_itself: !reasons::waits_for_somebody(&problem),
        problem,
        when_quarantined: match row.when_quarantined {
            WhenQuarantined::Park => Policy::Park,
            WhenQuarantined::Reject => Policy::Reject,
        },
        queued: view.queued as u64,
        exports: view.exports as u64,
        incarnation: view.incarnation,
        grants: revoke::grants(kernel, id),
        component,
        stored: None,
        source: None,
        kept,
    };
    Ok((found, record))
}

/// That a vat is served, where one in quarantine was meant.
pub(super) fn not_quarantined(label: &str) -> Problem {
    Problem::new("ocap::vat::not_quarantined", format!("vat `{label}` is not in quarantine"))
        .with_help("see what is: `ocap-host quarantine list`")
}

fn in_store(house: &House, digest: &Digest) -> Bytes {
    match house.blobs.get(digest) {
        Ok(_) => Bytes::Whole,
        Err(BlobFault::Missing { .. }) => Bytes::Missing,
        Err(BlobFault::Altered { .. } | BlobFault::TooLarge { .. }) => Bytes::Other,
        Err(BlobFault::House(_)) => Bytes::Unreadable,
    }
}

/// Of a component in a bundle the whole bundle is looked at, which is what was remembered of it.
fn at_path(house: &House, record: &CodeRecord) -> Option<Bytes> {
    let expected = match &record.source {
        CodeSource::Linked => None,
        CodeSource::Stored { origin: None, .. } => return None,
        CodeSource::Stored { origin: Some(Origin { sha256, .. }), .. } => Some(*sha256),
    };
    Some(
        match house.files.read(Path::new(&record.resolved), crate::bundle::BUNDLE_BYTES_MAX.max(COMPONENT_BYTES_MAX)) {
            Ok((bytes, _)) if expected.is_none_or(|digest| Digest::of(&bytes) == digest) => Bytes::Whole,
            Ok(_) | Err(ReadFault::TooLarge { .. }) => Bytes::Other,
            Err(ReadFault::Missing { .. }) => Bytes::Missing,
            Err(ReadFault::Unreadable { .. } | ReadFault::NotAFile { .. }) => Bytes::Unreadable,
        },
    )
}

/// Ends a vat in quarantine, or a subcluster of which no vat is served.
///
/// # Errors
/// If there is none of that name, something of it is served, or it belongs to the host.
pub(super) async fn prune(house: &Arc<House>, body: TerminateBody) -> Result<Terminated, Problem> {
    house
        .act(move |run_loop, house| find(run_loop, house, body).map(|doomed| ends::end(run_loop, house, doomed)))
        .await?
}

/// What that would end.
///
/// # Errors
/// As [`prune`].
pub(super) async fn preview(house: &Arc<House>, body: TerminateBody) -> Result<Ending, Problem> {
    house.act(move |run_loop, house| find(run_loop, house, body).map(|doomed| ends::ending(run_loop, doomed))).await?
}

/// Looked at in the same act that ends it: a vat that has healed since it was previewed lives.
fn find(run_loop: &RunLoop, house: &House, body: TerminateBody) -> Result<Doomed, Problem> {
    let kernel = run_loop.kernel();
    let doomed = ends::find(kernel, house, body)?;
    for vat in doomed.vats(kernel) {
        if vat.row.status == VatStatus::Active {
            return Err(served(&calls::label_of(kernel, vat.row)));
        }
    }
    // With the last of its vats a subcluster ends: nothing is left that could ever be served.
    Ok(if kernel.vats().filter(|vat| vat.row.subcluster == doomed.subcluster()).count() == 1 {
        doomed.with_its_subcluster()
    } else {
        doomed
    })
}

fn served(label: &str) -> Problem {
    let help = format!("give up those in quarantine one by one; to end what is served: `ocap-host terminate {label}`");
    restart::of_label(not_quarantined(label), label).with_help(help)
}
