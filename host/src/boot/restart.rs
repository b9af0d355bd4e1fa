//! New incarnations of the same state, by the hand of the operator.

use std::sync::Arc;

use ocap_kernel::{Kernel, VatId, VatStatus};
use tokio::sync::oneshot;

use crate::daemon::requests::{RestartBody, Restarted, RestartedVat};
use crate::problem::Problem;
use crate::run_loop::{RunLoop, Started};

use super::house::House;
use super::{calls, code};

/// Vats that begin anew, each with what will be said of its start.
type Starts = Vec<(VatId, oneshot::Receiver<Started>)>;

/// Restarts a vat, or all vats of a subcluster that are served, and waits for their starts.
///
/// # Errors
/// If there is nothing of that name, or the one vat is quarantined.
pub(super) async fn restart(house: &Arc<House>, body: RestartBody) -> Result<Restarted, Problem> {
    let RestartBody { target } = body;
    let (starts, mut problems) = house.act(move |run_loop, _| begin(run_loop, &target)).await??;
    let mut vats = Vec::new();
    for (vat, start) in starts {
        let how = start.await.map_err(|_| super::house::stopping())?;
        match house.act(move |run_loop, _| outcome(run_loop.kernel(), vat, how)).await? {
            Ok(restarted) => vats.push(restarted),
            Err(problem) => problems.push(problem),
        }
    }
    Ok(Restarted { vats, problems })
}

/// Begins new incarnations; those in quarantine have none to end.
fn begin(run_loop: &mut RunLoop, target: &str) -> Result<(Starts, Vec<Problem>), Problem> {
    let kernel = run_loop.kernel();
    let mut problems = Vec::new();
    let chosen: Vec<VatId> = if target.contains('/') {
        let (vat, row) = calls::find_vat(kernel, target)?;
        if row.status != VatStatus::Active {
            return Err(quarantined(target, code::problem_of(row)));
        }
        vec![vat]
    } else {
        let (id, _) = calls::find_subcluster(kernel, target)?;
        let (served, others): (Vec<_>, Vec<_>) =
            kernel.vats().filter(|vat| vat.row.subcluster == id).partition(|vat| vat.row.status == VatStatus::Active);
        problems
            .extend(others.iter().map(|vat| quarantined(&calls::label_of(kernel, vat.row), code::problem_of(vat.row))));
        served.iter().map(|vat| vat.id).collect()
    };
    let begun = chosen.into_iter().map(|vat| {
        let (told, start) = oneshot::channel();
        // Whoever asked may have gone.
        run_loop.restart(vat, move |how| drop(told.send(how))).expect("it is served");
        (vat, start)
    });
    Ok((begun.collect(), problems))
}

fn outcome(kernel: &Kernel, vat: VatId, how: Started) -> Result<RestartedVat, Problem> {
    let Some(view) = kernel.vat(vat) else { return Err(gone(&vat.to_string())) };
    let label = calls::label_of(kernel, view.row);
    match how {
        Started::Well => Ok(RestartedVat { vat: label, incarnation: view.incarnation }),
        Started::Ended => Err(gone(&label)),
        Started::RolledBack(cause) => Err(rolled_back(&label, &cause)),
        Started::Quarantined => Err(code::problem_of(view.row).unwrap_or_else(|| quarantined(&label, None))),
    }
}

/// The vat is not served, so that what was asked can't be done with it.
pub(super) fn quarantined(label: &str, reason: Option<Problem>) -> Problem {
    let mut problem = Problem::new("ocap::vat::quarantined", format!("vat `{label}` is in quarantine"))
        .with_help(format!("mend what is wrong with it, then: `ocap-host quarantine retry {label}`"));
    if let Some((subcluster, vat)) = label.split_once('/') {
        problem = problem.of_vat(subcluster, vat);
    }
    problem.causes.extend(reason.map(|reason| format!("{}: {}", reason.code, reason.message)));
    problem
}

/// Somebody ended the vat meanwhile.
pub(super) fn gone(label: &str) -> Problem {
    Problem::new("ocap::vat::gone", format!("vat `{label}` was ended meanwhile"))
        .with_help("see what there is: `ocap-host status`")
}

/// The new code of the vat failed, and it goes on with the code before.
pub(super) fn rolled_back(label: &str, cause: &str) -> Problem {
    let message = format!("vat `{label}`: the start of the new component failed; the vat goes on with the one before");
    let mut problem = Problem::new("ocap::upgrade::start_failed", message)
        .with_help(format!("mend what its `start` lacks, then: `ocap-host upgrade {label} COMPONENT`"));
    if let Some((subcluster, vat)) = label.split_once('/') {
        problem = problem.of_vat(subcluster, vat);
    }
    problem.causes.push(cause.to_owned());
    problem
}
