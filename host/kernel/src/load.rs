//! From rows to a kernel: what was stored is read, the rest is counted again, and every incarnation has ended (kernel-rules 5).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::clist::{Bound, Clists, Row};
use crate::crank::Lifetime;
use crate::id::{Kref, MessageId, ObjectId, PromiseId, Slot, VatId};
use crate::kernel::{Export, Kernel, Seat, WatchNo};
use crate::message::{Answer, Code};
use crate::promise::{End, Settlement};
use crate::rows::{Fate, Item, Object, Owner, Promise, Queue, Queued, State, Upgrade, VatStatus, Why};
use crate::table::Table;

/// Rows that contradict each other: the store is damaged, or was written by something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Corrupt(pub String);

impl Kernel {
    /// The kernel that the rows describe, at the beginning of a new boot: no vat has a heap, what only heaps held is released,
    /// connections are gone. Messages that the host had not answered are still there ([`Kernel::unanswered_calls`]).
    ///
    /// # Errors
    /// If the rows contradict each other, with the first row that does.
    pub fn load(state: State) -> Result<Kernel, Corrupt> {
        let damaged = state.damaged.clone();
        let mut kernel = Kernel::from_rows(state)?;
        kernel.counts = kernel.recount();
        kernel.check_targets()?;
        kernel.check_chains()?;
        kernel.gather_waiting()?;
        damaged.into_iter().for_each(|id| kernel.set_damaged_aside(id));
        kernel.counters.boot += 1;
        kernel.counters_moved = true;
        kernel.end_last_boot();
        kernel.audit().map_err(|discrepancy| Corrupt(discrepancy.0))?;
        Ok(kernel)
    }

    /// An empty kernel, which has never been booted.
    pub fn empty() -> Kernel {
        Kernel::load(State::default()).expect("no rows contradict each other")
    }

    fn from_rows(state: State) -> Result<Kernel, Corrupt> {
        let mut seats: BTreeMap<VatId, Seat> = BTreeMap::new();
        for (vat, _) in &state.vats {
            seats.insert(*vat, Seat::new());
        }
        let mut kept: BTreeMap<(VatId, Slot), u64> = BTreeMap::new();
        for ((vat, _), slots) in &state.holdings {
            slots.iter().for_each(|slot| *kept.entry((*vat, *slot)).or_insert(0) += 1);
        }
        for (vat, row) in &state.vats {
            row.grants.iter().for_each(|(_, slot)| *kept.entry((*vat, *slot)).or_insert(0) += 1);
        }
        let to_be_dropped: BTreeSet<ObjectId> = state.queue.iter().filter_map(|(_, queued)| dropped(queued)).collect();
        let still_bound = |id: &ObjectId, row: &Object| is_still_bound(row, to_be_dropped.contains(id));
        let bound = state.objects.iter().filter(|(id, row)| still_bound(id, row));
        let bound: BTreeMap<ObjectId, &Object> = bound.map(|(id, row)| (*id, row)).collect();
        let mut clist = Vec::new();
        for ((vat, slot), listed) in &state.clist {
            let seat =
                seats.get_mut(vat).ok_or_else(|| Corrupt(format!("{slot} belongs to {vat}, which is not there")))?;
            let kref = listed.kref;
            let bound = match kref {
                Kref::Object(id) => bind(seat, *vat, *slot, kref, bound.get(&id).copied()),
                Kref::Promise(_) | Kref::Resolver(_) => Bound::No,
            };
            let kept = kept.remove(&(*vat, *slot)).unwrap_or(0);
            clist.push(((*vat, *slot), Row { kref, handle: false, kept, bound, origin: listed.origin.clone() }));
        }
        if let Some(((vat, slot), _)) = kept.first_key_value() {
            return Err(Corrupt(format!("{vat} keeps {slot}, which its c-list does not have")));
        }
        let mut kernel = Kernel::with_tables(state, Clists::new(clist), seats);
        kernel.fill_queues()?;
        Ok(kernel)
    }

    fn with_tables(state: State, clists: Clists, seats: BTreeMap<VatId, Seat>) -> Kernel {
        Kernel {
            counters: state.counters,
            counters_moved: false,
            subclusters: Table::new(state.subclusters),
            vats: Table::new(state.vats),
            progress: Table::new(state.progress),
            objects: Table::new(state.objects),
            promises: Table::new(state.promises),
            clists,
            queue: Table::with_stored(state.queue, |queued| !matches!(queued.item, Item::Settled { .. })),
            holds: Table::new(state.holds),
            suspicions: Table::new(state.suspicions),
            dead_letters: Table::new(state.dead_letters),
            store: BTreeMap::new(),
            holdings: state.holdings.into_iter().collect(),
            forgotten: Vec::new(),
            now_ms: 0,
            counts: BTreeMap::new(),
            zeros: BTreeMap::new(),
            loss: Code::ResolverDropped,
            work: VecDeque::new(),
            settler: None,
            seats,
            ready: VecDeque::new(),
            at_host: BTreeMap::new(),
            waiting: BTreeMap::new(),
            watchers: BTreeMap::new(),
            next_watch: WatchNo(0),
            guarded: BTreeMap::new(),
            flying: BTreeMap::new(),
            endings: BTreeSet::new(),
            notified: BTreeSet::new(),
            host_handles: BTreeSet::new(),
            lent: VecDeque::new(),
            next_ask: 1,
            next_crank: 1,
            promises_at_sweep: 0,
            outputs: Vec::new(),
        }
    }

    fn fill_queues(&mut self) -> Result<(), Corrupt> {
        for (&id, queued) in self.queue.iter() {
            match queued.queue {
                Queue::Inbox(vat) => {
                    let seat = self.seats.get_mut(&vat);
                    let seat = seat.ok_or_else(|| Corrupt(format!("{id} waits for {vat}, which is not there")))?;
                    seat.inbox.insert(id);
                    seat.messages += u64::from(matches!(queued.item, Item::Message(_)));
                }
                // What waits on promises is gathered at the ends of their chains, when those can be followed.
                Queue::Promise(_) => {}
                Queue::Host => {
                    if let Item::Message(message) = &queued.item {
                        *self.at_host.entry(message.target).or_insert(0) += 1;
                    }
                }
            }
            match &queued.item {
                Item::Message(message) => {
                    for caretaker in &message.through {
                        self.guarded.entry(*caretaker).or_default().insert(id);
                    }
                }
                Item::Dropped(object) => {
                    self.notified.insert(*object);
                }
                Item::Settled { .. } => {}
            }
        }
        let ending = self.vats.iter().filter(|(_, row)| row.status == VatStatus::Ending);
        self.endings = ending.map(|(vat, _)| *vat).collect();
        for (vat, seat) in &mut self.seats {
            let progress = self.progress.get(vat).ok_or_else(|| Corrupt(format!("{vat} has no progress")))?;
            // The first start makes a vat what it is: it is owed since its launch.
            seat.woken = progress.incarnation == 0;
        }
        Ok(())
    }

    /// No chain of forwards leads back into itself: whoever follows one comes to its end. The kernel breaks such a promise instead of
    /// making it (kernel-rules 10), so only a damaged store can hold one.
    fn check_chains(&self) -> Result<(), Corrupt> {
        let mut ends: BTreeSet<PromiseId> = BTreeSet::new();
        for (&first, _) in self.promises.iter() {
            let mut way = BTreeSet::new();
            let mut at = first;
            while !ends.contains(&at) {
                if !way.insert(at) {
                    return Err(Corrupt(format!("{first} is forwarded in a circle through {at}")));
                }
                match self.promises.get(&at) {
                    Some(Promise::Settled(Answer::Forward(Kref::Promise(next)))) => at = *next,
                    Some(Promise::Settled(_) | Promise::Unsettled { .. } | Promise::Failed(_)) | None => break,
                }
            }
            ends.append(&mut way);
        }
        Ok(())
    }

    /// Every reference that anything holds has a row, except resolvers, which may be spent.
    fn check_targets(&self) -> Result<(), Corrupt> {
        for kref in self.counts.keys() {
            let exists = match kref {
                Kref::Object(object) => self.objects.get(object).is_some(),
                Kref::Promise(promise) => self.promises.get(promise).is_some(),
                Kref::Resolver(_) => true,
            };
            if !exists {
                return Err(Corrupt(format!("{kref} is held and has no row")));
            }
        }
        Ok(())
    }

    fn gather_waiting(&mut self) -> Result<(), Corrupt> {
        let on_promises = self.queue.iter().filter_map(|(&id, queued)| match queued.queue {
            Queue::Promise(promise) => Some((id, promise)),
            Queue::Inbox(_) | Queue::Host => None,
        });
        for (id, promise) in on_promises.collect::<Vec<_>>() {
            let End::Unsettled(end) = self.end_of(promise) else {
                return Err(Corrupt(format!("{id} waits on {promise}, which is settled")));
            };
            self.waiting.entry(end).or_default().insert(id);
        }
        Ok(())
    }

    /// Nobody is told what a damaged message says. Whoever waits for its answer hears that there will be none.
    fn set_damaged_aside(&mut self, id: MessageId) {
        let Some(Queued { queue, item: Item::Message(_) }) = self.queue.get(&id) else { return };
        let (message, held) = match *queue {
            Queue::Inbox(vat) => match self.take_from_inbox(vat, id) {
                (Item::Message(message), held) => {
                    self.bury(id, vat, &message, Why::Damaged);
                    (message, held)
                }
                (Item::Dropped(_) | Item::Settled { .. }, _) => unreachable!("it was a message just now"),
            },
            Queue::Promise(promise) => {
                self.leave_waiting(promise, id);
                self.take_message(id)
            }
            Queue::Host => self.take_message(id),
        };
        self.answer(&message, Settlement::Failed(Code::ResolverDropped));
        self.release_all(held);
    }

    /// All objects gone first, then everything that nobody holds: at boot every incarnation has ended at once.
    fn end_last_boot(&mut self) {
        self.loss = Code::IncarnationLost;
        let rows: Vec<_> = self.objects.iter().map(|(id, row)| (*id, row.clone())).collect();
        for (object, row) in &rows {
            if let Some(code) = lost_at_boot(row) {
                self.lose_object(*object, code);
            }
        }
        // Of a heap that is gone its vat need not hear, not even of what was revoked before.
        let of_a_heap =
            |row: &Object| matches!(&row.owner, Owner::Vat(_, exposed) if exposed.lifetime == Lifetime::Incarnation);
        let gone: BTreeSet<_> = rows.iter().filter(|(_, row)| of_a_heap(row)).map(|(object, _)| *object).collect();
        for vat in self.seats.keys().copied().collect::<Vec<_>>() {
            self.answer_queued(vat, Code::IncarnationLost, |item| match item {
                Item::Dropped(object) => gone.contains(object),
                Item::Message(_) | Item::Settled { .. } => false,
            });
            // Also what was being delivered when the host died, and was revoked meanwhile.
            self.answer_undeliverable(vat);
            // The last boot may have ended between a launch or an upgrade and the start that was to follow, which is owed.
            let on_trial = self.vats.get(&vat).is_some_and(|row| matches!(row.upgrade, Upgrade::Trial { .. }));
            let never_started = self.progress.get(&vat).is_some_and(|progress| progress.incarnation == 0);
            self.seat(vat).woken = never_started || on_trial;
            self.make_ready(vat);
        }
        let promises = self.promises.iter().map(|(id, _)| *id).collect::<Vec<_>>();
        for promise in promises {
            self.zeros.insert(Kref::Promise(promise), Code::IncarnationLost);
            if self.count(Kref::Resolver(promise)) == 0 {
                self.zeros.insert(Kref::Resolver(promise), Code::IncarnationLost);
            }
        }
        for (object, _) in rows {
            self.zeros.insert(Kref::Object(object), Code::IncarnationLost);
        }
        self.settle_down();
        self.loss = Code::ResolverDropped;
        self.sweep();
    }
}

/// Enters a durable object of the vat's own in its table of exports.
fn bind(seat: &mut Seat, vat: VatId, slot: Slot, kref: Kref, object: Option<&Object>) -> Bound {
    let (Kref::Object(id), Some(Object { owner: Owner::Vat(owner, exposed), .. })) = (kref, object) else {
        return Bound::No;
    };
    if *owner != vat || exposed.lifetime != Lifetime::Durable {
        return Bound::No;
    }
    seat.exports.insert(exposed.object, Export { object: id, slot, lifetime: exposed.lifetime });
    Bound::Durable
}

fn dropped(queued: &Queued) -> Option<ObjectId> {
    match queued.item {
        Item::Dropped(object) => Some(object),
        Item::Message(_) | Item::Settled { .. } => None,
    }
}

/// Whether the vat's own number for a durable object still means it: a revoked one is bound until its vat has heard `dropped`, which a
/// root never does; one of a vat that is ending is not, though the vat's store may still hold it.
fn is_still_bound(row: &Object, to_be_dropped: bool) -> bool {
    let Owner::Vat(_, exposed) = row.owner else { return false };
    match row.fate {
        Fate::Live => true,
        Fate::Lost(Code::ObjectRevoked) => exposed.object == 0 || to_be_dropped,
        Fate::Lost(_) => false,
    }
}

fn lost_at_boot(row: &Object) -> Option<Code> {
    match (&row.owner, row.fate) {
        (_, Fate::Lost(_)) | (Owner::Host(_), Fate::Live) => None,
        (Owner::HostWhileHeld(_) | Owner::Caretaker { .. } | Owner::Revoker(_), Fate::Live) => None,
        (Owner::HostUntilBoot(_), Fate::Live) => Some(Code::ObjectGone),
        (Owner::Vat(_, exposed), Fate::Live) => {
            (exposed.lifetime == Lifetime::Incarnation).then_some(Code::IncarnationLost)
        }
    }
}
