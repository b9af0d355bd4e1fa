//! How subclusters and vats come, and stop and go on: launch, quarantine, healing.

use crate::clist::{Bound, Row};
use crate::crank::{Exposed, Lifetime};
use crate::host::Refusal;
use crate::id::{Kref, ObjectId, Slot, SubclusterId, VatId};
use crate::kernel::{Export, Kernel, Rest, Seat, Traps};
use crate::message::{Body, Code};
use crate::origin::How;
use crate::rows::{Fate, Object, Owner, Progress, Subcluster, Upgrade, Vat, VatStatus, WhenQuarantined};

/// A subcluster to be launched: all of it or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Unique among the living.
    pub name: String,
    /// The vat that answers for it.
    pub bootstrap: String,
    /// As the host reads it; opaque here.
    pub declaration: Body,
    /// Host objects that are made with it, by the names that grants use: its channels.
    pub host_objects: Vec<(String, String)>,
    /// Its vats.
    pub vats: Vec<LaunchVat>,
}

/// A vat to be launched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LaunchVat {
    /// Unique in its subcluster.
    pub name: String,
    /// See [`Vat::code`].
    pub code: Body,
    /// See [`Vat::parameters`].
    pub parameters: Body,
    /// What it may reach, by the name under which it gets it.
    pub grants: Vec<(String, Grant)>,
    /// See [`Vat::mailbox_max`].
    pub mailbox_max: u64,
    /// See [`Vat::references_max`].
    pub references_max: u64,
    /// See [`Vat::turns`]; 0 counts as 1.
    pub turns: u32,
    /// See [`Vat::when_quarantined`].
    pub when_quarantined: WhenQuarantined,
}

/// What a grant gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// The root object of a vat of the same subcluster.
    Vat(String),
    /// A host object of the same launch, by its grant name.
    HostObject(String),
    /// Whatever this names.
    Reference(Kref),
}

impl Kernel {
    /// Launches a subcluster.
    ///
    /// # Errors
    /// If the name is taken, or a name in it leads nowhere; nothing changes then.
    pub fn launch(&mut self, launch: Launch) -> Result<SubclusterId, Refusal> {
        if self.subclusters.iter().any(|(_, living)| living.name == launch.name) {
            return Err(Refusal::NameTaken(launch.name));
        }
        check_names(&launch)?;
        for (_, grant) in launch.vats.iter().flat_map(|vat| &vat.grants) {
            if let Grant::Reference(kref) = grant {
                self.check_exists(*kref)?;
            }
        }
        let subcluster = SubclusterId(self.take_number(|counters| &mut counters.subcluster));
        let mut given: Vec<(Grant, ObjectId)> = Vec::new();
        for (grant, owner) in &launch.host_objects {
            let object = self.new_object(Object { owner: Owner::Host(owner.clone()), fate: Fate::Live });
            given.push((Grant::HostObject(grant.clone()), object));
        }
        let mut vats = Vec::new();
        for vat in &launch.vats {
            let (id, root) = self.new_vat(subcluster, vat);
            given.push((Grant::Vat(vat.name.clone()), root));
            vats.push(id);
        }
        for (id, vat) in vats.iter().zip(&launch.vats) {
            for (name, grant) in &vat.grants {
                let target = match grant {
                    Grant::Reference(kref) => *kref,
                    Grant::Vat(_) | Grant::HostObject(_) => {
                        Kref::Object(given.iter().find(|(what, _)| what == grant).expect("grants were checked").1)
                    }
                };
                self.grant(*id, name, target);
            }
        }
        let bootstrap = launch.vats.iter().position(|vat| vat.name == launch.bootstrap).expect("checked");
        let row = Subcluster { name: launch.name, bootstrap: vats[bootstrap], declaration: launch.declaration };
        self.subclusters.insert(subcluster, row);
        // A vat's first start makes it what it is: a channel it serves, say. It does not wait for a message.
        for vat in vats {
            self.wake(vat);
        }
        self.settle_down();
        Ok(subcluster)
    }

    fn new_vat(&mut self, subcluster: SubclusterId, launch: &LaunchVat) -> (VatId, ObjectId) {
        let vat = VatId(self.take_number(|counters| &mut counters.vat));
        let row = Vat {
            subcluster,
            name: launch.name.clone(),
            code: launch.code.clone(),
            upgrade: Upgrade::None,
            parameters: launch.parameters.clone(),
            grants: Vec::new(),
            mailbox_max: launch.mailbox_max,
            references_max: launch.references_max,
            turns: launch.turns,
            when_quarantined: launch.when_quarantined,
            status: VatStatus::Active,
        };
        self.vats.insert(vat, row);
        self.progress.insert(vat, Progress { incarnation: 0, next_slot: Slot(2) });
        self.seats.insert(vat, Seat::new());
        let exposed = Exposed { object: 0, lifetime: Lifetime::Durable };
        let root = self.new_object(Object { owner: Owner::Vat(vat, exposed), fate: Fate::Live });
        let origin = Some(self.origin(How::Exposed));
        let row = Row { kref: Kref::Object(root), handle: false, kept: 0, bound: Bound::Durable, origin };
        self.clists.insert(vat, Slot(1), row);
        let export = Export { object: root, slot: Slot(1), lifetime: Lifetime::Durable };
        self.seat(vat).exports.insert(0, export);
        (vat, root)
    }

    /// Each grant is a caretaker of its own, so that it can be revoked and no other with it.
    fn grant(&mut self, vat: VatId, name: &str, target: Kref) {
        let kref = Kref::Object(self.new_caretaker(target));
        let progress = self.progress.get_mut(&vat).expect("a seated vat has progress");
        let slot = progress.next_slot;
        progress.next_slot = Slot(slot.0 + 1);
        let origin = Some(self.origin(How::Granted(name.to_owned())));
        self.clists.insert(vat, slot, Row { kref, handle: false, kept: 0, bound: Bound::No, origin });
        self.change_row(vat, slot, |row| row.kept += 1);
        let row = self.vats.get_mut(&vat).expect("a seated vat has a row");
        row.grants.push((name.to_owned(), slot));
    }

    /// Stops serving a vat; its messages wait where they are, or are answered if it was declared so (kernel-rules 16). Also replaces
    /// the reason of one that is quarantined already.
    ///
    /// # Errors
    /// If there is no such vat.
    pub fn quarantine(&mut self, vat: VatId, reason: Body) -> Result<(), Refusal> {
        self.living(vat)?;
        self.end_incarnation(vat, Code::IncarnationLost);
        self.stop_serving(vat, reason);
        self.settle_down();
        Ok(())
    }

    pub(crate) fn living(&self, vat: VatId) -> Result<&Vat, Refusal> {
        let row = self.vats.get(&vat).filter(|row| row.status.is_living());
        row.ok_or(Refusal::NoSuchVat(vat))
    }

    /// Serves a quarantined vat again, from its first waiting message on.
    ///
    /// # Errors
    /// If there is no such vat.
    pub fn heal(&mut self, vat: VatId) -> Result<(), Refusal> {
        if matches!(self.living(vat)?.status, VatStatus::Quarantined(_)) {
            self.vats.get_mut(&vat).expect("a living vat has a row").status = VatStatus::Active;
            let seat = self.seat(vat);
            seat.traps = Traps::default();
            seat.rest = Rest::None;
            self.make_ready(vat);
        }
        Ok(())
    }

    /// Starts a vat even if nothing waits for it.
    pub fn wake(&mut self, vat: VatId) {
        if let Some(seat) = self.seats.get_mut(&vat) {
            seat.woken = true;
            self.make_ready(vat);
        }
    }
}

fn check_names(launch: &Launch) -> Result<(), Refusal> {
    let vat_exists = |name: &String| launch.vats.iter().any(|vat| vat.name == *name);
    if !vat_exists(&launch.bootstrap) {
        return Err(Refusal::Dangling(format!("vat `{}`", launch.bootstrap)));
    }
    for (_, grant) in launch.vats.iter().flat_map(|vat| &vat.grants) {
        match grant {
            Grant::Vat(name) if !vat_exists(name) => return Err(Refusal::Dangling(format!("vat `{name}`"))),
            Grant::HostObject(name) if !launch.host_objects.iter().any(|(grant, _)| grant == name) => {
                return Err(Refusal::Dangling(format!("host object `{name}`")));
            }
            Grant::Vat(_) | Grant::HostObject(_) | Grant::Reference(_) => {}
        }
    }
    Ok(())
}
