//! The kernel's whole state, and the three primitive acts on it: counting a holder, giving out a number, handing over a commit.
//!
//! What is stored lives in journaled tables; the rest follows from them and is rebuilt at load.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crate::clist::Clists;
use crate::crank::{Company, Lifetime};
use crate::host::{AskId, Output};
use crate::id::{CrankId, Kref, MessageId, ObjectId, PromiseId, Slot, SubclusterId, VatId};
use crate::message::{Code, Payload};
use crate::promise::Work;
use crate::rows::{
    Change, Commit, Counters, DeadLetter, Item, Message, Object, Progress, Promise, Queued, Sender, Subcluster,
    Suspicion, Vat,
};
use crate::table::Table;

/// The rules of the host, and everything they are applied to. See the crate's page for how it is driven.
#[derive(Debug, Clone)]
pub struct Kernel {
    pub(crate) counters: Counters,
    pub(crate) counters_moved: bool,
    pub(crate) subclusters: Table<SubclusterId, Subcluster>,
    pub(crate) vats: Table<VatId, Vat>,
    pub(crate) progress: Table<VatId, Progress>,
    pub(crate) objects: Table<ObjectId, Object>,
    pub(crate) promises: Table<PromiseId, Promise>,
    pub(crate) clists: Clists,
    pub(crate) queue: Table<MessageId, Queued>,
    pub(crate) holds: Table<ObjectId, Kref>,
    pub(crate) suspicions: Table<VatId, Suspicion>,
    pub(crate) dead_letters: Table<MessageId, DeadLetter>,
    /// Writes to the vats' stores since the last commit, and which slots each entry mentions.
    pub(crate) store: BTreeMap<(VatId, Vec<u8>), Option<Payload<Slot>>>,
    pub(crate) holdings: BTreeMap<(VatId, Vec<u8>), Vec<Slot>>,
    pub(crate) forgotten: Vec<VatId>,

    // From here on nothing is stored.
    /// The time of day as the host told it last, in milliseconds since 1970.
    pub(crate) now_ms: u64,
    /// How many hold each reference. No entry: nobody.
    pub(crate) counts: BTreeMap<Kref, u64>,
    /// References whose last holder has gone, and how. Acted on when all else of a crank is done (kernel-rules 2).
    pub(crate) zeros: BTreeMap<Kref, Code>,
    /// Why holders go at present.
    pub(crate) loss: Code,
    /// Settlements still to be carried out, first in, first out: never recursion (kernel-rules 3).
    pub(crate) work: VecDeque<Work>,
    /// Who settled the promise whose settlement is being carried out, if it was somebody.
    pub(crate) settler: Option<Sender>,
    pub(crate) seats: BTreeMap<VatId, Seat>,
    /// Vats with something to do, next one first. One that is not served any more is passed over at its turn.
    pub(crate) ready: VecDeque<VatId>,
    /// Messages that wait for the host's answer, by the host object.
    pub(crate) at_host: BTreeMap<Kref, u64>,
    /// What waits at the end of each chain of promises, in the order in which it was sent: also what was sent to promises on the way.
    pub(crate) waiting: BTreeMap<PromiseId, BTreeSet<MessageId>>,
    /// Who waits to be told of the end of a chain, in the order in which they asked.
    pub(crate) watchers: BTreeMap<PromiseId, BTreeMap<WatchNo, Watch>>,
    pub(crate) next_watch: WatchNo,
    /// What waits and has passed a caretaker, by the caretaker.
    pub(crate) guarded: BTreeMap<ObjectId, BTreeSet<MessageId>>,
    /// Deliveries that were handed out and have not come back, also those that mean nothing any more.
    pub(crate) flying: BTreeMap<CrankId, Company>,
    /// Vats whose rows are being removed.
    pub(crate) endings: BTreeSet<VatId>,
    /// Objects for which a `dropped` notice is in an inbox.
    pub(crate) notified: BTreeSet<ObjectId>,
    /// References that the host holds in memory: connections, and what it lately showed to people.
    pub(crate) host_handles: BTreeSet<ObjectId>,
    pub(crate) lent: VecDeque<Kref>,
    pub(crate) next_ask: u64,
    pub(crate) next_crank: u64,
    pub(crate) promises_at_sweep: usize,
    pub(crate) outputs: Vec<Output>,
}

/// What the kernel knows of a vat beside its rows.
#[derive(Debug, Clone)]
pub(crate) struct Seat {
    /// Whether there is a heap.
    pub(crate) heap: Heap,
    /// The delivery that is under way.
    pub(crate) crank: Option<Arc<Begun>>,
    /// Messages and notices, next one first: ids rise within a queue.
    pub(crate) inbox: BTreeSet<MessageId>,
    /// How many of them are messages: notices are not limited (kernel-rules 19).
    pub(crate) messages: u64,
    /// Whether the vat is in the ring of ready vats.
    pub(crate) queued: bool,
    /// Whether it is to have a heap even if nothing waits for it.
    pub(crate) woken: bool,
    /// What it watches, by token. The reference is held once for each.
    pub(crate) watches: BTreeMap<u64, Watched>,
    /// Its objects by its own numbers.
    pub(crate) exports: BTreeMap<u64, Export>,
    pub(crate) pinned: bool,
    pub(crate) traps: Traps,
    /// Whether it waits a while after traps, until the host says that it has.
    pub(crate) rest: Rest,
    /// Cranks that it had since its turn came.
    pub(crate) turn: u32,
}

/// Whether a vat waits a while after traps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rest {
    None,
    UntilTold,
}

/// Traps since a delivery other than `start` was last finished (kernel-rules 18).
#[derive(Debug, Clone, Default)]
pub(crate) struct Traps {
    /// Whose messages trapped. What a vat sent to itself is nobody else's trouble.
    pub(crate) senders: BTreeSet<Sender>,
    /// How many messages that were.
    pub(crate) messages: u32,
    /// How often the notice at the head of the inbox trapped: it stays there, so nothing behind it is ever served.
    pub(crate) notices: u32,
    /// All of them.
    pub(crate) in_a_row: u32,
}

/// When a watch was begun, among all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WatchNo(pub(crate) u64);

/// Whether a vat has a heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heap {
    /// No: the next delivery is a `start`.
    Absent,
    /// Yes.
    Live,
}

/// An object as its vat's table of exports has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Export {
    pub(crate) object: ObjectId,
    pub(crate) slot: Slot,
    pub(crate) lifetime: Lifetime,
}

/// A watch: the promise still to end, or the notice that it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watched {
    Promise(PromiseId, WatchNo),
    Notice(MessageId),
}

/// Somebody who waits for the end of a chain, and the promise on the chain that is held for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Watch {
    pub(crate) watcher: Watcher,
    pub(crate) held: PromiseId,
}

/// Who is told of a promise's end beside its listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watcher {
    Vat(VatId, u64),
    Host(AskId),
}

/// A delivery that is under way.
#[derive(Debug, Clone)]
pub(crate) struct Begun {
    pub(crate) id: CrankId,
    pub(crate) kind: BegunKind,
    /// References that the delivery names, each with its slot, in the order of the slots that were new.
    pub(crate) delivered: Vec<Delivered>,
    pub(crate) next_slot: Slot,
}

/// One reference that a delivery names.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Delivered {
    pub(crate) slot: Slot,
    pub(crate) kref: Kref,
    /// Of a promise that ended with it: who settled that.
    pub(crate) settler: Option<Sender>,
}

/// What is being delivered.
#[derive(Debug, Clone)]
pub(crate) enum BegunKind {
    Start,
    Message(MessageId),
    /// Notices and their tokens.
    Settled(Vec<(MessageId, u64)>),
    /// Notices and the vat's own numbers of the objects.
    Dropped(Vec<(MessageId, u64)>),
}

impl Seat {
    /// Whether there is something to deliver.
    pub(crate) fn has_work(&self) -> bool {
        !self.inbox.is_empty() || (self.woken && self.heap == Heap::Absent)
    }

    /// Whether its next delivery may begin.
    pub(crate) fn may_begin(&self) -> bool {
        self.crank.is_none() && self.rest == Rest::None && self.has_work()
    }

    pub(crate) fn new() -> Seat {
        Seat {
            heap: Heap::Absent,
            crank: None,
            inbox: BTreeSet::new(),
            messages: 0,
            queued: false,
            woken: false,
            watches: BTreeMap::new(),
            exports: BTreeMap::new(),
            pinned: false,
            traps: Traps::default(),
            rest: Rest::None,
            turn: 0,
        }
    }
}

impl Kernel {
    /// All rows that changed since the last call, each once. They must become durable together, and before anything of
    /// [`Kernel::take_outputs`] that was taken with them is let out.
    pub fn take_commit(&mut self) -> Commit {
        let counters = std::mem::take(&mut self.counters_moved).then_some(self.counters);
        let store = std::mem::take(&mut self.store);
        Commit {
            counters,
            subclusters: self.subclusters.commit(Subcluster::clone),
            vats: self.vats.commit(Vat::clone),
            progress: self.progress.commit(|progress| *progress),
            objects: self.objects.commit(Object::clone),
            promises: self.promises.commit(Promise::clone),
            clist: self.clists.commit(),
            queue: self.queue.commit(Queued::clone),
            holds: self.holds.commit(|kref| *kref),
            suspicions: self.suspicions.commit(|suspicion| *suspicion),
            dead_letters: self.dead_letters.commit(DeadLetter::clone),
            forgotten: std::mem::take(&mut self.forgotten),
            store: store.into_iter().map(|(key, value)| Change { key, value }).collect(),
        }
    }

    /// What the host may do and say once the commit that was taken with it is durable, in order.
    pub fn take_outputs(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    /// One more holds `kref`.
    pub(crate) fn hold(&mut self, kref: Kref) {
        *self.counts.entry(kref).or_insert(0) += 1;
    }

    /// One less holds `kref`.
    ///
    /// # Panics
    /// If nobody held it: a bug of the kernel, and no reason to go on.
    pub(crate) fn release(&mut self, kref: Kref) {
        let count = self.counts.get_mut(&kref).expect("a released reference is held");
        *count -= 1;
        if *count == 0 {
            self.counts.remove(&kref);
            self.zeros.insert(kref, self.loss);
        }
    }

    pub(crate) fn release_all(&mut self, krefs: impl IntoIterator<Item = Kref>) {
        for kref in krefs {
            self.release(kref);
        }
    }

    pub(crate) fn count(&self, kref: Kref) -> u64 {
        self.counts.get(&kref).copied().unwrap_or(0)
    }

    pub(crate) fn new_object(&mut self, object: Object) -> ObjectId {
        let id = ObjectId(self.take_number(|counters| &mut counters.object));
        self.objects.insert(id, object);
        // Nobody holds it yet: if that is still so in the end, it is dropped.
        self.zeros.insert(Kref::Object(id), Code::ObjectGone);
        id
    }

    pub(crate) fn new_promise(&mut self) -> PromiseId {
        let id = PromiseId(self.take_number(|counters| &mut counters.promise));
        self.promises.insert(id, Promise::Unsettled { listeners: Vec::new() });
        self.zeros.insert(Kref::Resolver(id), Code::ResolverDropped);
        id
    }

    pub(crate) fn new_message_id(&mut self) -> MessageId {
        MessageId(self.take_number(|counters| &mut counters.message))
    }

    pub(crate) fn take_number(&mut self, kind: impl FnOnce(&mut Counters) -> &mut u64) -> u64 {
        self.counters_moved = true;
        let next = kind(&mut self.counters);
        let number = *next;
        *next += 1;
        number
    }

    pub(crate) fn seat(&mut self, vat: VatId) -> &mut Seat {
        self.seats.get_mut(&vat).expect("a living vat has a seat")
    }
}

impl Message {
    /// Who gave its receiver what it brings.
    pub(crate) fn giver(&self) -> Sender {
        self.settler.unwrap_or(self.sender)
    }
}

impl Item {
    /// Every reference that the item holds while it waits.
    pub(crate) fn held(&self) -> Vec<Kref> {
        match self {
            Item::Message(message) => {
                let mut krefs = vec![message.target];
                krefs.extend(message.through.iter().copied().map(Kref::Object));
                krefs.extend(&message.args.caps);
                krefs.extend(message.answer.map(Kref::Resolver));
                krefs
            }
            // The notice that nobody holds an object holds nothing itself (kernel-rules 11).
            Item::Dropped(_) => Vec::new(),
            Item::Settled { promise, .. } => vec![*promise],
        }
    }
}
