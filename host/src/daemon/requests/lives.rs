//! What happens to living vats and subclusters by the hand of their operator.

use serde::{Deserialize, Serialize};

/// The body of `POST /v1/terminate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerminateBody {
    /// The subcluster's name.
    pub subcluster: String,
}

/// What has ended: the answer of `POST /v1/terminate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "$type", rename = "terminated")]
pub struct Terminated {
    /// `s1`.
    pub id: String,
    /// The subcluster's name.
    pub name: String,
    /// The names of the vats that ended with it.
    pub vats: Vec<String>,
}
