//! What each vat does and takes, as operators see it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ocap_kernel::{Kernel, SubclusterId, Vat, VatId, VatStatus, VatView};

use crate::daemon::requests::{Activity, Ps, VatError, VatUsage};
use crate::problem::Problem;
use crate::run_loop::{Fault, RunLoop};

use super::house::House;
use super::reasons;
use super::{calls, system};

/// All vats, or those of one subcluster.
///
/// # Errors
/// If there is no subcluster of that name.
pub(super) async fn ps(house: &Arc<House>, subcluster: Option<String>) -> Result<Ps, Problem> {
    house
        .act(move |run_loop, house| {
            let kernel = run_loop.kernel();
            let only = match subcluster {
                Some(name) => Some(calls::find_subcluster(kernel, &name)?.0),
                None => None,
            };
            let mut vats = Look::at(run_loop, house).all();
            if let Some(only) = only {
                vats.retain(|(subcluster, _)| *subcluster == only);
            }
            Ok(Ps {
                boot: kernel.boot(),
                uptime_ms: millis(run_loop.now().monotonic),
                now_ms: millis(run_loop.now().wall),
                vats: vats.into_iter().map(|(_, usage)| usage).collect(),
            })
        })
        .await?
}

/// Milliseconds, as answers have them.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What is looked up once for all vats.
pub(super) struct Look<'l> {
    run_loop: &'l RunLoop,
    kernel: &'l Kernel,
    /// The name of each living subcluster, and whether it belongs to the host.
    subclusters: BTreeMap<SubclusterId, (&'l str, bool)>,
    running: BTreeMap<VatId, Duration>,
    /// Of each vat that logged too much, by its label, how many lines were dropped.
    dropped: BTreeMap<String, u64>,
}

impl<'l> Look<'l> {
    pub(super) fn at(run_loop: &'l RunLoop, house: &House) -> Look<'l> {
        let kernel = run_loop.kernel();
        let named = |(id, row): (SubclusterId, &'l ocap_kernel::Subcluster)| {
            (id, (row.name.as_str(), system::is_system(house, kernel, id)))
        };
        let subclusters = kernel.subclusters().map(named).collect();
        let dropped = house.events.log().dropped();
        Look { run_loop, kernel, subclusters, running: run_loop.under_way().collect(), dropped }
    }

    /// Every vat that lives or still has rows, with its subcluster.
    pub(super) fn all(&self) -> Vec<(SubclusterId, VatUsage)> {
        let living = self.kernel.vats().map(|vat| (vat.row.subcluster, self.living(&vat)));
        let ending = self.kernel.ending_vats().map(|(id, row)| (row.subcluster, self.ending(id, row)));
        living.chain(ending).collect()
    }

    /// A vat's name for people. Of a subcluster that has ended only the number is left.
    pub(super) fn label(&self, row: &Vat) -> String {
        match self.subclusters.get(&row.subcluster) {
            Some((name, _)) => format!("{name}/{}", row.name),
            None => format!("{}/{}", row.subcluster, row.name),
        }
    }

    /// What a living vat is at, when these are in cranks.
    pub(super) fn activity(vat: &VatView<'_>, running: &BTreeMap<VatId, Duration>) -> Activity {
        match &vat.row.status {
            VatStatus::Quarantined(_) => Activity::Quarantined,
            VatStatus::Ending => Activity::Ending,
            VatStatus::Active if running.contains_key(&vat.id) => Activity::Running,
            VatStatus::Active if vat.is_resting => Activity::Resting,
            VatStatus::Active if vat.is_awake => Activity::Awake,
            VatStatus::Active => Activity::Idle,
        }
    }

    pub(super) fn living(&self, vat: &VatView<'_>) -> VatUsage {
        let meter = self.run_loop.meter(vat.id);
        let limits = self.run_loop.limits(vat.id);
        let running = self.running.get(&vat.id);
        let has_heap = vat.is_awake && meter.is_some_and(|meter| meter.incarnation == vat.incarnation);
        let awake = meter.filter(|_| has_heap);
        let label = self.label(vat.row);
        VatUsage {
            id: vat.id.to_string(),
            log_lines_dropped: self.dropped.get(&label).copied().unwrap_or(0),
            vat: label,
            system: self.subclusters.get(&vat.row.subcluster).is_some_and(|(_, system)| *system),
            state: Look::activity(vat, &self.running),
            incarnation: vat.incarnation,
            awake_since_ms: awake.map(|meter| millis(meter.since)),
            running_ms: running.map(|time| millis(*time)),
            memory_bytes: awake.map_or(0, |meter| meter.size.heap_bytes),
            memory_max_bytes: limits.map(|limits| limits.memory_bytes),
            busy_us: meter.map_or(0, |meter| u64::try_from(meter.busy.as_micros()).unwrap_or(u64::MAX)),
            cranks: meter.map_or(0, |meter| meter.cranks),
            undone: meter.map_or(0, |meter| meter.undone),
            queued: vat.queued as u64,
            messages: vat.messages,
            mailbox_max: vat.row.mailbox_max,
            references: vat.references,
            store_bytes: meter.map(|meter| meter.size.store_bytes),
            store_entries: meter.map(|meter| meter.size.store_entries),
            store_max_bytes: limits.map(|limits| limits.store_bytes),
            last_error: last_error(self.run_loop.last_fault(vat.id), reasons::of(vat.row)).map(Box::new),
        }
    }

    fn ending(&self, id: VatId, row: &Vat) -> VatUsage {
        VatUsage {
            id: id.to_string(),
            vat: self.label(row),
            system: false,
            state: Activity::Ending,
            incarnation: 0,
            awake_since_ms: None,
            running_ms: None,
            memory_bytes: 0,
            memory_max_bytes: None,
            busy_us: 0,
            cranks: 0,
            undone: 0,
            log_lines_dropped: 0,
            queued: 0,
            messages: 0,
            mailbox_max: row.mailbox_max,
            references: 0,
            store_bytes: None,
            store_entries: None,
            store_max_bytes: None,
            last_error: None,
        }
    }
}

/// A vat in quarantine is there for its problem, which may be older than this boot.
fn last_error(fault: Option<&Fault>, problem: Option<Problem>) -> Option<VatError> {
    let at_ms = fault.map(|fault| millis(fault.at));
    match (problem, fault) {
        (Some(problem), _) => Some(VatError { message: problem.message.clone(), at_ms, problem: Some(problem) }),
        (None, Some(fault)) => Some(VatError { message: fault.cause.clone(), at_ms, problem: None }),
        (None, None) => None,
    }
}
