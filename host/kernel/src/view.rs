//! What operators may see of the kernel. Nothing here changes anything.

use crate::id::{Kref, ObjectId, Slot, SubclusterId, VatId};
use crate::kernel::{Heap, Kernel};
use crate::rows::{Fate, Object, Owner, Subcluster, Vat, VatStatus};

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
    /// Objects that it exposes.
    pub exports: usize,
}

impl Kernel {
    /// The living subclusters, by number.
    pub fn subclusters(&self) -> impl Iterator<Item = (SubclusterId, &Subcluster)> {
        self.subclusters.iter().map(|(id, row)| (*id, row))
    }

    /// The living vats, by number.
    pub fn vats(&self) -> impl Iterator<Item = VatView<'_>> {
        self.seats.keys().filter_map(|vat| self.vat(*vat))
    }

    /// One living vat.
    pub fn vat(&self, id: VatId) -> Option<VatView<'_>> {
        let seat = self.seats.get(&id)?;
        let row = self.vats.get(&id).filter(|row| row.status != VatStatus::Terminated)?;
        Some(VatView {
            id,
            row,
            incarnation: self.progress.get(&id)?.incarnation,
            is_awake: seat.heap == Heap::Live,
            queued: seat.inbox.len(),
            exports: seat.exports.len(),
        })
    }

    /// The root object of a living vat.
    pub fn root_of(&self, vat: VatId) -> Option<Kref> {
        Some(Kref::Object(self.seats.get(&vat)?.exports.get(&0)?.object))
    }

    /// What a living vat holds or exposes, by its slots.
    pub fn references(&self, vat: VatId) -> impl Iterator<Item = (Slot, Kref)> {
        self.clists.of(vat).map(|(slot, row)| (slot, row.kref))
    }

    /// The objects that the host exports for as long as they are declared, with the names it gave them.
    pub fn host_objects(&self) -> impl Iterator<Item = (ObjectId, &str)> {
        self.objects.iter().filter_map(|(id, row)| match row {
            Object { owner: Owner::Host(name), fate: Fate::Live } => Some((*id, name.as_str())),
            Object { owner: Owner::Host(_) | Owner::Vat(..) | Owner::HostUntilBoot(_), .. } => None,
        })
    }

    /// The number that the next object gets: a launch numbers its host objects first, in their order.
    pub fn next_object(&self) -> ObjectId {
        ObjectId(self.counters.object)
    }

    /// How often this store was booted, this time included.
    pub fn boot(&self) -> u64 {
        self.counters.boot
    }

    /// Promises that have a row: unsettled ones, and settled ones that somebody still holds.
    pub fn promises(&self) -> usize {
        self.promises.len()
    }

    /// Whether the vat could leave memory now with nothing lost.
    pub fn can_hibernate(&self, vat: VatId) -> bool {
        self.is_at_rest(vat)
    }
}
