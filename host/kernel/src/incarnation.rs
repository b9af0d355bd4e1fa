//! The end of an incarnation: what a heap held is released, what it exposed for itself is gone, the rest remains (kernel-rules 5).

use std::collections::VecDeque;

use crate::crank::Lifetime;
use crate::finish::Verdict;
use crate::id::{Kref, MessageId, VatId};
use crate::kernel::{Begun, BegunKind, Heap, Kernel, Watched};
use crate::limits::TRAPS_IN_A_ROW_MAX;
use crate::message::Code;
use crate::promise::Settlement;
use crate::rows::{Item, VatStatus};

impl Kernel {
    /// A crank failed: the message that caused it is answered, the incarnation ends, and the vat may be quarantined (kernel-rules 18).
    pub(crate) fn fail(&mut self, vat: VatId, begun: Begun, cause: String) -> Verdict {
        let started = !matches!(begun.kind, BegunKind::Start);
        if let BegunKind::Message(id) = begun.kind {
            self.answer_trapped(vat, id);
        }
        self.end_incarnation(vat, Code::IncarnationLost);
        let seat = self.seat(vat);
        let fails_for_everybody = seat.traps >= TRAPS_IN_A_ROW_MAX && seat.trapped.len() >= 2;
        if started && !fails_for_everybody {
            return Verdict::Undone(cause);
        }
        self.set_status(vat, VatStatus::Quarantined(cause.as_bytes().into()));
        Verdict::Quarantined(cause)
    }

    fn answer_trapped(&mut self, vat: VatId, id: MessageId) {
        self.seat(vat).inbox.pop_front();
        let (message, held) = self.lift_message(id);
        let seat = self.seat(vat);
        seat.trapped.insert(message.sender);
        seat.traps += 1;
        self.answer(&message, Settlement::Failed(Code::VatTrapped));
        self.drain_work();
        self.release_all(held);
    }

    /// Ends the heap of a vat, if it has one, and everything that lasts only as long. `loss` is what its promises break with.
    pub(crate) fn end_incarnation(&mut self, vat: VatId, loss: Code) {
        let seat = self.seat(vat);
        seat.heap = Heap::Absent;
        seat.crank = None;
        seat.pinned = false;
        seat.woken = false;
        self.loss = loss;
        for token in self.seat(vat).watches.keys().copied().collect::<Vec<_>>() {
            self.unwatch(vat, token);
        }
        self.lose_incarnation_objects(vat);
        let slots: Vec<_> = self.clists.of(vat).filter(|(_, row)| row.handle).map(|(slot, _)| slot).collect();
        for slot in slots {
            self.change_row(vat, slot, |row| row.handle = false);
        }
        self.loss = Code::ResolverDropped;
    }

    /// Objects that the vat exposed for this incarnation are gone, and so are the messages that wait for them.
    pub(crate) fn lose_incarnation_objects(&mut self, vat: VatId) {
        let exports = &self.seat(vat).exports;
        let lost = exports.iter().filter(|(_, export)| export.lifetime == Lifetime::Incarnation);
        let lost: Vec<_> = lost.map(|(&object, export)| (object, export.object)).collect();
        for (local, object) in &lost {
            self.lose_object(*object, Code::IncarnationLost);
            self.notified.remove(object);
            self.unbind(vat, *local);
        }
        if !lost.is_empty() {
            let krefs = lost.iter().map(|(_, object)| Kref::Object(*object)).collect::<Vec<_>>();
            self.answer_queued(vat, Code::IncarnationLost, |target| krefs.contains(&target));
        }
    }

    /// Answers the messages in an inbox whose target is gone, and forgets the notices about it. Order of the rest is kept.
    pub(crate) fn answer_queued(&mut self, vat: VatId, code: Code, is_gone: impl Fn(Kref) -> bool) {
        let inbox = std::mem::take(&mut self.seat(vat).inbox);
        let (gone, kept): (VecDeque<MessageId>, VecDeque<MessageId>) =
            inbox.into_iter().partition(|id| match &self.queue.get(id).expect("a queued id has a row").item {
                Item::Message(message) => is_gone(message.target),
                Item::Dropped(object) => is_gone(Kref::Object(*object)),
                Item::Settled { promise, .. } => is_gone(*promise),
            });
        self.seat(vat).inbox = kept;
        for id in gone {
            match self.take_item_unreleased(id) {
                (Item::Message(message), held) => {
                    self.answer(&message, Settlement::Failed(code));
                    self.release_all(held);
                }
                (Item::Dropped(_) | Item::Settled { .. }, held) => self.release_all(held),
            }
        }
        self.drain_work();
    }

    fn take_item_unreleased(&mut self, id: MessageId) -> (Item, Vec<Kref>) {
        let item = self.queue.remove(&id).expect("a queued id has a row").item;
        let held = item.held();
        (item, held)
    }

    pub(crate) fn set_status(&mut self, vat: VatId, status: VatStatus) {
        self.vats.get_mut(&vat).expect("a seated vat has a row").status = status;
        self.ready.retain(|ready| *ready != vat);
        self.seat(vat).queued = false;
        self.make_ready(vat);
    }

    /// Whether a vat may leave memory with nothing lost: the kernel's own view, never the guest's word (kernel-rules 17).
    pub(crate) fn is_at_rest(&self, vat: VatId) -> bool {
        let Some(seat) = self.seats.get(&vat) else { return false };
        let quiet = seat.heap == Heap::Live && seat.crank.is_none() && seat.inbox.is_empty() && !seat.pinned;
        let unwatched = !seat.watches.values().any(|watched| matches!(watched, Watched::Promise(_)));
        let nothing_only_in_the_heap = self.clists.of(vat).all(|(_, row)| {
            let own = self.local(vat, row.kref);
            match own.map(|exposed| exposed.lifetime) {
                Some(Lifetime::Incarnation) => self.count(row.kref) == u64::from(row.is_held()),
                Some(Lifetime::Durable) => true,
                None => !row.handle || row.kept > 0,
            }
        });
        quiet && unwatched && nothing_only_in_the_heap
    }
}
