//! What operators may see of the kernel. Nothing here changes anything.

use crate::id::{Kref, MessageId, ObjectId, Slot, SubclusterId, VatId};
use crate::kernel::{Heap, Kernel, Rest, Seat};
use crate::rows::{Fate, Object, Owner, Queued, Subcluster, Vat};

/// One living vat, as operators see it.
#[derive(Debug, Clone, Copy)]
pub struct VatView<'k> {
    /// Its number.
    pub id: VatId,
    /// What was decided at its launch, and whether it is served.
    pub row: &'k Vat,
    /// The last incarnation that was begun; 0 before the first.
    pub incarnation: u64,
    /// Whether it has a heap.
    pub is_awake: bool,
    /// Messages and notices that wait for it.
    pub queued: usize,
    /// How many of those are messages: what [`Vat::mailbox_max`] limits.
    pub messages: u64,
    /// Objects that it exposes.
    pub exports: usize,
    /// References that it has a slot for: what [`Vat::references_max`] limits.
    pub references: u64,
    /// Whether it waits a while after traps, until the host lets it go on.
    pub is_resting: bool,
}

/// One grant of a living vat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GrantView<'k> {
    /// Under which the vat has it.
    pub name: &'k str,
    /// What it gives.
    pub target: Kref,
    /// The caretaker that the vat has in its place.
    pub caretaker: Option<ObjectId>,
    /// Whether it was revoked.
    pub fate: Fate,
}

impl Kernel {
    /// The living subclusters, by number.
    pub fn subclusters(&self) -> impl Iterator<Item = (SubclusterId, &Subcluster)> {
        self.subclusters.iter().map(|(id, row)| (*id, row))
    }

    /// The living vats, by number.
    pub fn vats(&self) -> impl Iterator<Item = VatView<'_>> {
        self.seats.iter().filter_map(|(id, seat)| self.seated(*id, seat))
    }

    /// One living vat.
    pub fn vat(&self, id: VatId) -> Option<VatView<'_>> {
        self.seated(id, self.seats.get(&id)?)
    }

    /// The living vat that has this name in its subcluster.
    pub fn vat_named(&self, subcluster: SubclusterId, name: &str) -> Option<VatId> {
        let named = |id: &VatId| {
            let row = self.vats.get(id).filter(|row| row.status.is_living());
            row.is_some_and(|row| row.subcluster == subcluster && row.name == name)
        };
        self.seats.keys().copied().find(named)
    }

    fn seated(&self, id: VatId, seat: &Seat) -> Option<VatView<'_>> {
        let row = self.vats.get(&id).filter(|row| row.status.is_living())?;
        Some(VatView {
            id,
            row,
            incarnation: self.progress.get(&id)?.incarnation,
            is_awake: seat.heap == Heap::Live,
            queued: seat.inbox.len(),
            messages: seat.messages,
            exports: seat.exports.len(),
            references: self.clists.size(id),
            is_resting: seat.rest == Rest::UntilTold,
        })
    }

    /// Vats that have ended and whose rows are still being let go, by number.
    pub fn ending_vats(&self) -> impl Iterator<Item = (VatId, &Vat)> {
        self.endings.iter().filter_map(|vat| Some((*vat, self.vats.get(vat)?)))
    }

    /// The root object of a living vat.
    pub fn root_of(&self, vat: VatId) -> Option<Kref> {
        Some(Kref::Object(self.seats.get(&vat)?.exports.get(&0)?.object))
    }

    /// What a living vat was granted, in the order of its declaration, and whether it still answers.
    pub fn grants(&self, vat: VatId) -> impl Iterator<Item = GrantView<'_>> {
        let row = self.vats.get(&vat).filter(|row| row.status.is_living());
        row.into_iter().flat_map(|row| &row.grants).filter_map(move |(name, slot)| {
            let kref = self.clists.get(vat, *slot)?.kref;
            let Kref::Object(object) = kref else { return None };
            let row = self.objects.get(&object)?;
            let (target, caretaker) = match &row.owner {
                Owner::Caretaker { target } => (*target, Some(object)),
                // Granted before grants were caretakers.
                _ => (kref, None),
            };
            Some(GrantView { name, target, caretaker, fate: row.fate })
        })
    }

    /// Whose an object is and whether it answers.
    pub fn object(&self, object: ObjectId) -> Option<&Object> {
        self.objects.get(&object)
    }

    /// What a living vat holds or exposes, by its slots.
    pub fn references(&self, vat: VatId) -> impl Iterator<Item = (Slot, Kref)> {
        self.clists.of(vat).map(|(slot, row)| (slot, row.kref))
    }

    /// The durable objects that the host exports, with the names it gave them.
    pub fn host_objects(&self) -> impl Iterator<Item = (ObjectId, &str)> {
        self.objects.iter().filter_map(|(id, row)| match row {
            Object { owner: Owner::Host(name) | Owner::HostWhileHeld(name), fate: Fate::Live } => {
                Some((*id, name.as_str()))
            }
            Object { .. } => None,
        })
    }

    /// The number that the next object gets: a launch numbers its host objects first, in their order.
    pub fn next_object(&self) -> ObjectId {
        ObjectId(self.counters.object)
    }

    /// The number that the next message or notice gets: an act's own are those from this one on.
    pub fn next_message(&self) -> MessageId {
        MessageId(self.counters.message)
    }

    /// What waits under a number, and where.
    pub fn queued_as(&self, id: MessageId) -> Option<&Queued> {
        self.queue.get(&id)
    }

    /// How often this store was booted, this time included.
    pub fn boot(&self) -> u64 {
        self.counters.boot
    }

    /// Promises that have a row: unsettled ones, and settled ones that somebody still holds.
    pub fn promises(&self) -> usize {
        self.promises.len()
    }

    /// Messages and notices that wait, wherever.
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Vats that have ended and whose rows are still being let go.
    pub fn ending(&self) -> usize {
        self.endings.len()
    }
}
