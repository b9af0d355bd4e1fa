//! Figures of the whole host: what there is now, and what was done since the boot.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::typed;

/// All figures: `GET /v1/metrics`. `GET /metrics` says the same for Prometheus.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "metrics")]
#[schemars(transform = typed("metrics"))]
pub struct Metrics {
    /// The program's version.
    pub version: String,
    /// How often this home was started, this time included.
    pub boot: u64,
    /// When this was so, in milliseconds since 1970.
    pub now_ms: u64,
    /// What there is now.
    pub figures: Figures,
    /// What was done since the boot.
    pub since_boot: SinceBoot,
}

/// What there is now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Figures {
    /// How long the host has run, in milliseconds.
    pub uptime_ms: u64,
    /// Living subclusters.
    pub subclusters: u64,
    /// Vats by what they are at.
    pub vats: VatCounts,
    /// Messages and notices that wait, wherever.
    pub queued: u64,
    /// Promises that are not settled, or that somebody still holds.
    pub promises: u64,
    /// Messages that will never be delivered.
    pub dead_letters: u64,
    /// Bytes of vats between two deliveries: their memories, as large as they made them, and their stores.
    pub heap_bytes: u64,
    /// Channels that work.
    pub channels_open: u64,
    /// Channels that do not.
    pub channels_down: u64,
    /// Clients that are connected to channels.
    pub connections: u64,
    /// Bytes of the store's file.
    pub store_bytes: u64,
    /// Bytes of its log, which is moved into the file when there is time.
    pub store_log_bytes: u64,
    /// Bytes of memory that the process really has, as the system says; absent if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resident_bytes: Option<u64>,
    /// Threads that run vats.
    pub workers: u64,
}

/// Vats by what they are at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VatCounts {
    /// In a delivery.
    pub running: u64,
    /// In memory, between two.
    pub awake: u64,
    /// Not in memory.
    pub idle: u64,
    /// Waiting a little after traps.
    pub resting: u64,
    /// Not served.
    pub quarantined: u64,
    /// Ended, and still being removed.
    pub ending: u64,
}

/// What was done since the boot. Counts only grow until the host stops.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SinceBoot {
    /// Cranks of which everything happened.
    pub cranks_applied: u64,
    /// Cranks of which nothing did: a trap, a broken rule, a spent budget.
    pub cranks_undone: u64,
    /// Cranks after which their vat was quarantined.
    pub cranks_quarantined: u64,
    /// Cranks after which their vat went back to the code before.
    pub cranks_rolled_back: u64,
    /// Cranks whose incarnation had ended meanwhile.
    pub cranks_stale: u64,
    /// How long cranks took, in microseconds.
    pub crank_us: Spread,
    /// How long commits took until they were durable, in microseconds.
    pub commit_us: Spread,
    /// How many cranks each commit had.
    pub commit_cranks: Spread,
    /// Messages from outside: calls of operators, lines of channels, timers.
    pub messages_in: u64,
    /// Messages of vats to objects of the host: channels, connections, services.
    pub messages_out: u64,
    /// Clients of channels.
    pub clients: u64,
    /// Clients that were one too many.
    pub clients_refused: u64,
    /// Clients that were closed for a line that is too long or not UTF-8.
    pub clients_expelled: u64,
    /// Lines that were handed to a vat.
    pub lines_in: u64,
    /// Lines that were taken from vats for clients.
    pub lines_out: u64,
    /// Clients that left in the middle of a line.
    pub lines_torn: u64,
    /// Lines that vats logged beyond what they may, and that were dropped.
    #[serde(default)]
    pub log_lines_dropped: u64,
    /// CPU time of the process, in milliseconds, as the system says; absent if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_cpu_ms: Option<u64>,
}

/// How often a number was in which range.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// How many numbers there were.
    pub count: u64,
    /// All of them together.
    pub sum: u64,
    /// By range, ascending.
    pub buckets: Vec<Bucket>,
}

/// One range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Bucket {
    /// The largest number in it; absent in the last, which has no end. Numbers that an earlier range has are not in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_to: Option<u64>,
    /// How many there were.
    pub count: u64,
}
