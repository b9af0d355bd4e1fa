//! Why vats are in quarantine: the diagnostics that the kernel keeps for them as they are told to people, and what a vat did itself.

use ocap_kernel::{Body, Kernel, Vat, VatId, VatStatus};

use crate::component::{CodeRecord, Place};
use crate::problem::Problem;
use crate::run_loop::Charge;
use crate::store::StoreError;

use super::calls;
use super::house::{House, locked};

/// What a vat did itself, and what is damaged of what it keeps: trying again without a change would only repeat it.
const LASTING: [&str; 5] =
    [START_FAILED, "ocap::vat::fails_for_all", DEADLY, "ocap::store::row_damaged", "ocap::store::corrupt"];

const START_FAILED: &str = "ocap::component::start_failed";

/// The code of a vat during whose deliveries, not just one of them, the process dies.
pub(super) const DEADLY: &str = "ocap::vat::kills_the_host";

/// Whether a vat is in quarantine until somebody does something about it.
pub(super) fn waits_for_somebody(problem: &Problem) -> bool {
    LASTING.contains(&problem.code.as_str())
}

/// A vat that was healed, and has yet to show that it works.
#[derive(Debug)]
pub(super) struct Healed {
    /// What was wrong with it.
    problem: Problem,
    /// The last incarnation that it had begun by then.
    incarnation: u64,
}

/// A diagnostic as the kernel keeps it for a quarantined vat.
pub(super) fn kept(problem: &Problem) -> Body {
    serde_json::to_vec(problem).expect("a problem is strings and numbers: it has a JSON form").into()
}

/// Why a vat is in quarantine, if it is.
pub(super) fn of(row: &Vat) -> Option<Problem> {
    let VatStatus::Quarantined(reason) = &row.status else { return None };
    Some(read(reason))
}

/// The reverse of [`kept`].
pub(super) fn read(reason: &[u8]) -> Problem {
    let unreadable =
        || Problem::new("ocap::vat::quarantined", "the vat is quarantined, and the stored reason is damaged");
    serde_json::from_slice(reason).unwrap_or_else(|_| unreadable())
}

/// Puts a living vat into quarantine, or gives one that is there a new reason.
pub(super) fn set_aside(kernel: &mut Kernel, house: &House, vat: VatId, problem: Problem) {
    let problem = lasting(kernel, house, vat, problem);
    crate::daemon::log::record(&problem);
    kernel.quarantine(vat, kept(&problem)).expect("a living vat");
}

/// A diagnostic of a vat, complete: whose it is, by name and by number, and since when. A fault that the vat has already goes on; another
/// one begins now.
pub(super) fn lasting(kernel: &Kernel, house: &House, vat: VatId, problem: Problem) -> Problem {
    let Some(view) = kernel.vat(vat) else { return problem };
    let subcluster = kernel.subclusters().find(|(id, _)| *id == view.row.subcluster).map(|(_, row)| row.name.clone());
    Problem {
        subcluster: problem.subcluster.or(subcluster),
        vat: problem.vat.or_else(|| Some(view.row.name.clone())),
        vat_id: Some(vat.to_string()),
        ..problem
    }
    .in_subcluster(view.row.subcluster)
    .going_on(of(view.row).as_ref())
    .begun(house.powers.now_ms())
}

/// For the moment before a vat is healed: if its next start fails as the last one did, that is the same fault, and as old.
pub(super) fn remember(kernel: &Kernel, house: &House, vat: VatId) {
    let Some(view) = kernel.vat(vat) else { return };
    if let Some(problem) = of(view.row).filter(|problem| problem.code == START_FAILED) {
        locked(&house.healed).insert(vat, Healed { problem, incarnation: view.incarnation });
    }
}

/// What was wrong with a vat before it was healed, if no start went well since.
fn remembered(house: &House, vat: VatId, incarnation: u64) -> Option<Problem> {
    let healed = locked(&house.healed).remove(&vat)?;
    (healed.incarnation == incarnation).then_some(healed.problem)
}

/// The diagnostic of a vat that the loop puts into quarantine, as the kernel keeps it.
pub(super) fn accuse(kernel: &Kernel, house: &House, vat: VatId, charge: Charge<'_>) -> Vec<u8> {
    let problem = match charge {
        Charge::Failed(cause) => accusation(kernel, house, vat, cause),
        Charge::NoCode => no_code(kernel, house, vat),
        Charge::Damaged(fault) => damaged(kernel, vat, fault),
    };
    let incarnation = kernel.vat(vat).map_or(0, |view| view.incarnation);
    let problem = problem.going_on(remembered(house, vat, incarnation).as_ref());
    let problem = lasting(kernel, house, vat, problem);
    crate::daemon::log::record(&problem);
    kept(&problem).to_vec()
}

/// Whoever heals vats finds out what is wrong with the code, or nothing.
fn no_code(kernel: &Kernel, house: &House, vat: VatId) -> Problem {
    let what = "its new code failed its start, and the code before is not at hand";
    let problem = blamed(kernel, house, vat, "ocap::component::fallback_missing", what);
    let label = kernel.vat(vat).map_or_else(|| vat.to_string(), |view| calls::label_of(kernel, view.row));
    problem.with_help(format!("try again: `ocap-host quarantine retry {label}`"))
}

/// Only its own rows are damaged, so only it stops.
fn damaged(kernel: &Kernel, vat: VatId, fault: &StoreError) -> Problem {
    let label = kernel.vat(vat).map_or_else(|| vat.to_string(), |view| calls::label_of(kernel, view.row));
    let mut problem = Problem::from(fault);
    let what =
        std::mem::replace(&mut problem.message, format!("vat `{label}` can't be served: what it keeps is damaged"));
    problem.causes.push(what);
    problem.with_help(format!(
        "check the disk and put back a backup: `ocap-host db restore BACKUP`; or give the vat up with all that it keeps: \
         `ocap-host terminate {label}`; everything else goes on meanwhile"
    ))
}

fn accusation(kernel: &Kernel, house: &House, vat: VatId, cause: &str) -> Problem {
    let view = kernel.vat(vat).expect("the accused lives");
    let (code, what) = if view.is_awake {
        (LASTING[1], "it trapped on messages of several senders with nothing finished between")
    } else {
        (START_FAILED, "its start failed")
    };
    let mut problem = blamed(kernel, house, vat, code, what);
    problem.causes.extend(cause.lines().map(|line| line.trim().to_owned()));
    problem
}

fn blamed(kernel: &Kernel, house: &House, vat: VatId, code: &str, what: &str) -> Problem {
    let view = kernel.vat(vat).expect("the accused lives");
    let name = &view.row.name;
    let Ok(recorded) = house.declaration(kernel, view.row.subcluster) else {
        return Problem::new(code, format!("vat `{name}`: {what}"));
    };
    let declaration = &recorded.declaration;
    let label = format!("{}/{name}", declaration.name);
    let problem = match CodeRecord::from_record(&view.row.code) {
        Ok(record) => Place::of(&declaration.name, name, &record, declaration.component_span(name)).problem(code, what),
        Err(_) => Problem::new(code, format!("vat `{label}`: {what}")).of_vat(&declaration.name, name),
    };
    problem.with_help(format!(
        "see what it said: `grep {label} {}`, mend the component, then `ocap-host quarantine retry {label}`",
        house.home.path_of(crate::daemon::home::LOG).display()
    ))
}

/// The diagnostic of a vat that the host does not survive.
pub(super) fn deadly(kernel: &Kernel, house: &House, vat: VatId) -> Problem {
    blamed(kernel, house, vat, DEADLY, "the host died three times in a row while it ran alone")
}
