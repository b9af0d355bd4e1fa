//! Whether a vat may leave memory with nothing lost: the kernel's own view, never the guest's word (kernel-rules 17).

use crate::clist::Row;
use crate::crank::Lifetime;
use crate::id::{Kref, VatId};
use crate::kernel::{Heap, Kernel};
use crate::message::Code;

/// What keeps a vat from leaving memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unrest {
    /// A delivery is under way.
    InCrank,
    /// So many messages and notices wait for it.
    Queued(usize),
    /// It has pinned itself.
    Pinned,
    /// It waits for the end of so many promises.
    Watches(usize),
    /// It holds so many references that are neither in its store nor grants.
    Handles(usize),
    /// Others hold so many objects of its incarnation.
    Objects(usize),
}

/// What would be missed of one line of a c-list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missed {
    Handle,
    Object,
}

impl Kernel {
    /// Takes a vat's heap away if nothing would be lost by it, and says whether it did. The caller drops the instance.
    pub fn hibernate(&mut self, vat: VatId) -> bool {
        let rest = self.can_hibernate(vat);
        if rest {
            self.end_incarnation(vat, Code::IncarnationLost);
            self.settle_down();
        }
        rest
    }

    /// Takes a vat's heap away whatever is lost by it, and says whether there was one. The next incarnation begins with its next
    /// delivery; a message that is being delivered is delivered again (kernel-rules 15). The caller drops the instance.
    pub fn hibernate_by_force(&mut self, vat: VatId) -> bool {
        if self.seats.get(&vat).is_none_or(|seat| seat.heap == Heap::Absent && seat.crank.is_none()) {
            return false;
        }
        self.end_incarnation(vat, Code::IncarnationLost);
        self.make_ready(vat);
        self.settle_down();
        true
    }

    /// Whether the vat has a heap and could leave memory now with nothing lost.
    pub fn can_hibernate(&self, vat: VatId) -> bool {
        let Some(seat) = self.seats.get(&vat) else { return false };
        let quiet = seat.heap == Heap::Live && seat.crank.is_none() && seat.inbox.is_empty() && !seat.pinned;
        quiet && seat.watches.is_empty() && self.clists.of(vat).all(|(_, row)| self.missed(vat, row).is_none())
    }

    /// Everything that keeps a vat in memory: nothing if it can hibernate, or has no heap.
    pub fn unrest(&self, vat: VatId) -> Vec<Unrest> {
        let Some(seat) = self.seats.get(&vat) else { return Vec::new() };
        let mut unrest = Vec::new();
        if seat.crank.is_some() {
            unrest.push(Unrest::InCrank);
        }
        if seat.heap == Heap::Absent {
            return unrest;
        }
        if seat.pinned {
            unrest.push(Unrest::Pinned);
        }
        let missed: Vec<Missed> = self.clists.of(vat).filter_map(|(_, row)| self.missed(vat, row)).collect();
        let handles = missed.iter().filter(|missed| **missed == Missed::Handle).count();
        let counted = [
            (seat.inbox.len(), Unrest::Queued as fn(usize) -> Unrest),
            (seat.watches.len(), Unrest::Watches),
            (handles, Unrest::Handles),
            (missed.len() - handles, Unrest::Objects),
        ];
        unrest.extend(counted.into_iter().filter(|(count, _)| *count > 0).map(|(count, kind)| kind(count)));
        unrest
    }

    fn missed(&self, vat: VatId, row: &Row) -> Option<Missed> {
        let kept = !row.handle || row.kept > 0;
        match self.local(vat, row.kref).map(|exposed| exposed.lifetime) {
            Some(Lifetime::Incarnation) => {
                let only_its_own = row.kept == 0 && self.count(row.kref) == u64::from(row.handle);
                (!only_its_own).then_some(Missed::Object)
            }
            // The next incarnation exposes it again, unless the vat is told meanwhile that nobody holds it.
            Some(Lifetime::Durable) => (!kept && !self.outlives_its_handle(row.kref)).then_some(Missed::Handle),
            None => (!kept).then_some(Missed::Handle),
        }
    }

    fn outlives_its_handle(&self, kref: Kref) -> bool {
        let Kref::Object(object) = kref else { return false };
        self.count(kref) > 1 || self.objects.get(&object).is_some_and(|row| self.stays_unheld(object, row))
    }
}
