//! What vats hold, wait for and may reach, for operators: the parts from which a graph of authority is drawn. Nothing here changes
//! anything.

use crate::clist::Bound;
use crate::id::{Kref, MessageId, ObjectId, Slot, VatId};
use crate::kernel::Kernel;
use crate::origin::Origin;
use crate::rows::{Item, Message, Object, Queue};

/// One line of a living vat's c-list, as operators see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldView<'k> {
    /// The vat's own name for it.
    pub slot: Slot,
    /// What it refers to.
    pub kref: Kref,
    /// The name under which the vat was granted it.
    pub grant: Option<&'k str>,
    /// How often the vat's store mentions it.
    pub stored: u64,
    /// Whether the present incarnation has a handle on it.
    pub handle: bool,
    /// Whether it is an object that the vat itself exposes: its line stays while nobody holds it.
    pub own: bool,
    /// How it came; `None` if that is older than such notes.
    pub origin: Option<&'k Origin>,
}

impl Kernel {
    /// What a living vat holds or exposes, by its slots.
    pub fn held(&self, vat: VatId) -> impl Iterator<Item = HeldView<'_>> {
        let grants = self.vats.get(&vat).map_or(&[][..], |row| &row.grants);
        self.clists.of(vat).map(move |(slot, row)| {
            let grant = grants.iter().find(|(_, granted)| *granted == slot).map(|(name, _)| name.as_str());
            HeldView {
                slot,
                kref: row.kref,
                grant,
                stored: row.kept - u64::from(grant.is_some()),
                handle: row.handle,
                own: row.bound != Bound::No,
                origin: row.origin.as_deref(),
            }
        })
    }

    /// How a vat came to hold a reference that it holds.
    pub fn origin_of(&self, vat: VatId, kref: Kref) -> Option<&Origin> {
        self.clists.get(vat, self.clists.slot_of(vat, kref)?)?.origin.as_deref()
    }

    /// Whether a reference is in a vat's c-list.
    pub fn holds(&self, vat: VatId, kref: Kref) -> bool {
        self.clists.slot_of(vat, kref).is_some()
    }

    /// Messages that wait for a vat, next one first.
    pub fn waiting_for(&self, vat: VatId) -> impl Iterator<Item = (MessageId, &Message)> {
        let inbox = self.seats.get(&vat).into_iter().flat_map(|seat| &seat.inbox);
        inbox.filter_map(|id| match &self.queue.get(id)?.item {
            Item::Message(message) => Some((*id, message)),
            Item::Dropped(_) | Item::Settled { .. } => None,
        })
    }

    /// All messages that are not delivered, with where they wait.
    pub fn undelivered(&self) -> impl Iterator<Item = (MessageId, Queue, &Message)> {
        self.queue.iter().filter_map(|(id, queued)| match &queued.item {
            Item::Message(message) => Some((*id, queued.queue, message)),
            Item::Dropped(_) | Item::Settled { .. } => None,
        })
    }

    /// Every object, by number.
    pub fn objects(&self) -> impl Iterator<Item = (ObjectId, &Object)> {
        self.objects.iter().map(|(id, row)| (*id, row))
    }

    /// What host objects keep.
    pub fn kept_by_host(&self) -> impl Iterator<Item = (ObjectId, Kref)> {
        self.holds.iter().map(|(object, kref)| (*object, *kref))
    }
}
