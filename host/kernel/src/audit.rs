//! Counts everything again from scratch and compares. After any public act it must agree.

use std::collections::{BTreeMap, BTreeSet};

use crate::drop::{held_by, held_by_object};
use crate::id::{Kref, MessageId, ObjectId, Slot, VatId};
use crate::kernel::{Kernel, Seat, Watched};
use crate::origin::How;
use crate::rows::{Item, Message, Object, Owner, Promise, Queue, VatStatus};

/// Something that the kernel's own rules exclude: a bug of the kernel or a damaged store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Discrepancy(pub String);

impl Kernel {
    /// Compares every count, index and queue with the rows they follow from.
    ///
    /// # Errors
    /// The first thing that does not agree.
    pub fn audit(&self) -> Result<(), Discrepancy> {
        let recount = self.recount();
        for (kref, count) in recount.iter().chain(&self.counts) {
            let (live, counted) = (self.count(*kref), recount.get(kref).copied().unwrap_or(0));
            if live != counted {
                return Err(Discrepancy(format!("{kref} has {counted} holders and a count of {live} ({count})")));
            }
        }
        self.audit_clists()?;
        self.audit_origins()?;
        self.audit_queues()?;
        self.audit_promises()?;
        self.audit_guarded()?;
        if let Some(work) = self.work.front() {
            return Err(Discrepancy(format!("{} was not settled before the act ended", work.promise)));
        }
        Ok(())
    }

    pub(crate) fn recount(&self) -> BTreeMap<Kref, u64> {
        let mut counts = BTreeMap::new();
        let mut hold = |kref: Kref| *counts.entry(kref).or_insert(0) += 1;
        self.clists.iter().filter(|(_, _, row)| row.is_held()).for_each(|(_, _, row)| hold(row.kref));
        self.queue.iter().flat_map(|(_, queued)| queued.item.held()).for_each(&mut hold);
        for (_, row) in self.promises.iter() {
            match row {
                Promise::Unsettled { listeners } => listeners.iter().copied().for_each(&mut hold),
                Promise::Settled(answer) => held_by(answer).into_iter().for_each(&mut hold),
                Promise::Failed(_) => {}
            }
        }
        self.watchers.values().flat_map(|all| all.values()).for_each(|watch| hold(Kref::Promise(watch.held)));
        self.holds.iter().for_each(|(_, kref)| hold(*kref));
        self.objects.iter().filter_map(|(_, row)| held_by_object(row)).for_each(&mut hold);
        self.host_handles.iter().for_each(|object| hold(Kref::Object(*object)));
        self.lent.iter().copied().for_each(&mut hold);
        counts
    }

    fn audit_clists(&self) -> Result<(), Discrepancy> {
        if !self.clists.is_consistent() {
            return Err(Discrepancy("the two directions of a c-list differ".to_owned()));
        }
        let mut kept: BTreeMap<_, u64> = BTreeMap::new();
        for ((vat, _), slots) in &self.holdings {
            slots.iter().for_each(|slot| *kept.entry((*vat, *slot)).or_insert(0) += 1);
        }
        for (vat, row) in self.vats.iter() {
            row.grants.iter().for_each(|(_, slot)| *kept.entry((*vat, *slot)).or_insert(0) += 1);
        }
        for (vat, slot, row) in self.clists.iter() {
            let counted = kept.remove(&(vat, slot)).unwrap_or(0);
            if counted != row.kept {
                return Err(Discrepancy(format!("{vat} keeps {slot} {counted} times, its row says {}", row.kept)));
            }
        }
        match kept.first_key_value() {
            Some(((vat, slot), _)) => Err(Discrepancy(format!("{vat} keeps {slot}, which its c-list does not have"))),
            None => Ok(()),
        }
    }

    /// What is remembered of how references came fits what they are.
    fn audit_origins(&self) -> Result<(), Discrepancy> {
        for (vat, slot, row) in self.clists.iter() {
            let Some(origin) = &row.origin else { continue };
            let object = match row.kref {
                Kref::Object(object) => self.objects.get(&object).map(|row| &row.owner),
                Kref::Promise(_) | Kref::Resolver(_) => None,
            };
            let fits = match &origin.how {
                How::Granted(name) => self.endings.contains(&vat) || self.is_granted(vat, name, slot),
                How::Exposed => matches!(object, Some(Owner::Vat(owner, _)) if *owner == vat),
                How::Made => matches!(object, None | Some(Owner::Caretaker { .. } | Owner::Revoker(_))),
                How::Asked { .. } => matches!(row.kref, Kref::Promise(_)),
                How::Sent { message, .. } => message.0 < self.counters.message,
                How::Answered { .. } => true,
            };
            if !fits || origin.since.boot > self.counters.boot {
                return Err(Discrepancy(format!("{vat} has {} at {slot}, which did not come by {origin:?}", row.kref)));
            }
        }
        Ok(())
    }

    fn is_granted(&self, vat: VatId, name: &str, slot: Slot) -> bool {
        let grants = self.vats.get(&vat).map(|row| &row.grants);
        grants.is_some_and(|grants| grants.iter().any(|(grant, at)| grant == name && *at == slot))
    }

    fn audit_queues(&self) -> Result<(), Discrepancy> {
        for (id, queued) in self.queue.iter() {
            let (is_there, suits) = match (queued.queue, &queued.item) {
                (Queue::Inbox(vat), item) => {
                    (self.seats.get(&vat).is_some_and(|seat| seat.inbox.contains(id)), self.is_for(vat, *id, item))
                }
                (Queue::Promise(promise), Item::Message(message)) => {
                    let end = self.unsettled_end(promise);
                    let waits = end.and_then(|end| self.waiting.get(&end)).is_some_and(|queue| queue.contains(id));
                    (waits, message.target == Kref::Promise(promise))
                }
                (Queue::Host, Item::Message(message)) => (true, matches!(message.target, Kref::Object(_))),
                (Queue::Promise(_) | Queue::Host, Item::Dropped(_) | Item::Settled { .. }) => (true, false),
            };
            if !is_there || !suits {
                return Err(Discrepancy(format!("{id} waits where it can't be delivered")));
            }
        }
        let inboxes: usize = self.seats.values().map(|seat| seat.inbox.len()).sum();
        let waiting: usize = self.waiting.values().map(|queue| queue.len()).sum();
        let at_host = self.queue.iter().filter(|(_, queued)| queued.queue == Queue::Host).count();
        if at_host as u64 != self.at_host.values().sum::<u64>() || self.at_host.values().any(|waiting| *waiting == 0) {
            return Err(Discrepancy(format!("{at_host} messages wait for the host, which is not what was counted")));
        }
        if inboxes + waiting + at_host != self.queue.len() {
            return Err(Discrepancy("something waits that has no row".to_owned()));
        }
        let notices = self.queue.iter().filter(|(_, queued)| matches!(queued.item, Item::Dropped(_))).count();
        if notices != self.notified.len() {
            return Err(Discrepancy(format!("{notices} notices of {} unheld objects", self.notified.len())));
        }
        let ring: BTreeSet<VatId> = self.ready.iter().copied().collect();
        if ring.len() != self.ready.len() {
            return Err(Discrepancy("a vat has two places in the ring of ready vats".to_owned()));
        }
        self.seats.iter().try_for_each(|(vat, seat)| self.audit_seat(*vat, seat, &ring))
    }

    fn audit_guarded(&self) -> Result<(), Discrepancy> {
        let mut guarded: BTreeMap<ObjectId, BTreeSet<MessageId>> = BTreeMap::new();
        for (id, queued) in self.queue.iter() {
            if let Item::Message(message) = &queued.item {
                for caretaker in &message.through {
                    guarded.entry(*caretaker).or_default().insert(*id);
                }
            }
        }
        if guarded != self.guarded {
            return Err(Discrepancy("what came through caretakers is not what is entered under them".to_owned()));
        }
        let ending = self.vats.iter().filter(|(_, row)| row.status == VatStatus::Ending).map(|(vat, _)| *vat);
        if !ending.eq(self.endings.iter().copied()) {
            return Err(Discrepancy("vats that have ended are not those whose rows are removed".to_owned()));
        }
        Ok(())
    }

    fn is_for(&self, vat: VatId, id: MessageId, item: &Item) -> bool {
        match item {
            Item::Message(message @ Message { target: Kref::Object(object), .. }) => {
                let owned = |row: &Object| matches!(row.owner, Owner::Vat(owner, _) if owner == vat);
                // What waits for an object that answers no more was answered when that came about, unless it had begun.
                let has_a_way = self.loss_on_the_way(message).is_none() || self.is_begun(vat, id);
                let has_a_way = has_a_way || self.endings.contains(&vat);
                self.objects.get(object).is_some_and(owned) && has_a_way
            }
            Item::Message(_) => false,
            Item::Dropped(object) => self.notified.contains(object),
            Item::Settled { .. } => true,
        }
    }

    fn audit_seat(&self, vat: VatId, seat: &Seat, ring: &BTreeSet<VatId>) -> Result<(), Discrepancy> {
        let is_message = |id: &&MessageId| matches!(self.queue.get(id).map(|row| &row.item), Some(Item::Message(_)));
        if seat.inbox.iter().filter(is_message).count() as u64 != seat.messages {
            return Err(Discrepancy(format!("{vat} does not have {} messages", seat.messages)));
        }
        let active = self.vats.get(&vat).is_some_and(|row| row.status == VatStatus::Active);
        let should_be_ready = active && seat.may_begin();
        // To be in the ring without work is harmless: a vat whose only notice was taken back is passed over at its turn.
        if ring.contains(&vat) != seat.queued || (should_be_ready && !seat.queued) {
            return Err(Discrepancy(format!("{vat} has something to do and no place in the ring, or the reverse")));
        }
        for (token, watched) in &seat.watches {
            let exists = match watched {
                Watched::Promise(promise, number) => {
                    let end = self.unsettled_end(*promise);
                    end.and_then(|end| self.watchers.get(&end)).is_some_and(|all| all.contains_key(number))
                }
                Watched::Notice(id) => seat.inbox.contains(id),
            };
            if !exists {
                return Err(Discrepancy(format!("{vat} watches with token {token} what is not there")));
            }
        }
        Ok(())
    }

    fn audit_promises(&self) -> Result<(), Discrepancy> {
        for (&promise, row) in self.promises.iter() {
            let resolvable = self.count(Kref::Resolver(promise)) > 0;
            let held = self.count(Kref::Promise(promise)) > 0;
            let stays = match row {
                Promise::Unsettled { .. } => resolvable,
                Promise::Settled(_) | Promise::Failed(_) => held,
            };
            if !stays {
                return Err(Discrepancy(format!("{promise} has a row that nothing keeps")));
            }
        }
        for (&object, row) in self.objects.iter() {
            if self.count(Kref::Object(object)) > 0 || self.stays_unheld(object, row) {
                continue;
            }
            let Owner::Vat(vat, exposed) = row.owner else {
                return Err(Discrepancy(format!("{object} has a row that nothing keeps")));
            };
            let bound = self.is_bound(vat, exposed.object, object);
            if !bound || !self.notified.contains(&object) {
                return Err(Discrepancy(format!("{object} has a row that nothing keeps")));
            }
        }
        Ok(())
    }
}
