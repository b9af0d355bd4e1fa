//! Every bound that the engine puts on a guest, with its unit and its reason (design section 10). Those of the ABI itself are in
//! [`ocap_worker::limits`].
//!
//! What an operator may choose per vat is in [`Limits`]; the rest is the same for all.

use std::time::Duration;

pub(crate) use ocap_worker::Broken;
pub use ocap_worker::limits::{HANDLES_MAX, RANDOM_BYTES_MAX, STORED_CAP_BYTES};

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

/// Bytes of log of one crank. What exceeds it is dropped, and one line says how many lines that were.
pub const LOG_BYTES_MAX: usize = 64 << 10;
/// Bytes of one line of the log; the rest of it is cut off.
pub const LOG_LINE_BYTES_MAX: usize = 4 << 10;
/// Fields of one line of the log.
pub const LOG_FIELDS_MAX: usize = 32;

/// WASI resources of one vat (streams, pollables): nothing durable needs one.
pub const WASI_RESOURCES_MAX: usize = 1_000;
/// Bytes that the guest may hand over in one call. Room for two bodies, so that a body that is too large is refused by
/// its own name; beyond that nothing is allocated.
pub const HOSTCALL_BYTES_MAX: usize = 2 << 20;
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
