//! The next delivery: which vat, and what it is told, in its own slots.
//!
//! Nothing durable changes here, except that a notice which is no longer true is thrown away, and that a message with more references
//! than the vat may hold is answered. References without a row in the vat's
//! c-list get the next slots, in the order in which the delivery names them; the rows are made when the crank finishes
//! (kernel-rules 1, 2).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::clist::{Bound, Row};
use crate::crank::{Boot, ClistEntry, Company, Crank, Delivery, Exposed, Held, Lifetime};
use crate::id::{CrankId, Kref, MessageId, ObjectId, Slot, VatId};
use crate::kernel::{Begun, BegunKind, Delivered, Heap, Kernel, Rest};
use crate::limits::NOTICES_PER_CRANK_MAX;
use crate::message::{Code, Payload, Resolution};
use crate::promise::Settlement;
use crate::rows::{Fate, Item, Message, Owner, Sender, Upgrade, VatStatus};

/// Names references in one vat's slots, taking new ones as needed.
struct Translator<'k> {
    kernel: &'k Kernel,
    vat: VatId,
    next: Slot,
    new: BTreeMap<Kref, Slot>,
    delivered: Vec<Delivered>,
    /// Who settled the promise whose end is being translated.
    settler: Option<Sender>,
}

impl Translator<'_> {
    fn held(&mut self, kref: Kref) -> Held {
        let known = self.kernel.clists.slot_of(self.vat, kref).or_else(|| self.new.get(&kref).copied());
        let slot = known.unwrap_or_else(|| {
            let slot = self.next;
            self.next = Slot(slot.0 + 1);
            self.new.insert(kref, slot);
            slot
        });
        self.delivered.push(Delivered { slot, kref, settler: self.settler });
        Held { slot, local: self.kernel.local(self.vat, kref).map(|exposed| exposed.object) }
    }

    fn payload(&mut self, payload: &Payload<Kref>) -> Payload<Held> {
        payload.map(|kref| self.held(*kref))
    }
}

impl Kernel {
    /// Begins the next delivery, if a vat has one and is not in a crank already. Call [`Kernel::finish`] with what comes of it;
    /// other vats may begin meanwhile.
    pub fn begin(&mut self) -> Option<Crank> {
        if self.flying.values().any(|company| *company == Company::Alone) {
            return None;
        }
        loop {
            let vat = *self.ready.front()?;
            let is_served = self.vats.get(&vat).is_some_and(|row| row.status == VatStatus::Active);
            if is_served && !self.has_room(vat) {
                return None;
            }
            self.ready.pop_front();
            // A vat may have ended, or gone into quarantine, while it was in the ring.
            let Some(seat) = self.seats.get_mut(&vat) else { continue };
            seat.queued = false;
            if !is_served || seat.rest == Rest::UntilTold {
                continue;
            }
            if let Some(crank) = self.begin_at(vat) {
                return Some(crank);
            }
        }
    }

    fn begin_at(&mut self, vat: VatId) -> Option<Crank> {
        // What can't be delivered is no reason to make a heap.
        self.skip_stale_notices(vat);
        self.refuse_what_is_too_much(vat);
        if self.seat(vat).heap == Heap::Absent {
            return self.seat(vat).has_work().then(|| self.begin_start(vat));
        }
        let head = *self.seat(vat).inbox.first()?;
        match self.queue.get(&head).expect("a queued id has a row").item.clone() {
            Item::Message(message) => Some(self.begin_message(vat, head, &message)),
            Item::Settled { .. } => Some(self.begin_settled(vat)),
            Item::Dropped(_) => Some(self.begin_dropped(vat)),
        }
    }

    /// A `dropped` notice is true only if still nobody holds the object that the id is bound to (kernel-rules 11).
    fn skip_stale_notices(&mut self, vat: VatId) {
        while let Some(&head) = self.seat(vat).inbox.first() {
            let Item::Dropped(object) = self.queue.get(&head).expect("a queued id has a row").item else { return };
            if self.droppable(vat, object).is_some() {
                return;
            }
            self.take_from_inbox(vat, head);
        }
    }

    /// Answers messages at the head of an inbox that bring more references than their vat may hold.
    fn refuse_what_is_too_much(&mut self, vat: VatId) {
        while let Some(id) = self.too_much_for(vat) {
            if let (Item::Message(message), held) = self.take_from_inbox(vat, id) {
                self.answer(&message, Settlement::Failed(Code::TooLarge));
                self.release_all(held);
            }
            self.settle_down();
            self.skip_stale_notices(vat);
        }
    }

    fn too_much_for(&self, vat: VatId) -> Option<MessageId> {
        let head = *self.seats.get(&vat)?.inbox.first()?;
        let Item::Message(message) = &self.queue.get(&head)?.item else { return None };
        let resolver = message.answer.map(Kref::Resolver);
        let named = message.args.caps.iter().copied().chain(resolver);
        let new: BTreeSet<Kref> = named.filter(|kref| self.clists.slot_of(vat, *kref).is_none()).collect();
        let room = self.vats.get(&vat)?.references_max.saturating_sub(self.clists.size(vat));
        (new.len() as u64 > room).then_some(head)
    }

    fn droppable(&self, vat: VatId, object: ObjectId) -> Option<u64> {
        let row = self.objects.get(&object)?;
        let Owner::Vat(_, exposed) = row.owner else { return None };
        let is_over = self.count(Kref::Object(object)) == 0 || row.fate == Fate::Lost(Code::ObjectRevoked);
        (is_over && self.is_bound(vat, exposed.object, object)).then_some(exposed.object)
    }

    fn begin_start(&mut self, vat: VatId) -> Crank {
        let row = self.vats.get(&vat).expect("a seated vat has a row");
        let grants = row.grants.clone();
        let clist = self.clists.of(vat);
        let entry = |(slot, row): (Slot, &Row)| ClistEntry { slot, local: self.local(vat, row.kref) };
        let clist = clist.map(entry).collect();
        let incarnation = self.progress.get(&vat).expect("a seated vat has progress").incarnation + 1;
        let granted = |slot: Slot| Some(Delivered { slot, kref: self.clists.get(vat, slot)?.kref, settler: None });
        let delivered = grants.iter().filter_map(|(_, slot)| granted(*slot)).collect();
        let upgraded_from = match &self.vats.get(&vat).expect("a seated vat has a row").upgrade {
            Upgrade::Trial { before } => Some(before.clone()),
            Upgrade::None | Upgrade::Kept { .. } => None,
        };
        let delivery = Delivery::Start(Boot { incarnation, upgraded_from, clist, grants });
        let next = self.next_slot(vat);
        self.under_way(vat, BegunKind::Start, delivered, next, delivery)
    }

    fn begin_message(&mut self, vat: VatId, id: MessageId, message: &Message) -> Crank {
        let Kref::Object(target) = message.target else { unreachable!("only messages to objects reach an inbox") };
        let Owner::Vat(_, exposed) = self.objects.get(&target).expect("a queued message holds its target").owner else {
            unreachable!("only messages to a vat's objects reach its inbox")
        };
        let mut translator = self.translator(vat);
        let args = translator.payload(&message.args);
        let resolver = message.answer.map(|promise| translator.held(Kref::Resolver(promise)));
        let (next, delivered) = (translator.next, translator.delivered);
        let delivery = Delivery::Message { object: exposed.object, method: message.method.clone(), args, resolver };
        self.under_way(vat, BegunKind::Message(id), delivered, next, delivery)
    }

    fn begin_settled(&mut self, vat: VatId) -> Crank {
        let mut notices = Vec::new();
        let mut ended = Vec::new();
        for id in self.seat(vat).inbox.iter().take(NOTICES_PER_CRANK_MAX).copied().collect::<Vec<_>>() {
            let Item::Settled { token, promise, by } = self.queue.get(&id).expect("a queued id has a row").item else {
                break;
            };
            notices.push((id, token));
            ended.push((token, self.resolution_of(promise), by));
        }
        let mut translator = self.translator(vat);
        let resolutions = ended
            .into_iter()
            .map(|(token, resolution, by)| {
                translator.settler = by;
                let resolution = match resolution {
                    Resolution::Fulfilled(payload) => Resolution::Fulfilled(translator.payload(&payload)),
                    Resolution::Forwarded(kref) => Resolution::Forwarded(translator.held(kref)),
                    Resolution::Broken(payload) => Resolution::Broken(translator.payload(&payload)),
                    Resolution::Failed(code) => Resolution::Failed(code),
                };
                (token, resolution)
            })
            .collect();
        let (next, delivered) = (translator.next, translator.delivered);
        self.under_way(vat, BegunKind::Settled(notices), delivered, next, Delivery::Settled(resolutions))
    }

    fn begin_dropped(&mut self, vat: VatId) -> Crank {
        let mut dropped = Vec::new();
        for id in self.seat(vat).inbox.iter().take(NOTICES_PER_CRANK_MAX).copied().collect::<Vec<_>>() {
            let Item::Dropped(object) = self.queue.get(&id).expect("a queued id has a row").item else { break };
            let Some(local) = self.droppable(vat, object) else { break };
            dropped.push((id, local));
        }
        let objects = dropped.iter().map(|(_, object)| *object).collect();
        let next = self.next_slot(vat);
        self.under_way(vat, BegunKind::Dropped(dropped), Vec::new(), next, Delivery::Dropped(objects))
    }

    fn under_way(
        &mut self,
        vat: VatId,
        kind: BegunKind,
        delivered: Vec<Delivered>,
        next_slot: Slot,
        delivery: Delivery,
    ) -> Crank {
        let id = CrankId(self.next_crank);
        self.next_crank += 1;
        let company = self.company_of(vat);
        self.flying.insert(id, company);
        let message = match &kind {
            BegunKind::Message(message) => Some(*message),
            BegunKind::Start | BegunKind::Settled(_) | BegunKind::Dropped(_) => None,
        };
        self.seat(vat).crank = Some(Arc::new(Begun { id, kind, delivered, next_slot }));
        Crank { id, vat, message, next_slot, delivery, company }
    }

    fn translator(&self, vat: VatId) -> Translator<'_> {
        let next = self.next_slot(vat);
        Translator { kernel: self, vat, next, new: BTreeMap::new(), delivered: Vec::new(), settler: None }
    }

    fn next_slot(&self, vat: VatId) -> Slot {
        self.progress.get(&vat).expect("a seated vat has progress").next_slot
    }

    /// What the vat itself calls a reference, if it is an object that it exposes still.
    pub(crate) fn local(&self, vat: VatId, kref: Kref) -> Option<Exposed> {
        let Kref::Object(object) = kref else { return None };
        let row = self.objects.get(&object)?;
        let Owner::Vat(owner, exposed) = row.owner else { return None };
        (owner == vat && self.is_bound(vat, exposed.object, object)).then_some(exposed)
    }
}

/// How a row of the vat's own object is kept.
pub(crate) fn bound_for(lifetime: Lifetime) -> Bound {
    match lifetime {
        Lifetime::Incarnation => Bound::Incarnation,
        Lifetime::Durable => Bound::Durable,
    }
}
