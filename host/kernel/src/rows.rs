//! What the kernel remembers, as rows: what a store keeps, and what [`crate::Kernel::load`] starts from.
//!
//! Counts of references, handles, watches and every reverse index are not here: they follow from these rows.

use std::sync::Arc;

use crate::crank::Exposed;
use crate::id::{Kref, MessageId, ObjectId, PromiseId, Slot, SubclusterId, VatId};
use crate::message::{Answer, Body, Code, Payload};
use crate::origin::Origin;

/// The rows that changed since the last commit, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Commit {
    /// The counters, if one moved.
    pub counters: Option<Counters>,
    /// Subclusters.
    pub subclusters: Vec<Change<SubclusterId, Subcluster>>,
    /// Vats: what seldom changes.
    pub vats: Vec<Change<VatId, Vat>>,
    /// Vats: what a crank changes.
    pub progress: Vec<Change<VatId, Progress>>,
    /// Objects.
    pub objects: Vec<Change<ObjectId, Object>>,
    /// Promises.
    pub promises: Vec<Change<PromiseId, Promise>>,
    /// The durable part of the c-lists: what a vat's store or grants hold, and its own durable objects.
    pub clist: Vec<Change<(VatId, Slot), ClistRow>>,
    /// Messages and notices that wait for somebody.
    pub queue: Vec<Change<MessageId, Queued>>,
    /// References that host objects keep, by the host object.
    pub holds: Vec<Change<ObjectId, Kref>>,
    /// Vats whose deliveries may have killed the process.
    pub suspicions: Vec<Change<VatId, Suspicion>>,
    /// Messages that will never be delivered.
    pub dead_letters: Vec<Change<MessageId, DeadLetter>>,
    /// Vats whose whole store is to be removed, before `store` is written.
    pub forgotten: Vec<VatId>,
    /// The vats' own stores.
    pub store: Vec<Change<StoreKey, Payload<Slot>>>,
}

/// An entry of a vat's own store.
pub type StoreKey = (VatId, Vec<u8>);

impl Commit {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        *self == Commit::default()
    }
}

/// A row that was written, or removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<K, V> {
    /// Which row.
    pub key: K,
    /// What it is now; `None` where it is gone.
    pub value: Option<V>,
}

/// All rows: the last commit, read back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The counters.
    pub counters: Counters,
    /// Subclusters.
    pub subclusters: Vec<(SubclusterId, Subcluster)>,
    /// Vats.
    pub vats: Vec<(VatId, Vat)>,
    /// How far each vat has come.
    pub progress: Vec<(VatId, Progress)>,
    /// Objects.
    pub objects: Vec<(ObjectId, Object)>,
    /// Promises.
    pub promises: Vec<(PromiseId, Promise)>,
    /// Durable c-list rows.
    pub clist: Vec<((VatId, Slot), ClistRow)>,
    /// Messages and notices, by id.
    pub queue: Vec<(MessageId, Queued)>,
    /// Messages in `queue` whose bodies are not what was written. None of them is ever delivered.
    pub damaged: Vec<MessageId>,
    /// References that host objects keep.
    pub holds: Vec<(ObjectId, Kref)>,
    /// Vats whose deliveries may have killed the process.
    pub suspicions: Vec<(VatId, Suspicion)>,
    /// Messages that will never be delivered.
    pub dead_letters: Vec<(MessageId, DeadLetter)>,
    /// The slots that each entry of a vat's store mentions; only entries that mention any. The bodies stay in the store.
    pub holdings: Vec<(StoreKey, Vec<Slot>)>,
}

/// The next number of each kind. No number is given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    /// For subclusters.
    pub subcluster: u64,
    /// For vats.
    pub vat: u64,
    /// For objects.
    pub object: u64,
    /// For promises.
    pub promise: u64,
    /// For messages and notices.
    pub message: u64,
    /// How often this store was loaded to be run.
    pub boot: u64,
}

impl Default for Counters {
    fn default() -> Counters {
        Counters { subcluster: 1, vat: 1, object: 1, promise: 1, message: 1, boot: 0 }
    }
}

/// A group of vats that were declared and launched together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subcluster {
    /// Unique among the living.
    pub name: String,
    /// The vat whose root object answers for the subcluster.
    pub bootstrap: VatId,
    /// The declaration as the host reads it; opaque here.
    pub declaration: Body,
}

/// A vat: what was decided at its launch, and whether it is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vat {
    /// Where it belongs.
    pub subcluster: SubclusterId,
    /// Unique in its subcluster.
    pub name: String,
    /// Its code as the host finds it; opaque here.
    pub code: Body,
    /// What is kept of the code before.
    pub upgrade: Upgrade,
    /// Handed to `start`; opaque here.
    pub parameters: Body,
    /// Channels, services and peers by name; each slot is kept as long as the vat lives.
    pub grants: Vec<(String, Slot)>,
    /// The most messages that wait for it; one more is refused with `mailbox-full`.
    pub mailbox_max: u64,
    /// The most references that it holds; a message that brings more is answered with `too-large`, a crank that makes more traps.
    pub references_max: u64,
    /// The most cranks in a row that it gets while others wait; at least 1.
    pub turns: u32,
    /// What happens to messages while it is quarantined.
    pub when_quarantined: WhenQuarantined,
    /// Whether it is served.
    pub status: VatStatus,
}

/// The code that a vat had before its present one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upgrade {
    /// There is none.
    None,
    /// The present code has yet to start; should that fail, this takes its place again.
    Trial {
        /// As in [`Vat::code`].
        before: Body,
    },
    /// The present code started well; this is kept for a rollback.
    Kept {
        /// As in [`Vat::code`].
        before: Body,
    },
}

/// What happens to messages for a quarantined vat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenQuarantined {
    /// They wait.
    Park,
    /// They are answered with `vat-quarantined`.
    Reject,
}

/// Whether a vat is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VatStatus {
    /// Yes.
    Active,
    /// Not until it is healed; the diagnostic is the host's and opaque here.
    Quarantined(Body),
    /// Never again; what it held and what waits for it is still being let go, slice by slice.
    Ending,
}

impl VatStatus {
    /// Whether the vat has not ended.
    pub fn is_living(&self) -> bool {
        match self {
            VatStatus::Active | VatStatus::Quarantined(_) => true,
            VatStatus::Ending => false,
        }
    }
}

/// How far a vat has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The last incarnation that was begun; 0 before the first.
    pub incarnation: u64,
    /// The next free slot.
    pub next_slot: Slot,
}

/// One reference in a vat's c-list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClistRow {
    /// What it refers to.
    pub kref: Kref,
    /// How it came; `None` in rows that were written before this was remembered.
    pub origin: Option<Arc<Origin>>,
}

/// Something that can be sent messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Whose it is.
    pub owner: Owner,
    /// Whether it still answers.
    pub fate: Fate,
}

/// Whose an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// A vat's, by its own number.
    Vat(VatId, Exposed),
    /// The host's, for as long as it is declared; named for the host, opaque here.
    Host(String),
    /// The host's, gone at the next boot (a connection); named for the host, opaque here.
    HostUntilBoot(String),
    /// The host's, gone when nobody holds it any more (a timer); named for the host, opaque here.
    HostWhileHeld(String),
    /// The kernel's own: whatever is sent to it goes on to the target, until it is revoked.
    Caretaker {
        /// Held as long as it is not revoked.
        target: Kref,
    },
    /// The kernel's own: the right to revoke this caretaker, by the message `revoke`. It does not hold it.
    Revoker(ObjectId),
}

/// Whether an object still answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It does.
    Live,
    /// It does not: every message to it is answered with this.
    Lost(Code),
}

/// An answer that is still to come, or that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Promise {
    /// Not settled. `listeners` get one message each when its chain has ended, in this order.
    Unsettled {
        /// References, each named once per `listen`.
        listeners: Vec<Kref>,
    },
    /// Settled by a holder of its resolver. A forward names an object, or a promise that was unsettled at that time.
    Settled(Answer<Kref>),
    /// Broken by the kernel.
    Failed(Code),
}

/// Something that waits for somebody. Its id is its place: ids rise within each queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// Where it waits.
    pub queue: Queue,
    /// What waits.
    pub item: Item,
}

/// Where something waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Queue {
    /// For its turn at a vat.
    Inbox(VatId),
    /// For a promise to be settled.
    Promise(PromiseId),
    /// For the host's answer.
    Host,
}

/// What waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A message.
    Message(Message),
    /// The notice that nobody holds an object of this vat any more.
    Dropped(ObjectId),
    /// The notice that a watched promise has ended. Never stored: it ends with the incarnation.
    Settled {
        /// The watcher's own number.
        token: u64,
        /// What it watched.
        promise: Kref,
        /// Who settled it, if that was after the watch had begun.
        by: Option<Sender>,
    },
}

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The object or the promise that it was sent to, as far as it has come.
    pub target: Kref,
    /// The caretakers that it has passed. If one of them is revoked before it is delivered, it is not delivered.
    pub through: Vec<ObjectId>,
    /// The method's name.
    pub method: String,
    /// The arguments.
    pub args: Payload<Kref>,
    /// The promise that its answer settles.
    pub answer: Option<PromiseId>,
    /// Who sent it, so that one sender's poison is told from a vat that fails for all (kernel-rules 18).
    pub sender: Sender,
    /// Of a message by which the kernel tells a listener how a promise ended: who settled that promise, if it was settled after the
    /// listener had been named.
    pub settler: Option<Sender>,
}

/// Who sent a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sender {
    /// A vat.
    Vat(VatId),
    /// The host: a person, a channel, or the kernel itself.
    Host,
}

/// What is known of a vat during whose deliveries the process died (kernel-rules D).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suspicion {
    /// How many of its next deliveries run alone; at least 1.
    pub left: u64,
    /// The message during whose lone delivery the process died last; `None` for a start, a notice, or if there was none.
    pub delivery: Option<MessageId>,
    /// How often in a row it died during that one.
    pub deaths: u32,
    /// How often it died in lone deliveries to the vat since one of them was finished.
    pub total: u32,
}

/// A message that will never be delivered. It was answered, it holds no references, and it can't be sent again (kernel-rules 22).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Whose inbox it was for.
    pub vat: VatId,
    /// What it was sent to.
    pub object: ObjectId,
    /// The method's name.
    pub method: String,
    /// The beginning of its body: at most [`crate::limits::DEAD_LETTER_BYTES_MAX`] bytes.
    pub body: Body,
    /// How many bytes the body had.
    pub bytes: u64,
    /// Why it will not be delivered.
    pub why: Why,
}

/// Why a message will not be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The process died three times while this was delivered alone.
    KilledTheProcess,
    /// It was an answer, and the inbox was full.
    MailboxFull,
    /// Its body is not what was sent: it was damaged where it waited.
    Damaged,
}
