//! What operators see: an inventory of everything that lives, with its problems.

use std::sync::Arc;

use ocap_kernel::{Body, Kernel, SubclusterId, Upgrade, VatId, VatStatus, VatView};

use crate::component::{CodeRecord, Place};
use crate::daemon::Home;
use crate::daemon::requests::{
    self, ChannelState, ChannelStatus, Inventory, Quarantine, Ready, SubclusterStatus, VatComponent, VatState,
};
use crate::io;
use crate::problem::Problem;
use crate::run_loop::RunLoop;

use super::code::problem_of;
use super::house::House;
use super::{revoke, system, upgrade};

/// Everything that lives.
pub(super) fn inventory(run_loop: &RunLoop, house: &House) -> Inventory {
    let kernel = run_loop.kernel();
    let channels = run_loop.io().status();
    let subclusters = kernel.subclusters().map(|(id, row)| {
        let vats = kernel.vats().filter(|vat| vat.row.subcluster == id);
        let of_this = channels.iter().filter(|channel| channel.subcluster == row.name);
        SubclusterStatus {
            id: id.to_string(),
            name: row.name.clone(),
            system: system::is_system(house, kernel, id),
            bootstrap: kernel.vat(row.bootstrap).map_or_else(String::new, |vat| vat.row.name.clone()),
            vats: vats.map(|vat| vat_status(kernel, &vat)).collect(),
            channels: of_this.map(|channel| channel_status(kernel, house, id, channel)).collect(),
        }
    });
    Inventory { subclusters: subclusters.collect(), problems: house.notices() }
}

fn vat_status(kernel: &Kernel, vat: &VatView<'_>) -> requests::VatStatus {
    let state = match (&vat.row.status, vat.is_awake) {
        (VatStatus::Quarantined(_) | VatStatus::Ending | VatStatus::Terminated, _) => VatState::Quarantined,
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
        grants: revoke::grants(kernel, vat.id),
        component: component_of(&vat.row.code),
        kept: match &vat.row.upgrade {
            Upgrade::None => None,
            Upgrade::Trial { before } | Upgrade::Kept { before } => component_of(before),
        },
        problem: problem_of(vat.row),
    }
}

fn component_of(code: &Body) -> Option<VatComponent> {
    CodeRecord::from_record(code).ok().as_ref().map(upgrade::component)
}

/// Where a served vat's code came from, to be looked at away from the loop.
struct Provenance {
    subcluster: SubclusterId,
    vat: VatId,
    record: CodeRecord,
    place: Place,
}

fn provenance(kernel: &Kernel, house: &House) -> Vec<Provenance> {
    let served = kernel.vats().filter(|vat| vat.row.status == VatStatus::Active);
    let of = |vat: VatView<'_>| {
        let record = CodeRecord::from_record(&vat.row.code).ok()?;
        let recorded = house.declaration(kernel, vat.row.subcluster).ok()?;
        let declaration = &recorded.declaration;
        let place = Place::of(&declaration.name, &vat.row.name, &record, declaration.component_span(&vat.row.name));
        Some(Provenance { subcluster: vat.row.subcluster, vat: vat.id, record, place })
    };
    served.filter_map(of).collect()
}

/// The inventory with advice about the sources of stored components. Looking at a thousand files is not for the loop's thread.
pub(super) async fn full(house: &Arc<House>) -> Result<Inventory, Problem> {
    let (mut inventory, sources) =
        house.act(|run_loop, house| (inventory(run_loop, house), provenance(run_loop.kernel(), house))).await?;
    let looker = house.clone();
    let looked = tokio::task::spawn_blocking(move || {
        let advised = sources.into_iter().filter_map(|source| {
            let fault = source.record.advice(&looker.files)?;
            Some((source.subcluster, source.vat, source.place.diagnose(&fault)))
        });
        advised.collect::<Vec<_>>()
    });
    for (subcluster, vat, advice) in looked.await.map_err(|_| super::house::stopping())? {
        let of_subcluster = inventory.subclusters.iter_mut().find(|status| status.id == subcluster.to_string());
        let of_vat =
            of_subcluster.and_then(|status| status.vats.iter_mut().find(|status| status.id == vat.to_string()));
        if let Some(status) = of_vat {
            status.problem.get_or_insert(advice);
        }
    }
    Ok(inventory)
}

fn channel_status(kernel: &Kernel, house: &House, id: SubclusterId, channel: &io::ChannelStatus) -> ChannelStatus {
    let declared = house.declaration(kernel, id).ok();
    let declared = declared.as_ref().and_then(|recorded| recorded.declaration.channels.get(&channel.name));
    let (state, reason) = match &channel.state {
        io::ChannelState::Up => (ChannelState::Open, None),
        io::ChannelState::Down(reason) => (ChannelState::Down, Some((**reason).clone())),
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
    Quarantine { problems: kernel.vats().filter_map(|vat| problem_of(vat.row)).collect() }
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

/// A living vat by its name in its subcluster.
pub(super) fn find_vat(kernel: &Kernel, subcluster: SubclusterId, name: &str) -> Option<VatId> {
    kernel.vats().find(|vat| vat.row.subcluster == subcluster && vat.row.name == name).map(|vat| vat.id)
}
