//! What each vat does and takes at this moment.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::schema::typed;

/// All vats, or those of one subcluster: `GET /v1/ps` and `GET /v1/ps/SUBCLUSTER`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "ps")]
#[schemars(transform = typed("ps"))]
pub struct Ps {
    /// How often this home was started, this time included: what is counted "since the boot" began with it.
    pub boot: u64,
    /// How long the host has run, in milliseconds.
    pub uptime_ms: u64,
    /// When this was so, in milliseconds since 1970.
    pub now_ms: u64,
    /// The vats by number, those that have ended and are still being removed last.
    pub vats: Vec<VatUsage>,
}

/// One vat. What few vats have lies elsewhere, so that a thousand of them are in little memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VatUsage {
    /// `v3`.
    pub id: String,
    /// As `subcluster/vat`.
    pub vat: String,
    /// Whether its subcluster belongs to the host.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub system: bool,
    /// What it is at.
    pub state: Activity,
    /// The last incarnation that was begun; 0 before the first.
    pub incarnation: u64,
    /// When the heap that it has was made, in milliseconds since 1970; absent where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awake_since_ms: Option<u64>,
    /// How long its present delivery has been under way, in milliseconds; absent where none is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running_ms: Option<u64>,
    /// Bytes of its linear memories and tables, as large as it made them, at the end of its last delivery; 0 without a heap.
    pub memory_bytes: u64,
    /// The most that it may have of them; absent where its limits are not known because its code is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_max_bytes: Option<u64>,
    /// Time of workers that its deliveries took since the boot, in microseconds; the one that is under way is not in it.
    pub busy_us: u64,
    /// Its deliveries since the boot.
    pub cranks: u64,
    /// How many of those were undone.
    pub undone: u64,
    /// Lines that it logged beyond what it may since the boot, and that were dropped.
    #[serde(default)]
    pub log_lines_dropped: u64,
    /// Messages and notices that wait for it.
    pub queued: u64,
    /// Messages among them: what the limit is for.
    pub messages: u64,
    /// The most messages that may wait.
    pub mailbox_max: u64,
    /// References that it has a name for, its own objects included.
    pub references: u64,
    /// Bytes of its store; absent until it was in memory for the first time since the boot: `inspect` reads it then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_bytes: Option<u64>,
    /// Entries of its store; absent as above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_entries: Option<u64>,
    /// The most bytes that its store may have; absent as `memory_max_bytes`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_max_bytes: Option<u64>,
    /// Why a delivery of its was undone last since the boot, or why it is in quarantine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<Box<VatError>>,
}

/// What a vat is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Activity {
    /// A delivery is under way.
    Running,
    /// In memory, between two deliveries.
    Awake,
    /// Not in memory: its next delivery wakes it.
    Idle,
    /// It trapped several times in a row, and waits a little before it is served again.
    Resting,
    /// Not served until it is healed.
    Quarantined,
    /// It has ended; what it kept is still being removed.
    Ending,
}

impl Activity {
    /// All of them, in the order of their lines.
    pub const ALL: [Activity; 6] = [
        Activity::Running,
        Activity::Awake,
        Activity::Idle,
        Activity::Resting,
        Activity::Quarantined,
        Activity::Ending,
    ];

    /// The word on the wire and in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Activity::Running => "running",
            Activity::Awake => "awake",
            Activity::Idle => "idle",
            Activity::Resting => "resting",
            Activity::Quarantined => "quarantined",
            Activity::Ending => "ending",
        }
    }
}

/// What went wrong with a vat last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VatError {
    /// In words.
    pub message: String,
    /// When, in milliseconds since 1970; absent if that was in an earlier boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_ms: Option<u64>,
    /// The whole diagnostic of one that is in quarantine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}
