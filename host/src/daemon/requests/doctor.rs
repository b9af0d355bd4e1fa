//! Whether a home is in order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::schema::typed;

/// What a look at everything has shown: `GET /v1/doctor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "checkup")]
#[schemars(transform = typed("checkup"))]
pub struct Checkup {
    /// What was looked at.
    pub subject: Subject,
    /// What is wrong, each with what mends it.
    pub findings: Vec<Problem>,
    /// What `doctor --fix` would do, each without a loss.
    #[serde(default)]
    pub treatments: Vec<Treatment>,
    /// What was wrong and has been mended just now.
    #[serde(default)]
    pub mended: Vec<Treatment>,
    /// What there is; absent where the store could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
}

/// What can be done about a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Treatment {
    /// The code of what is wrong. What hinders nothing, as a file that a dead process left, is no finding and treated all the same.
    pub of: String,
    /// What is wrong, in one sentence.
    pub why: String,
    /// What is done, with the path in the home.
    pub what: String,
}

/// The body of `POST /v1/doctor/fix`: `{}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixBody {}

impl Checkup {
    /// Of this, with nothing found yet.
    pub fn of(subject: Subject) -> Checkup {
        Checkup { subject, findings: Vec::new(), treatments: Vec::new(), mended: Vec::new(), counts: None }
    }
}

/// What was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// A host that runs: its kernel.
    Running,
    /// A home that no host runs on: its store, and the kernel that the next start would make of it.
    Stopped,
}

/// How much there is of what grows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Living subclusters.
    pub subclusters: u64,
    /// Vats that are served and not in memory.
    pub idle: u64,
    /// Vats that are served and in memory.
    pub awake: u64,
    /// Vats in quarantine.
    pub quarantined: u64,
    /// Vats that have ended and whose rows are still being removed.
    pub ending: u64,
    /// Promises, settled ones that somebody holds included.
    pub promises: u64,
    /// Messages and notices that wait, wherever.
    pub queued: u64,
    /// Messages that will never be delivered.
    pub dead_letters: u64,
    /// Vats whose next deliveries run alone because the process died during one.
    pub suspected: u64,
    /// Groups of vats each of which can be reached from each by what they hold: what they hold of each other stays until one of them lets go
    /// or ends.
    pub circles: Vec<Vec<String>>,
}
