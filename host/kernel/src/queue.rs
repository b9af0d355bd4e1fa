//! Where messages and notices wait: a vat's inbox, a promise, the host.

use std::collections::btree_map::Entry;

use crate::id::{Kref, MessageId, PromiseId, VatId};
use crate::kernel::{Kernel, Watched};
use crate::limits::{HOST_OBJECT_MESSAGES_MAX, PROMISE_QUEUE_MESSAGES_MAX};
use crate::message::Code;
use crate::promise::Settlement;
use crate::rows::{Item, Message, Queue, Queued, VatStatus, WhenQuarantined};

impl Kernel {
    /// Puts a message at the end of a vat's inbox, whose references are held from here on.
    pub(crate) fn enqueue_message(&mut self, vat: VatId, message: Message) -> Result<(), (Code, Message)> {
        let seat = self.seats.get(&vat).expect("the owner of a live object has a seat");
        let row = self.vats.get(&vat).expect("a seated vat has a row");
        if matches!(row.status, VatStatus::Quarantined(_)) && row.when_quarantined == WhenQuarantined::Reject {
            return Err((Code::VatQuarantined, message));
        }
        if seat.messages >= row.mailbox_max {
            return Err((Code::MailboxFull, message));
        }
        let id = self.insert(Queue::Inbox(vat), Item::Message(message));
        let seat = self.seat(vat);
        seat.inbox.insert(id);
        seat.messages += 1;
        self.make_ready(vat);
        Ok(())
    }

    /// Puts a notice at the end of a vat's inbox. Notices are exempt from the mailbox limit: what they name bounds them.
    pub(crate) fn enqueue_notice(&mut self, vat: VatId, item: Item) {
        let settled = match item {
            Item::Settled { token, .. } => Some(token),
            Item::Message(_) | Item::Dropped(_) => None,
        };
        let id = self.insert(Queue::Inbox(vat), item);
        let seat = self.seat(vat);
        seat.inbox.insert(id);
        if let Some(token) = settled {
            seat.watches.insert(token, Watched::Notice(id));
        }
        self.make_ready(vat);
    }

    /// Puts a message on an unsettled promise.
    pub(crate) fn enqueue_at_promise(&mut self, promise: PromiseId, message: Message) -> Result<(), (Code, Message)> {
        if self.waiting.get(&promise).is_some_and(|queue| queue.len() >= PROMISE_QUEUE_MESSAGES_MAX) {
            return Err((Code::MailboxFull, message));
        }
        let id = self.insert(Queue::Promise(promise), Item::Message(message));
        self.waiting.entry(promise).or_default().insert(id);
        Ok(())
    }

    /// What waits on a promise that was forwarded waits at the end of its chain from now on; if that is too much, the last are refused.
    pub(crate) fn join_waiting(&mut self, promise: PromiseId, end: PromiseId) {
        let Some(mut moved) = self.waiting.remove(&promise) else { return };
        let mut at_end = self.waiting.remove(&end).unwrap_or_default();
        while at_end.len() + moved.len() > PROMISE_QUEUE_MESSAGES_MAX {
            let Some(last) = moved.pop_last() else { break };
            let (message, held) = self.take_message(last);
            self.answer(&message, Settlement::Failed(Code::MailboxFull));
            self.release_all(held);
        }
        if at_end.len() < moved.len() {
            std::mem::swap(&mut at_end, &mut moved);
        }
        at_end.extend(moved);
        self.waiting.insert(end, at_end);
    }

    /// Hands a message to the host: a durable row until it is answered (kernel-rules 21).
    pub(crate) fn enqueue_at_host(&mut self, message: Message) -> Result<(), (Code, Message)> {
        let waiting = self.at_host.entry(message.target).or_insert(0);
        if *waiting >= HOST_OBJECT_MESSAGES_MAX {
            return Err((Code::MailboxFull, message));
        }
        *waiting += 1;
        let id = self.insert(Queue::Host, Item::Message(message));
        self.call_host(id);
        Ok(())
    }

    fn insert(&mut self, queue: Queue, item: Item) -> MessageId {
        for kref in item.held() {
            self.hold(kref);
        }
        let id = self.new_message_id();
        if let Item::Message(message) = &item {
            self.enter_guarded(id, message);
        }
        self.queue.insert(id, Queued { queue, item });
        id
    }

    /// Enters a message under the caretakers that it has passed.
    pub(crate) fn enter_guarded(&mut self, id: MessageId, message: &Message) {
        for caretaker in &message.through {
            self.guarded.entry(*caretaker).or_default().insert(id);
        }
    }

    fn leave_guarded(&mut self, id: MessageId, message: &Message) {
        for caretaker in &message.through {
            if let Entry::Occupied(mut entry) = self.guarded.entry(*caretaker) {
                entry.get_mut().remove(&id);
                if entry.get().is_empty() {
                    entry.remove();
                }
            }
        }
    }

    /// Takes an item out of its vat's inbox, with the references that the caller has to release.
    pub(crate) fn take_from_inbox(&mut self, vat: VatId, id: MessageId) -> (Item, Vec<Kref>) {
        let item = self.queue.remove(&id).expect("a queued id has a row").item;
        let seat = self.seat(vat);
        seat.inbox.remove(&id);
        match &item {
            Item::Message(message) => {
                seat.messages -= 1;
                self.leave_guarded(id, message);
            }
            Item::Dropped(object) => {
                self.notified.remove(object);
            }
            Item::Settled { .. } => {}
        }
        let held = item.held();
        (item, held)
    }

    /// Takes a message that waits on a promise or for the host, with the references that the caller has to release.
    pub(crate) fn take_message(&mut self, id: MessageId) -> (Message, Vec<Kref>) {
        let Queued { queue, item } = self.queue.remove(&id).expect("a queued id has a row");
        let held = item.held();
        match item {
            Item::Message(message) => {
                self.leave_guarded(id, &message);
                if queue == Queue::Host
                    && let Entry::Occupied(mut waiting) = self.at_host.entry(message.target)
                {
                    *waiting.get_mut() -= 1;
                    if *waiting.get() == 0 {
                        waiting.remove();
                    }
                }
                (message, held)
            }
            Item::Dropped(_) | Item::Settled { .. } => unreachable!("only messages wait there"),
        }
    }

    /// Lets the vat take part in the ring if it has something to do and may be served.
    pub(crate) fn make_ready(&mut self, vat: VatId) {
        let active = self.vats.get(&vat).is_some_and(|row| row.status == VatStatus::Active);
        let seat = self.seat(vat);
        if active && !seat.queued && seat.may_begin() {
            seat.queued = true;
            seat.turn = 0;
            self.ready.push_back(vat);
        }
    }

    /// After a crank: a vat goes on at once while its turn lasts, and then behind the others (kernel-rules 24).
    pub(crate) fn take_turn(&mut self, vat: VatId) {
        let Some(row) = self.vats.get(&vat).filter(|row| row.status == VatStatus::Active) else { return };
        let turns = row.turns;
        let seat = self.seat(vat);
        seat.turn += 1;
        if seat.turn < turns && !seat.queued && seat.may_begin() {
            seat.queued = true;
            self.ready.push_front(vat);
        } else {
            self.make_ready(vat);
        }
    }
}
