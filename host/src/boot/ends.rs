//! The end of a subcluster or of one vat by the hand of the operator, and what it would take along.

use std::sync::Arc;

use ocap_kernel::{Kernel, SubclusterId, VatId, VatView};

use crate::daemon::requests::{Ending, EndingVat, Scope, TerminateBody, Terminated};
use crate::problem::Problem;
use crate::run_loop::RunLoop;

use super::house::House;
use super::{calls, launch, system};

/// What is to end.
pub(super) struct Doomed {
    subcluster: SubclusterId,
    name: String,
    /// One vat of it; all where `None`.
    vat: Option<VatId>,
}

/// Ends a subcluster or a vat for good.
///
/// # Errors
/// If there is none of that name, or it belongs to the host.
pub(super) async fn terminate(house: &Arc<House>, body: TerminateBody) -> Result<Terminated, Problem> {
    house
        .act(move |run_loop, house| find(run_loop.kernel(), house, body).map(|doomed| end(run_loop, house, doomed)))
        .await?
}

/// What that would end.
///
/// # Errors
/// As [`terminate`].
pub(super) async fn preview(house: &Arc<House>, body: TerminateBody) -> Result<Ending, Problem> {
    house
        .act(move |run_loop, house| find(run_loop.kernel(), house, body).map(|doomed| ending(run_loop, doomed)))
        .await?
}

/// What is named, if it may end.
///
/// # Errors
/// If there is none of that name, or it belongs to the host.
pub(super) fn find(kernel: &Kernel, house: &House, body: TerminateBody) -> Result<Doomed, Problem> {
    let TerminateBody { subcluster: name, vat } = body;
    let vat = match vat {
        Some(vat) => Some(calls::find_vat(kernel, &format!("{name}/{vat}"))?.0),
        None => None,
    };
    let (subcluster, _) = calls::find_subcluster(kernel, &name)?;
    system::check_may_end(house, kernel, subcluster, &name)?;
    Ok(Doomed { subcluster, name, vat })
}

impl Doomed {
    fn scope(&self) -> Scope {
        if self.vat.is_some() { Scope::Vat } else { Scope::Subcluster }
    }

    pub(super) fn subcluster(&self) -> SubclusterId {
        self.subcluster
    }

    /// The whole subcluster instead of one vat of it.
    pub(super) fn with_its_subcluster(self) -> Doomed {
        Doomed { vat: None, ..self }
    }

    pub(super) fn vats<'k>(&self, kernel: &'k Kernel) -> impl Iterator<Item = VatView<'k>> {
        let (subcluster, vat) = (self.subcluster, self.vat);
        kernel.vats().filter(move |view| view.row.subcluster == subcluster && vat.is_none_or(|vat| vat == view.id))
    }
}

/// Ends it.
pub(super) fn end(run_loop: &mut RunLoop, house: &House, doomed: Doomed) -> Terminated {
    let scope = doomed.scope();
    let vats = doomed.vats(run_loop.kernel()).map(|view| view.row.name.clone()).collect();
    match doomed.vat {
        Some(vat) => run_loop.terminate_vat(vat).expect("it was found just now"),
        None => launch::end(run_loop, house, doomed.subcluster),
    }
    Terminated { id: doomed.subcluster.to_string(), name: doomed.name, scope, vats }
}

/// What that would end.
pub(super) fn ending(run_loop: &RunLoop, doomed: Doomed) -> Ending {
    let kernel = run_loop.kernel();
    let scope = doomed.scope();
    let vats = doomed.vats(kernel).map(|view| EndingVat {
        id: view.id.to_string(),
        name: view.row.name.clone(),
        exports: view.exports as u64,
        queued: view.queued as u64,
    });
    let channels = match scope {
        Scope::Vat => Vec::new(),
        Scope::Subcluster => {
            let of_this = run_loop.io().status().into_iter().filter(|channel| channel.subcluster == doomed.name);
            of_this.map(|channel| channel.name).collect()
        }
    };
    let row = kernel.subclusters().find(|(id, _)| *id == doomed.subcluster).map(|(_, row)| row);
    let bootstrap = row.and_then(|row| kernel.vat(row.bootstrap)).map_or_else(String::new, |vat| vat.row.name.clone());
    Ending { id: doomed.subcluster.to_string(), scope, bootstrap, vats: vats.collect(), channels, name: doomed.name }
}
