//! Vats come back from quarantine: by themselves when their component returns, or when somebody asks.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ocap_kernel::{Kernel, Vat, VatId, VatStatus};

use crate::component::{CodeRecord, CodeSource, Seen};
use crate::daemon::requests::Retried;
use crate::problem::Problem;
use crate::run_loop::VatCode;

use super::house::House;
use super::{calls, code, reasons};

/// How often the host looks whether a missing component is back.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Which quarantined vats get another chance.
#[derive(Debug, Clone)]
enum Which {
    /// Those whose code could not be had or used. A vat that failed by its own doing would only fail again.
    WithoutCode,
    /// All, or the one of this label: somebody asked.
    Asked(Option<String>),
}

/// What there is of a vat's component, as far as can be told without reading it. While that stays as it is, another try would fail as
/// the last one did; and to compile a component that does not fit, twice a second and for ever, is work for nothing.
#[derive(Debug, PartialEq, Eq)]
struct Sight {
    source: Option<Seen>,
    stored: Option<u64>,
}

/// Tries again for as long as the host runs, whenever something changed.
pub(super) async fn by_itself(house: Arc<House>) {
    let mut last: BTreeMap<VatId, Sight> = BTreeMap::new();
    // It ends when the loop does.
    while retry_changed(&house, &mut last).await.is_ok() {
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn retry_changed(house: &Arc<House>, last: &mut BTreeMap<VatId, Sight>) -> Result<(), Problem> {
    let waiting = house.act(|run_loop, _| candidates(run_loop.kernel(), &Which::WithoutCode)).await??;
    last.retain(|vat, _| waiting.iter().any(|candidate| candidate.id == *vat));
    for candidate in waiting {
        let sight = look(house, &candidate.row);
        if last.get(&candidate.id) == Some(&sight) {
            continue;
        }
        last.insert(candidate.id, sight);
        // Whether it worked shows as an event.
        let _ = try_one(house, candidate).await?;
    }
    Ok(())
}

fn look(house: &House, row: &Vat) -> Sight {
    let Ok(record) = CodeRecord::from_record(&row.code) else { return Sight { source: None, stored: None } };
    let stored = match &record.source {
        CodeSource::Stored { sha256, .. } => house.blobs.size(sha256).ok().flatten(),
        CodeSource::Linked => None,
    };
    Sight { source: house.files.look(Path::new(&record.resolved)).ok(), stored }
}

/// Tries again now.
///
/// # Errors
/// If there is no such vat, or it is not quarantined.
pub(super) async fn retry(house: &Arc<House>, vat: Option<String>) -> Result<Retried, Problem> {
    let chosen = house.act(move |run_loop, _| candidates(run_loop.kernel(), &Which::Asked(vat))).await??;
    let mut retried = Retried { healed: Vec::new(), problems: Vec::new() };
    for candidate in chosen {
        match try_one(house, candidate).await? {
            Ok(label) => retried.healed.push(label),
            Err(problem) => retried.problems.push(problem),
        }
    }
    Ok(retried)
}

struct Candidate {
    id: VatId,
    row: Vat,
    label: String,
}

fn candidates(kernel: &Kernel, which: &Which) -> Result<Vec<Candidate>, Problem> {
    if let Which::Asked(Some(label)) = which {
        let (id, row) = calls::find_vat(kernel, label)?;
        if row.status == VatStatus::Active {
            return Err(super::quarantine::not_quarantined(label));
        }
        return Ok(vec![Candidate { id, row: row.clone(), label: label.clone() }]);
    }
    let quarantined = kernel.vats().filter(|vat| vat.row.status != VatStatus::Active);
    let candidates = quarantined.filter_map(|vat| {
        let waits = reasons::of(vat.row).is_some_and(|problem| reasons::waits_for_somebody(&problem));
        let chosen = matches!(which, Which::Asked(_)) || !waits;
        let label = calls::label_of(kernel, vat.row);
        chosen.then(|| Candidate { id: vat.id, row: vat.row.clone(), label })
    });
    Ok(candidates.collect())
}

/// Prepares one vat's code away from the loop, and serves it again if that works; if it fails otherwise than before, the reason is new.
async fn try_one(house: &Arc<House>, candidate: Candidate) -> Result<Result<String, Problem>, Problem> {
    let Candidate { id, row, label } = candidate;
    let recorded = {
        let row = row.clone();
        house.act(move |run_loop, house| house.declaration(run_loop.kernel(), row.subcluster)).await??
    };
    let preparer = house.clone();
    let prepared: Result<VatCode, Problem> =
        tokio::task::spawn_blocking(move || code::for_declared(&preparer, &recorded, id, &row))
            .await
            .map_err(|_| super::house::stopping())?;
    match prepared {
        Ok(code) => {
            let healed = house
                .act(move |run_loop, house| {
                    reasons::remember(run_loop.kernel(), house, id);
                    run_loop.heal(id, code)
                })
                .await?;
            Ok(healed
                .map(|()| label)
                .map_err(|gone| Problem::new("ocap::vat::gone", "the vat was terminated meanwhile").because(&gone)))
        }
        Err(problem) => {
            let told = house.act(move |run_loop, house| tell_why(run_loop.kernel_mut(), house, id, problem)).await?;
            Ok(Err(told))
        }
    }
}

/// A vat is in quarantine still. Nothing is written while the reason is the same.
fn tell_why(kernel: &mut Kernel, house: &House, vat: VatId, problem: Problem) -> Problem {
    let problem = reasons::lasting(kernel, house, vat, problem);
    let known = kernel.vat(vat).map(|view| view.row.status.clone());
    if known.is_some_and(|status| status != VatStatus::Quarantined(reasons::kept(&problem))) {
        reasons::set_aside(kernel, house, vat, problem.clone());
    }
    problem
}
