//! New incarnations of the same state, by the hand of the operator.

use std::sync::Arc;

use ocap_kernel::{Kernel, Vat, VatId, VatStatus};
use tokio::sync::oneshot;

use crate::component::{CodeRecord, CodeSource};
use crate::daemon::requests::{RestartBody, Restarted, RestartedVat};
use crate::declaration::Recorded;
use crate::problem::Problem;
use crate::run_loop::{RunLoop, Started, VatCode};

use super::house::House;
use super::launch::blocking;
use super::{calls, code, reasons};

/// Restarts a vat, or all vats of a subcluster that are served, and waits for their starts.
///
/// # Errors
/// If there is nothing of that name, or the one vat is quarantined.
pub(super) async fn restart(house: &Arc<House>, body: RestartBody) -> Result<Restarted, Problem> {
    let RestartBody { target } = body;
    let Chosen { vats: chosen, mut problems } =
        house.act(move |run_loop, house| choose(run_loop, house, &target)).await??;
    let reader = house.clone();
    let ready = blocking(move || chosen.into_iter().map(|vat| vat.read_again(&reader)).collect::<Result<Vec<_>, _>>());
    let ready = ready.await?;
    let starts = house.act(move |run_loop, _| ready.into_iter().map(|vat| begin(run_loop, vat)).collect::<Vec<_>>());
    let starts = starts.await?;
    let mut vats = Vec::new();
    for (vat, start) in starts {
        // What was never begun has no start.
        let how = start.await.unwrap_or(Started::Ended);
        match house.act(move |run_loop, _| outcome(run_loop.kernel(), vat, how)).await? {
            Ok(restarted) => vats.push(restarted),
            Err(problem) => problems.push(problem),
        }
    }
    Ok(Restarted { vats, problems })
}

/// Vats that are to begin anew, and why others of the same subcluster can't.
struct Chosen {
    vats: Vec<Ready>,
    problems: Vec<Problem>,
}

/// A vat that is to begin anew, with other code if it is linked.
struct Ready {
    id: VatId,
    row: Vat,
    recorded: Arc<Recorded>,
    code: Option<VatCode>,
}

impl Ready {
    fn of(kernel: &Kernel, house: &House, id: VatId, row: &Vat) -> Result<Ready, Problem> {
        let recorded = house.declaration(kernel, row.subcluster)?;
        Ok(Ready { id, row: row.clone(), recorded, code: None })
    }

    /// What is linked is read at each start.
    fn read_again(mut self, house: &House) -> Result<Ready, Problem> {
        let is_linked = CodeRecord::from_record(&self.row.code).is_ok_and(|record| record.source == CodeSource::Linked);
        if is_linked {
            self.code = Some(code::for_declared(house, &self.recorded, self.id, &self.row)?);
        }
        Ok(self)
    }
}

/// Those in quarantine have no incarnation to end.
fn choose(run_loop: &RunLoop, house: &House, target: &str) -> Result<Chosen, Problem> {
    let kernel = run_loop.kernel();
    if target.contains('/') {
        let (id, row) = calls::find_vat(kernel, target)?;
        if row.status != VatStatus::Active {
            return Err(quarantined(target, reasons::of(row)));
        }
        return Ok(Chosen { vats: vec![Ready::of(kernel, house, id, row)?], problems: Vec::new() });
    }
    let (id, _) = calls::find_subcluster(kernel, target)?;
    let mut chosen = Chosen { vats: Vec::new(), problems: Vec::new() };
    for vat in kernel.vats().filter(|vat| vat.row.subcluster == id) {
        match vat.row.status {
            VatStatus::Active => chosen.vats.push(Ready::of(kernel, house, vat.id, vat.row)?),
            _ => chosen.problems.push(quarantined(&calls::label_of(kernel, vat.row), reasons::of(vat.row))),
        }
    }
    Ok(chosen)
}

fn begin(run_loop: &mut RunLoop, vat: Ready) -> (VatId, oneshot::Receiver<Started>) {
    let (told, start) = oneshot::channel();
    // Whoever asked may have gone. A vat that ended, or went into quarantine, meanwhile drops the sender.
    let begun = run_loop.restart(vat.id, move |how| drop(told.send(how)));
    if let (Ok(()), Some(code)) = (begun, vat.code) {
        run_loop.provide(vat.id, code);
    }
    (vat.id, start)
}

fn outcome(kernel: &Kernel, vat: VatId, how: Started) -> Result<RestartedVat, Problem> {
    let Some(view) = kernel.vat(vat) else { return Err(gone(&vat.to_string())) };
    let label = calls::label_of(kernel, view.row);
    match how {
        Started::Well => Ok(RestartedVat { vat: label, incarnation: view.incarnation }),
        Started::RolledBack(cause) => Err(rolled_back(&label, &cause)),
        Started::Quarantined | Started::Ended => {
            Err(reasons::of(view.row).unwrap_or_else(|| quarantined(&label, None)))
        }
    }
}

/// The vat is not served, so that what was asked can't be done with it.
pub(super) fn quarantined(label: &str, reason: Option<Problem>) -> Problem {
    let mut problem = Problem::new("ocap::vat::quarantined", format!("vat `{label}` is in quarantine"))
        .with_help(format!("mend what is wrong with it, then: `ocap-host quarantine retry {label}`"));
    problem = of_label(problem, label);
    problem.causes.extend(reason.map(|reason| format!("{}: {}", reason.code, reason.message)));
    problem
}

/// The problem, said of the vat of this label.
pub(super) fn of_label(problem: Problem, label: &str) -> Problem {
    match label.split_once('/') {
        Some((subcluster, vat)) => problem.of_vat(subcluster, vat),
        None => problem,
    }
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
    problem = of_label(problem, label);
    problem.causes.push(cause.to_owned());
    problem
}
