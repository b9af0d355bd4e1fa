//! One delivery to one vat, and what came of it: all that passes between the kernel and whatever runs vats.
//!
//! A [`Crank`] leaves the kernel with everything the vat may see, so that it can run on another thread; a [`Report`] comes back.

use crate::id::{CrankId, MessageId, Slot, VatId};
use crate::message::{Answer, Body, Payload, Resolution};

/// A delivery on its way to its vat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crank {
    /// Names this delivery in [`crate::Kernel::finish`].
    pub id: CrankId,
    /// Whose turn it is.
    pub vat: VatId,
    /// Which message is delivered, if it is one: for the host's note of what is under way.
    pub message: Option<MessageId>,
    /// The slot that the vat's next new reference gets; those of `delivery` are taken already.
    pub next_slot: Slot,
    /// What is delivered.
    pub delivery: Delivery,
    /// Whether other deliveries may be under way.
    pub company: Company,
}

/// Whether other deliveries may be under way beside one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    /// None, and everything that led to this one is to be durable before it is handed to the vat: the process died during such a
    /// delivery, and the next death shall be charged to the right one (kernel-rules D).
    Alone,
    /// Any.
    Among,
}

/// What a vat is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// A new incarnation begins: first of all, and alone.
    Start(Boot),
    /// A message to one of its objects.
    Message {
        /// The object, by the vat's own number.
        object: u64,
        /// The method's name.
        method: String,
        /// The arguments.
        args: Payload<Held>,
        /// Where the answer is wanted, if anywhere.
        resolver: Option<Held>,
    },
    /// Promises that it watched have ended, by token.
    Settled(Vec<(u64, Resolution<Held>)>),
    /// Objects of its own that nobody holds any more.
    Dropped(Vec<u64>),
}

/// What a new incarnation starts with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// 1 at the first start, then one more each time.
    pub incarnation: u64,
    /// The code of the incarnation before, if it was another; opaque here, see [`crate::Vat::code`].
    pub upgraded_from: Option<Body>,
    /// The vat's whole c-list: what its store and its grants hold, and the durable objects it exposes.
    pub clist: Vec<ClistEntry>,
    /// Channels, services and peers by name; each slot is in `clist`.
    pub grants: Vec<(String, Slot)>,
}

/// One line of a vat's c-list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClistEntry {
    /// The vat's name for the reference.
    pub slot: Slot,
    /// What the vat's own code calls it, if it is an object of this vat.
    pub local: Option<Exposed>,
}

/// An object by its vat's own number, and how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exposed {
    /// Chosen by the vat; 0 is its root.
    pub object: u64,
    /// How long.
    pub lifetime: Lifetime,
}

/// How long an object of a vat lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lifetime {
    /// Gone when the incarnation ends.
    Incarnation,
    /// Reachable in every later incarnation.
    Durable,
}

/// A reference as a delivery hands it to a vat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The c-list slot.
    pub slot: Slot,
    /// The vat's own number for it, if it is an object of this vat that is still exposed.
    pub local: Option<u64>,
}

/// What a vat did with a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How it ended. Unless [`Outcome::Done`], the rest is thrown away.
    pub outcome: Outcome,
    /// Its syscalls, in order.
    pub syscalls: Vec<Syscall>,
    /// The last write to each key of its store that changed.
    pub store: Vec<StoreWrite>,
    /// Slots that the vat had no handle on when the crank began, were not delivered or made in it, and have one now
    /// (taken from the store). Ascending.
    pub taken: Vec<Slot>,
    /// Slots that the vat had a handle on at the beginning, or got or made in this crank, and has none on now. Ascending.
    pub dropped: Vec<Slot>,
}

/// How a crank ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Well.
    Done,
    /// The code trapped, broke a rule or spent its budget. For operators only.
    Trapped(String),
    /// `start` answered with an error. For operators only.
    StartFailed(String),
}

/// What a vat asks of the kernel: one-way, applied together when the crank ends well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Syscall {
    /// A message.
    Send {
        /// To whom.
        target: Slot,
        /// The method's name.
        method: String,
        /// The arguments.
        args: Payload<Slot>,
        /// Where the answer goes.
        answer: AnswerTo,
    },
    /// A promise and its resolver, both under new slots, the promise's first.
    NewPromise {
        /// The promise.
        promise: Slot,
        /// The right to settle it.
        resolver: Slot,
    },
    /// A caretaker of a reference, and the right to revoke it, both under new slots, the caretaker's first.
    Guard {
        /// What is guarded.
        target: Slot,
        /// Forwards what is sent to it until it is revoked.
        guarded: Slot,
        /// Revokes it by the message `revoke`.
        revoker: Slot,
    },
    /// Settles a promise. (That the handle goes shows in [`Report::dropped`].)
    Settle {
        /// A resolver.
        resolver: Slot,
        /// What with.
        answer: Answer<Slot>,
    },
    /// Makes an object reachable. `slot` is a new one unless the id is bound already.
    Expose {
        /// The vat's own number and the lifetime.
        exposed: Exposed,
        /// Its slot.
        slot: Slot,
    },
    /// One notice with this token when the promise has ended.
    Watch {
        /// Any reference.
        promise: Slot,
        /// Chosen by the vat.
        token: u64,
    },
    /// Takes a watch back.
    Unwatch {
        /// As given to `Watch`.
        token: u64,
    },
    /// One message to `listener` when the promise has ended.
    Listen {
        /// Any reference.
        promise: Slot,
        /// Any reference.
        listener: Slot,
    },
    /// Whether this incarnation must stay in memory.
    Pin(bool),
    /// The vat ends for good: well or with an error.
    Exit(Result<Payload<Slot>, Payload<Slot>>),
}

/// Where the answer of a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerTo {
    /// Nobody learns how it went.
    Nobody,
    /// A new promise under this new slot.
    Promise(Slot),
    /// A reference: a resolver, or any object (kernel-rules 7).
    Reference(Slot),
}

/// A write to a vat's own store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreWrite {
    /// Keys are ordered by their bytes.
    pub key: Vec<u8>,
    /// The new value, or `None` where the entry is removed.
    pub value: Option<Payload<Slot>>,
}
