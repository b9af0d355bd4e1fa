//! What operators see: an inventory of everything that lives, with its problems.

use std::collections::BTreeMap;
use std::sync::Arc;

use ocap_kernel::{Body, Kernel, SubclusterId, Upgrade, Vat, VatStatus, VatView};

use crate::component::{CodeRecord, ComponentProblem, Place};
use crate::daemon::Home;
use crate::daemon::requests::{
    self, ChannelState, ChannelStatus, Detail, Inventory, Quarantine, Ready, SubclusterStatus, VatComponent, VatState,
};
use crate::declaration::Recorded;
use crate::io;
use crate::problem::Problem;
use crate::run_loop::RunLoop;

use super::house::House;
use super::{metrics, reasons, revoke, system, upgrade};

/// Everything that lives, in brief.
pub(super) fn inventory(run_loop: &RunLoop, house: &House) -> Inventory {
    look(run_loop, house, Detail::Brief).0
}

/// Everything that lives, and where its code came from. Each vat, each channel and each code record is looked at once, however many
/// subclusters there are and however many vats run the same code.
fn look(run_loop: &RunLoop, house: &House, detail: Detail) -> (Inventory, Sources) {
    let kernel = run_loop.kernel();
    let mut sources = Sources::default();
    let mut vats: BTreeMap<SubclusterId, Vec<requests::VatStatus>> = BTreeMap::new();
    for vat in kernel.vats() {
        let record = sources.record_of(&vat.row.code);
        let told = vats.entry(vat.row.subcluster).or_default();
        told.push(match detail {
            Detail::Brief => vat_status(&vat),
            Detail::Whole => requests::VatStatus {
                grants: revoke::grants(kernel, vat.id),
                component: record.and_then(|at| sources.get(at)).map(upgrade::component),
                ..vat_status(&vat)
            },
        });
        if let (VatStatus::Active, Some(record), Ok(recorded)) =
            (&vat.row.status, record, house.declaration(kernel, vat.row.subcluster))
        {
            let (subcluster, name) = (vat.row.subcluster, vat.row.name.clone());
            sources.served.push(Provenance { subcluster, vat: vat.id.to_string(), name, record, recorded });
        }
    }
    let mut channels: BTreeMap<String, Vec<io::ChannelStatus>> = BTreeMap::new();
    for channel in run_loop.io().status() {
        channels.entry(channel.subcluster.clone()).or_default().push(channel);
    }
    let subclusters = kernel.subclusters().map(|(id, row)| {
        let of_this = channels.remove(&row.name).unwrap_or_default();
        SubclusterStatus {
            id: id.to_string(),
            name: row.name.clone(),
            system: system::is_system(house, kernel, id),
            bootstrap: kernel.vat(row.bootstrap).map_or_else(String::new, |vat| vat.row.name.clone()),
            vats: vats.remove(&id).unwrap_or_default(),
            channels: of_this.iter().map(|channel| channel_status(kernel, house, id, channel)).collect(),
        }
    });
    let (subclusters, problems) = (subclusters.collect(), house.notices());
    (Inventory { subclusters, problems, figures: Some(metrics::figures(run_loop)) }, sources)
}

/// Code records, each read once, and the served vats that have them.
#[derive(Default)]
struct Sources {
    known: BTreeMap<Body, usize>,
    /// `None` where one can't be read.
    records: Vec<Option<CodeRecord>>,
    served: Vec<Provenance>,
}

/// Where a served vat's code came from, to be looked at away from the loop.
struct Provenance {
    subcluster: SubclusterId,
    vat: String,
    name: String,
    /// Its place among the records.
    record: usize,
    recorded: Arc<Recorded>,
}

impl Sources {
    /// The place of a code record that can be read.
    fn record_of(&mut self, code: &Body) -> Option<usize> {
        let next = self.records.len();
        let at = *self.known.entry(code.clone()).or_insert(next);
        if at == next {
            self.records.push(CodeRecord::from_record(code).ok());
        }
        self.records[at].as_ref().map(|_| at)
    }

    fn get(&self, at: usize) -> Option<&CodeRecord> {
        self.records[at].as_ref()
    }

    /// What is worth knowing about the sources of stored components, by vat. Each file is looked at once.
    fn advice(&self, house: &House) -> BTreeMap<String, Problem> {
        let faults: Vec<Option<ComponentProblem>> =
            self.records.iter().map(|record| record.as_ref()?.advice(&house.files)).collect();
        let of = |served: &Provenance| {
            let (fault, record) = (faults[served.record].as_ref()?, self.get(served.record)?);
            let declaration = &served.recorded.declaration;
            let span = declaration.component_span(&served.name);
            let place = Place::of(&declaration.name, &served.name, record, span);
            let advice = place.diagnose(fault).in_subcluster(served.subcluster);
            Some((served.vat.clone(), Problem { vat_id: Some(served.vat.clone()), ..advice }))
        };
        self.served.iter().filter_map(of).collect()
    }
}

fn vat_status(vat: &VatView<'_>) -> requests::VatStatus {
    let state = match (&vat.row.status, vat.is_awake) {
        (VatStatus::Quarantined(_) | VatStatus::Ending, _) => VatState::Quarantined,
        (VatStatus::Active, true) => VatState::Awake,
        (VatStatus::Active, false) => VatState::Idle,
    };
    requests::VatStatus {
        id: vat.id.to_string(),
        name: vat.row.name.clone(),
        state,
        incarnation: vat.incarnation,
        queued: vat.queued as u64,
        exports: vat.exports as u64,
        grants: Vec::new(),
        component: None,
        kept: kept(vat.row).map(Box::new),
        problem: reasons::of(vat.row).map(Box::new),
    }
}

/// A vat's code, and the code that it can be rolled back to.
pub(super) fn components(row: &Vat) -> (Option<VatComponent>, Option<VatComponent>) {
    (component_of(&row.code), kept(row))
}

fn kept(row: &Vat) -> Option<VatComponent> {
    match &row.upgrade {
        Upgrade::None => None,
        Upgrade::Trial { before } | Upgrade::Kept { before } => component_of(before),
    }
}

fn component_of(code: &Body) -> Option<VatComponent> {
    CodeRecord::from_record(code).ok().as_ref().map(upgrade::component)
}

/// The inventory with advice about the sources of stored components. Looking at a thousand files is not for the loop's thread.
pub(super) async fn full(house: &Arc<House>, detail: Detail) -> Result<Inventory, Problem> {
    let (mut inventory, sources) = house.act(move |run_loop, house| look(run_loop, house, detail)).await?;
    let looker = house.clone();
    let mut figures = inventory.figures.take();
    let looked = tokio::task::spawn_blocking(move || {
        let advised = sources.advice(&looker);
        if let Some(figures) = &mut figures {
            metrics::measure(&looker, figures);
        }
        (advised, figures)
    });
    let (mut advised, figures) = looked.await.map_err(|_| super::house::stopping())?;
    inventory.figures = figures;
    let vats = inventory.subclusters.iter_mut().flat_map(|subcluster| &mut subcluster.vats);
    for status in vats {
        if let Some(advice) = advised.remove(&status.id) {
            status.problem.get_or_insert(Box::new(advice));
        }
    }
    Ok(inventory)
}

/// How a channel fares.
pub(super) fn channel_status(
    kernel: &Kernel,
    house: &House,
    id: SubclusterId,
    channel: &io::ChannelStatus,
) -> ChannelStatus {
    let declared = house.declaration(kernel, id).ok();
    let declared = declared.as_ref().and_then(|recorded| recorded.declaration.channels.get(&channel.name));
    let (state, reason) = match &channel.state {
        io::ChannelState::Up => (ChannelState::Open, None),
        io::ChannelState::Down(reason) => (ChannelState::Down, Some((**reason).clone().in_subcluster(id))),
    };
    ChannelStatus {
        name: channel.name.clone(),
        kind: "unix-listen".to_owned(),
        state,
        path_written: declared.map(|declared| declared.path.clone()),
        path_resolved: Some(channel.path.display().to_string()),
        reason,
        connections: channel.connections as u64,
    }
}

/// The diagnostics of everything in quarantine.
pub(super) fn quarantined(kernel: &Kernel) -> Quarantine {
    Quarantine { problems: kernel.vats().filter_map(|vat| reasons::of(vat.row)).collect() }
}

/// What `run` says when it serves.
pub(super) fn ready(inventory: &Inventory, home: &Home, boot: u64) -> Ready {
    let vats = || inventory.subclusters.iter().flat_map(|subcluster| &subcluster.vats);
    Ready {
        vats: vats().count() as u64,
        quarantined: vats().filter(|vat| vat.state == VatState::Quarantined).count() as u64,
        socket: home.path_of(crate::daemon::home::SOCKET).display().to_string(),
        boot,
        problems: inventory.all_problems(),
    }
}
