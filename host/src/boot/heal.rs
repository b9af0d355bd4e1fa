//! Vats come back from quarantine: by themselves when their component returns, or when somebody asks.

use std::sync::Arc;
use std::time::Duration;

use ocap_kernel::{Kernel, Vat, VatId, VatStatus};

use crate::daemon::requests::Retried;
use crate::problem::Problem;
use crate::run_loop::VatCode;

use super::house::House;
use super::{calls, code};

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

/// Tries again for as long as the host runs.
pub(super) async fn by_itself(house: Arc<House>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match retry_which(&house, Which::WithoutCode).await {
            Ok(retried) => {
                for healed in retried.healed {
                    tracing::info!(vat = healed, "healed: its component is back");
                }
            }
            Err(_) => return,
        }
    }
}

/// Tries again now.
///
/// # Errors
/// If there is no such vat, or it is not quarantined.
pub(super) async fn retry(house: &Arc<House>, vat: Option<String>) -> Result<Retried, Problem> {
    retry_which(house, Which::Asked(vat)).await
}

struct Candidate {
    id: VatId,
    row: Vat,
    label: String,
}

async fn retry_which(house: &Arc<House>, which: Which) -> Result<Retried, Problem> {
    let chosen = house.act(move |run_loop, _| candidates(run_loop.kernel(), &which)).await??;
    let mut retried = Retried { healed: Vec::new(), problems: Vec::new() };
    for candidate in chosen {
        match try_one(house, candidate).await? {
            Ok(label) => retried.healed.push(label),
            Err(problem) => retried.problems.push(problem),
        }
    }
    Ok(retried)
}

fn candidates(kernel: &Kernel, which: &Which) -> Result<Vec<Candidate>, Problem> {
    if let Which::Asked(Some(label)) = which {
        let (id, row) = calls::find_vat(kernel, label)?;
        if row.status == VatStatus::Active {
            return Err(Problem::new("ocap::vat::not_quarantined", format!("vat `{label}` is not in quarantine")));
        }
        return Ok(vec![Candidate { id, row: row.clone(), label: label.clone() }]);
    }
    let quarantined = kernel.vats().filter(|vat| vat.row.status != VatStatus::Active);
    let candidates = quarantined.filter_map(|vat| {
        let own_doing = code::problem_of(vat.row).is_some_and(|problem| code::is_own_doing(&problem));
        let chosen = matches!(which, Which::Asked(_)) || !own_doing;
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
    let before = row.clone();
    let prepared: Result<VatCode, Problem> =
        tokio::task::spawn_blocking(move || code::for_declared(&preparer, &recorded, id, &row))
            .await
            .map_err(|_| super::house::stopping())?;
    match prepared {
        Ok(code) => {
            let healed = house.act(move |run_loop, _| run_loop.heal(id, code)).await?;
            Ok(healed
                .map(|()| label)
                .map_err(|gone| Problem::new("ocap::vat::gone", "the vat was terminated meanwhile").because(&gone)))
        }
        Err(problem) => {
            let reason = code::reason(&problem);
            if before.status != VatStatus::Quarantined(reason.clone()) {
                crate::daemon::log::record(&problem);
                house.act(move |run_loop, _| run_loop.kernel_mut().quarantine(id, reason)).await?.unwrap_or_default();
            }
            Ok(Err(problem))
        }
    }
}
