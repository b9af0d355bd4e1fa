//! What operators may see of one vat, one object or one promise: who holds what, and what waits where. Nothing here changes anything.
//!
//! Some of it looks through whole tables, which a person who asks may do and a crank may not.

use crate::id::{Kref, MessageId, ObjectId, PromiseId, Slot, VatId};
use crate::kernel::{BegunKind, Kernel, Watched, Watcher};
use crate::message::Answer;
use crate::rows::{Fate, Item, Message, Object, Owner, Promise, Suspicion};
use crate::{Exposed, Lifetime};

/// An object that a vat exposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportView {
    /// The vat's own number.
    pub local: u64,
    /// How long it lasts.
    pub lifetime: Lifetime,
    /// The object.
    pub object: ObjectId,
    /// How many hold it, the vat itself included.
    pub holders: u64,
    /// Whether it still answers.
    pub fate: Fate,
}

/// A reference to something that is not the vat's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportView {
    /// The vat's name for it.
    pub slot: Slot,
    /// What it refers to.
    pub kref: Kref,
    /// Whether the present incarnation has a handle.
    pub handle: bool,
    /// Mentions in the vat's store and grants.
    pub kept: u64,
}

/// A delivery that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryView {
    /// A new incarnation begins.
    Start,
    /// This message, which is still in the inbox.
    Message(MessageId),
    /// The ends of so many promises.
    Settled(usize),
    /// So many objects that nobody holds.
    Dropped(usize),
}

/// Who holds a reference.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holders {
    /// How many there are in all; those that are not listed are messages on their way and values of settled promises.
    pub count: u64,
    /// Vats, by number.
    pub vats: Vec<VatHold>,
    /// Objects of the host that keep it: the channel that it serves, for one.
    pub host_objects: Vec<ObjectId>,
    /// Caretakers that pass on to it.
    pub caretakers: Vec<ObjectId>,
    /// How often it was shown to people lately.
    pub shown: u64,
}

/// How a vat holds a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VatHold {
    /// The vat.
    pub vat: VatId,
    /// The vat's name for it.
    pub slot: Slot,
    /// Whether the present incarnation has a handle.
    pub handle: bool,
    /// Mentions in the vat's store and grants.
    pub kept: u64,
}

/// Who waits to be told how a promise ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaiterView {
    /// A vat, which watches it in this incarnation.
    Vat(VatId),
    /// Somebody outside: a person, a channel, a service.
    Host,
}

impl Kernel {
    /// What a living vat exposes, by its own numbers.
    pub fn exports_of(&self, vat: VatId) -> impl Iterator<Item = ExportView> {
        let exports = self.seats.get(&vat).into_iter().flat_map(|seat| &seat.exports);
        exports.filter_map(|(local, export)| {
            let fate = self.objects.get(&export.object)?.fate;
            let holders = self.count(Kref::Object(export.object));
            Some(ExportView { local: *local, lifetime: export.lifetime, object: export.object, holders, fate })
        })
    }

    /// What a living vat holds that is not its own, by slot.
    pub fn imports_of(&self, vat: VatId) -> impl Iterator<Item = ImportView> {
        let others = self.clists.of(vat).filter(move |(_, row)| self.local(vat, row.kref).is_none());
        others.map(|(slot, row)| ImportView { slot, kref: row.kref, handle: row.handle, kept: row.kept })
    }

    /// The promises whose end a living vat waits for. One that has ended, and of which the notice is in the inbox, is not among them.
    pub fn watched_by(&self, vat: VatId) -> impl Iterator<Item = PromiseId> {
        let watches = self.seats.get(&vat).into_iter().flat_map(|seat| seat.watches.values());
        watches.filter_map(|watched| match watched {
            Watched::Promise(promise, _) => Some(*promise),
            Watched::Notice(_) => None,
        })
    }

    /// How many references a vat's store mentions.
    pub fn mentions_in_store(&self, vat: VatId) -> u64 {
        let of_vat = self.holdings.range((vat, Vec::new())..).take_while(|((holder, _), _)| *holder == vat);
        of_vat.map(|(_, slots)| slots.len() as u64).sum()
    }

    /// What waits for a living vat, the next first.
    pub fn inbox_of(&self, vat: VatId) -> impl Iterator<Item = (MessageId, &Item)> {
        let inbox = self.seats.get(&vat).into_iter().flat_map(|seat| &seat.inbox);
        inbox.filter_map(|id| Some((*id, &self.queue.get(id)?.item)))
    }

    /// What a living vat is at.
    pub fn delivery_of(&self, vat: VatId) -> Option<DeliveryView> {
        Some(match &self.seats.get(&vat)?.crank.as_ref()?.kind {
            BegunKind::Start => DeliveryView::Start,
            BegunKind::Message(id) => DeliveryView::Message(*id),
            BegunKind::Settled(notices) => DeliveryView::Settled(notices.len()),
            BegunKind::Dropped(notices) => DeliveryView::Dropped(notices.len()),
        })
    }

    /// How often a living vat trapped since a delivery other than its start went well.
    pub fn traps_in_a_row(&self, vat: VatId) -> u32 {
        self.seats.get(&vat).map_or(0, |seat| seat.traps.in_a_row)
    }

    /// What is known of a vat during whose deliveries the process died.
    pub fn suspicion_of(&self, vat: VatId) -> Option<&Suspicion> {
        self.suspicions.get(&vat)
    }

    /// The vat to which messages to an object go, through caretakers, and what it calls the object there. `None` if they go elsewhere.
    pub fn vat_behind(&self, mut kref: Kref) -> Option<(VatId, Exposed)> {
        for _ in 0..=crate::limits::CARETAKERS_MAX {
            let Kref::Object(object) = kref else { return None };
            match &self.objects.get(&object)?.owner {
                Owner::Vat(vat, exposed) => return Some((*vat, *exposed)),
                Owner::Caretaker { target } => kref = *target,
                Owner::Host(_) | Owner::HostUntilBoot(_) | Owner::HostWhileHeld(_) | Owner::Revoker(_) => return None,
            }
        }
        None
    }

    /// Who holds a reference.
    pub fn holders(&self, kref: Kref) -> Holders {
        let vats = self.seats.keys().filter_map(|vat| {
            let slot = self.clists.slot_of(*vat, kref)?;
            let row = self.clists.get(*vat, slot).filter(|row| row.is_held())?;
            Some(VatHold { vat: *vat, slot, handle: row.handle, kept: row.kept })
        });
        let keeps = self.holds.iter().filter(|(_, kept)| **kept == kref).map(|(object, _)| *object);
        let passes_on = |row: &Object| row.fate == Fate::Live && row.owner == Owner::Caretaker { target: kref };
        let caretakers = self.objects.iter().filter(|(_, row)| passes_on(row)).map(|(object, _)| *object);
        Holders {
            count: self.count(kref),
            vats: vats.collect(),
            host_objects: keeps.collect(),
            caretakers: caretakers.collect(),
            shown: self.lent.iter().filter(|lent| **lent == kref).count() as u64,
        }
    }

    /// Messages that have passed a caretaker and wait behind it.
    pub fn passed(&self, caretaker: ObjectId) -> usize {
        self.guarded.get(&caretaker).map_or(0, std::collections::BTreeSet::len)
    }

    /// Messages that wait for the host's answer at one of its objects.
    pub fn unanswered_at(&self, object: ObjectId) -> u64 {
        self.at_host.get(&Kref::Object(object)).copied().unwrap_or(0)
    }

    /// A promise that somebody holds or waits on.
    pub fn promise(&self, promise: PromiseId) -> Option<&Promise> {
        self.promises.get(&promise)
    }

    /// The last promise of the chain that a promise was forwarded along: itself, if it was not forwarded to another.
    pub fn last_of_chain(&self, promise: PromiseId) -> PromiseId {
        let mut at = promise;
        while let Some(Promise::Settled(Answer::Forward(Kref::Promise(next)))) = self.promises.get(&at) {
            at = *next;
        }
        at
    }

    /// What was sent to a promise, or to one that was forwarded to it, and waits for its end.
    pub fn messages_waiting_on(&self, promise: PromiseId) -> impl Iterator<Item = (MessageId, &Message)> {
        self.waiting.get(&promise).into_iter().flatten().filter_map(|id| match &self.queue.get(id)?.item {
            Item::Message(message) => Some((*id, message)),
            Item::Dropped(_) | Item::Settled { .. } => None,
        })
    }

    /// Who is told when a promise ends, beside its listeners.
    pub fn waiters_for(&self, promise: PromiseId) -> impl Iterator<Item = WaiterView> {
        let watches = self.watchers.get(&promise).into_iter().flat_map(|watches| watches.values());
        watches.map(|watch| match watch.watcher {
            Watcher::Vat(vat, _) => WaiterView::Vat(vat),
            Watcher::Host(_) => WaiterView::Host,
        })
    }
}
