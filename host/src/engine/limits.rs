//! Every bound that the engine puts on a guest, with its unit and its reason (design section 10), and what breaking one
//! is called.
//!
//! What an operator may choose per vat is in [`Limits`]; the rest is the same for all.

use std::time::Duration;

/// What the declaration of a vat may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of linear memory, over all memories of the component. Growth past it fails inside the guest.
    pub memory_bytes: u64,
    /// Wall time of one crank. It is checked every [`TICK`], so a crank may last one tick longer.
    pub crank: Duration,
    /// Bytes of keys, values and capabilities in the vat's store.
    pub store_bytes: u64,
}

impl Default for Limits {
    /// What a declaration gets that says nothing (design section 8).
    fn default() -> Limits {
        Limits { memory_bytes: 64 << 20, crank: Duration::from_secs(1), store_bytes: 256 << 20 }
    }
}

/// How often the clock of the cranks ticks: fine enough for limits of a second, and a hundred wake-ups a second cost
/// nothing.
pub const TICK: Duration = Duration::from_millis(10);

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
/// What a capability in a value counts against [`Limits::store_bytes`], in bytes: its slot.
pub const STORED_CAP_BYTES: u64 = 8;
/// Bytes of one page of `keys` or `entries`, unless its first element alone is larger.
pub const PAGE_BYTES_MAX: usize = 1 << 20;
/// What an element of a page counts beside its bytes, so that empty ones are bounded too: its place in the guest's
/// list.
pub const PAGE_ELEMENT_BYTES: usize = 16;

/// Bytes of log of one crank. What exceeds it is dropped, and one line says how many lines that were.
pub const LOG_BYTES_MAX: usize = 64 << 10;
/// Bytes of one line of the log; the rest of it is cut off.
pub const LOG_LINE_BYTES_MAX: usize = 4 << 10;
/// Fields of one line of the log.
pub const LOG_FIELDS_MAX: usize = 32;

/// Live handles of one vat. Each takes a place in two tables of the host.
pub const HANDLES_MAX: usize = 10_000;
/// WASI resources of one vat (streams, pollables): nothing durable needs one.
pub const WASI_RESOURCES_MAX: usize = 1_000;
/// Bytes that the guest may hand over in one call. Room for two bodies, so that a body that is too large is refused by
/// its own name; beyond that nothing is allocated.
pub const HOSTCALL_BYTES_MAX: usize = 2 << 20;
/// Bytes of random of one call.
pub const RANDOM_BYTES_MAX: u64 = 64 << 10;

/// Core instances of one component; languages with dynamic linking use about ten.
pub const INSTANCES_MAX: usize = 64;
/// Memories over all instances.
pub const MEMORIES_MAX: usize = 16;
/// Tables over all instances.
pub const TABLES_MAX: usize = 32;
/// Elements over all tables.
pub const TABLE_ELEMENTS_MAX: usize = 100_000;
/// What an element of a table takes of the host, in bytes.
pub const TABLE_ELEMENT_BYTES: usize = 8;
/// Bytes of stack of the guest. Worker threads need this and room for the host's own frames: 2 MiB are plenty.
pub const STACK_BYTES_MAX: usize = 512 << 10;

/// Bytes of the text that tells an operator why a crank failed.
pub const TRAP_TEXT_BYTES_MAX: usize = 2 << 10;
/// Frames of the guest's stack in that text.
pub const TRAP_FRAMES_MAX: usize = 8;

/// A rule of the ABI that a guest broke: its crank ends as a trap.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Broken {
    #[error("more than {SYSCALLS_MAX} syscalls in one crank")]
    Syscalls,
    #[error("more than {SENDS_MAX} messages sent in one crank")]
    Sends,
    #[error("more than {NEW_PROMISES_MAX} promises made in one crank")]
    NewPromises,
    #[error("more than {BYTES_OUT_MAX} bytes sent in one crank")]
    BytesOut,
    #[error("a syscall after `exit`, which has to be the last one of its crank")]
    AfterExit,
    #[error("{caps} capabilities in one payload; at most {CAPS_MAX} are allowed")]
    Caps { caps: usize },
    #[error("a body of {bytes} bytes; at most {BODY_BYTES_MAX} are allowed")]
    Body { bytes: usize },
    #[error("a method name of {bytes} bytes; at most {METHOD_BYTES_MAX} are allowed")]
    Method { bytes: usize },
    #[error("a store key of {bytes} bytes; at most {KEY_BYTES_MAX} are allowed")]
    Key { bytes: usize },
    #[error("a store value of {bytes} bytes; at most {VALUE_BYTES_MAX} are allowed")]
    Value { bytes: usize },
    #[error("the vat's store would take {bytes} bytes; its limit is {limit}")]
    StoreFull { bytes: u64, limit: u64 },
    #[error("{bytes} random bytes in one call; at most {RANDOM_BYTES_MAX} are allowed")]
    Random { bytes: u64 },
    #[error("object {object} is already exposed with the other lifetime")]
    OtherLifetime { object: u64 },
    #[error("more than {HANDLES_MAX} capability handles at once")]
    Handles,
    #[error("a handle that the host never gave")]
    NoSuchHandle,
    #[error("a vat may not block: return, and go on when the answer of a call has come")]
    WouldBlock,
}
