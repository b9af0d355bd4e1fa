//! Every bound of the ABI, with its unit and its reason, and what breaking one is called. They are the same for all vats.

/// Syscalls of one crank. Each becomes an entry of the report, which the kernel checks before it applies any.
pub const SYSCALLS_MAX: usize = 10_000;
/// Messages of one crank. Each becomes a row of the kernel.
pub const SENDS_MAX: usize = 1_024;
/// Promises made with `new-promise` in one crank. Each becomes a row of the kernel.
pub const NEW_PROMISES_MAX: usize = 1_000;
/// Capabilities of one message or value.
pub const CAPS_MAX: usize = 1_024;
/// Bytes of one body.
pub const BODY_BYTES_MAX: usize = 1 << 20;
/// Bytes of one method's name: it is shown to people.
pub const METHOD_BYTES_MAX: usize = 1 << 10;
/// Bytes of bodies and names over all syscalls of one crank: what a report may weigh in the host's memory and in one
/// commit.
pub const BYTES_OUT_MAX: usize = 8 << 20;

/// Bytes of a key of the vat's store.
pub const KEY_BYTES_MAX: usize = 512;
/// Bytes of a value of the vat's store.
pub const VALUE_BYTES_MAX: usize = 1 << 20;
/// What a capability in a value counts against the limit of the store, in bytes: its slot.
pub const STORED_CAP_BYTES: u64 = 8;
/// Bytes of one page of `keys` or `entries`, unless its first element alone is larger.
pub const PAGE_BYTES_MAX: usize = 1 << 20;
/// What an element of a page counts beside its bytes, so that empty ones are bounded too: its place in the guest's
/// list.
pub const PAGE_ELEMENT_BYTES: usize = 16;

/// Live handles of one vat. Each takes a place in two tables of the host.
pub const HANDLES_MAX: usize = 10_000;
/// Bytes of random of one call.
pub const RANDOM_BYTES_MAX: u64 = 64 << 10;

/// A rule of the ABI that a guest broke: its crank ends as a trap.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Too many of anything.
    #[error("more than {SYSCALLS_MAX} syscalls in one crank")]
    Syscalls,
    /// Too many messages.
    #[error("more than {SENDS_MAX} messages sent in one crank")]
    Sends,
    /// Too many promises.
    #[error("more than {NEW_PROMISES_MAX} promises made in one crank")]
    NewPromises,
    /// Too much data.
    #[error("more than {BYTES_OUT_MAX} bytes sent in one crank")]
    BytesOut,
    /// The vat had ended itself.
    #[error("a syscall after `exit`, which has to be the last one of its crank")]
    AfterExit,
    /// A payload with too many capabilities.
    #[error("{caps} capabilities in one payload; at most {CAPS_MAX} are allowed")]
    Caps {
        /// How many.
        caps: usize,
    },
    /// A body that is too large.
    #[error("a body of {bytes} bytes; at most {BODY_BYTES_MAX} are allowed")]
    Body {
        /// How many.
        bytes: usize,
    },
    /// A name that is too long.
    #[error("a method name of {bytes} bytes; at most {METHOD_BYTES_MAX} are allowed")]
    Method {
        /// How many.
        bytes: usize,
    },
    /// A key that is too long.
    #[error("a store key of {bytes} bytes; at most {KEY_BYTES_MAX} are allowed")]
    Key {
        /// How many.
        bytes: usize,
    },
    /// A value that is too large.
    #[error("a store value of {bytes} bytes; at most {VALUE_BYTES_MAX} are allowed")]
    Value {
        /// How many.
        bytes: usize,
    },
    /// No room in the store.
    #[error("the vat's store would take {bytes} bytes; its limit is {limit}")]
    StoreFull {
        /// How many.
        bytes: u64,
        /// How many there may be.
        limit: u64,
    },
    /// An entry of the store is not in memory and could not be read. No fault of the guest: the vat is set aside if the entry is damaged, and
    /// else the host ends.
    #[error("the vat's store could not be read")]
    Unreadable,
    /// Too much random at once.
    #[error("{bytes} random bytes in one call; at most {RANDOM_BYTES_MAX} are allowed")]
    Random {
        /// How many.
        bytes: u64,
    },
    /// An id is bound with another lifetime.
    #[error("object {object} is already exposed with the other lifetime")]
    OtherLifetime {
        /// Which.
        object: u64,
    },
    /// Too many handles.
    #[error("more than {HANDLES_MAX} capability handles at once")]
    Handles,
    /// A number that is no handle.
    #[error("a handle that the host never gave")]
    NoSuchHandle,
    /// The guest wanted to wait.
    #[error("a vat may not block: return, and go on when the answer of a call has come")]
    WouldBlock,
}
