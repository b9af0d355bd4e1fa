//! The end of an incarnation: what a heap held is released, what it exposed for itself is gone, the rest remains (kernel-rules 5).

use std::collections::BTreeSet;

use crate::crank::Lifetime;
use crate::finish::Verdict;
use crate::id::{Kref, MessageId, VatId};
use crate::kernel::{Begun, BegunKind, Heap, Kernel, Rest};
use crate::limits::{TRAPS_BEFORE_REST, TRAPS_IN_A_ROW_MAX};
use crate::message::{Body, Code};
use crate::promise::Settlement;
use crate::rows::{Item, Sender, VatStatus, WhenQuarantined};

impl Kernel {
    /// A crank failed: the message that caused it is answered, the incarnation ends, and the vat may be quarantined (kernel-rules 18).
    pub(crate) fn fail(&mut self, vat: VatId, begun: &Begun, cause: String) -> Verdict {
        match &begun.kind {
            BegunKind::Start | BegunKind::Settled(_) => {}
            BegunKind::Message(id) => self.answer_trapped(vat, *id),
            BegunKind::Dropped(_) => self.seat(vat).traps.notices += 1,
        }
        self.end_incarnation(vat, Code::IncarnationLost);
        if matches!(begun.kind, BegunKind::Start) {
            return self.start_over_or_stop(vat, cause);
        }
        let seat = self.seat(vat);
        seat.traps.in_a_row += 1;
        let traps = &seat.traps;
        let fails_for_everybody = traps.messages >= TRAPS_IN_A_ROW_MAX && traps.senders.len() >= 2;
        let is_stuck = traps.notices >= TRAPS_IN_A_ROW_MAX;
        if fails_for_everybody || is_stuck {
            self.stop_serving(vat, cause.as_bytes().into());
            return Verdict::Quarantined(cause);
        }
        if traps.in_a_row >= TRAPS_BEFORE_REST {
            seat.rest = Rest::UntilTold;
        }
        Verdict::Undone(cause)
    }

    /// How many traps in a row a vat had that waits for [`Kernel::rested`] before its next delivery. Nothing else makes it go on.
    pub fn resting(&self, vat: VatId) -> Option<u32> {
        let seat = self.seats.get(&vat).filter(|seat| seat.rest == Rest::UntilTold)?;
        Some(seat.traps.in_a_row)
    }

    /// The vat has waited long enough.
    pub fn rested(&mut self, vat: VatId) {
        if let Some(seat) = self.seats.get_mut(&vat) {
            seat.rest = Rest::None;
            self.make_ready(vat);
        }
    }

    fn answer_trapped(&mut self, vat: VatId, id: MessageId) {
        if let (Item::Message(message), held) = self.take_from_inbox(vat, id) {
            let traps = &mut self.seat(vat).traps;
            traps.messages += 1;
            if message.sender != Sender::Vat(vat) {
                traps.senders.insert(message.sender);
            }
            self.answer(&message, Settlement::Failed(Code::VatTrapped));
            self.drain_work();
            self.release_all(held);
        }
    }

    /// Ends the heap of a vat, if it has one, and everything that lasts only as long. `loss` is what its promises break with.
    pub(crate) fn end_incarnation(&mut self, vat: VatId, loss: Code) {
        let never_started = self.progress.get(&vat).is_none_or(|progress| progress.incarnation == 0);
        let seat = self.seat(vat);
        seat.heap = Heap::Absent;
        seat.crank = None;
        seat.pinned = false;
        // The first start makes a vat what it is, so it is owed whatever becomes of the attempts.
        seat.woken = never_started;
        self.loss = loss;
        for token in self.seat(vat).watches.keys().copied().collect::<Vec<_>>() {
            self.unwatch(vat, token);
        }
        self.lose_incarnation_objects(vat, loss);
        let slots: Vec<_> = self.clists.of(vat).filter(|(_, row)| row.handle).map(|(slot, _)| slot).collect();
        for slot in slots {
            self.change_row(vat, slot, |row| row.handle = false);
        }
        self.loss = Code::ResolverDropped;
        self.drain_work();
        // What was being delivered may have been revoked meanwhile: it is not delivered again.
        self.answer_undeliverable(vat);
    }

    /// Objects that the vat exposed for this incarnation are gone, and so are the messages that wait for them.
    fn lose_incarnation_objects(&mut self, vat: VatId, code: Code) {
        let exports = &self.seat(vat).exports;
        let lost = exports.iter().filter(|(_, export)| export.lifetime == Lifetime::Incarnation);
        let lost: Vec<_> = lost.map(|(&local, export)| (local, export.object)).collect();
        for (local, object) in &lost {
            self.lose_object(*object, code);
            self.unbind(vat, *local);
        }
        if !lost.is_empty() {
            let objects: BTreeSet<_> = lost.into_iter().map(|(_, object)| object).collect();
            self.answer_queued(vat, code, |item| match item {
                Item::Message(message) => matches!(message.target, Kref::Object(object) if objects.contains(&object)),
                Item::Dropped(object) => objects.contains(object),
                Item::Settled { .. } => false,
            });
        }
    }

    /// Takes out of an inbox what can not be delivered any more. Messages are answered; the order of the rest is kept.
    pub(crate) fn answer_queued(&mut self, vat: VatId, code: Code, is_gone: impl Fn(&Item) -> bool) {
        let is_gone = |id: &MessageId| is_gone(&self.queue.get(id).expect("a queued id has a row").item);
        let gone: Vec<_> =
            self.seats.get(&vat).into_iter().flat_map(|seat| &seat.inbox).copied().filter(is_gone).collect();
        for id in gone {
            let (item, held) = self.take_from_inbox(vat, id);
            if let Item::Message(message) = item {
                self.answer(&message, Settlement::Failed(code));
            }
            self.release_all(held);
        }
    }

    /// From now on the vat is not served; its messages wait where they are, or are answered if it was declared so (kernel-rules 16).
    pub(crate) fn stop_serving(&mut self, vat: VatId, reason: Body) {
        let row = self.vats.get_mut(&vat).expect("a seated vat has a row");
        row.status = VatStatus::Quarantined(reason);
        if row.when_quarantined == WhenQuarantined::Reject {
            self.answer_queued(vat, Code::VatQuarantined, |item| matches!(item, Item::Message(_)));
        }
    }
}
