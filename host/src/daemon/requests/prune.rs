//! What no vat needs any more, and its end.

use serde::{Deserialize, Serialize};

/// What was or would be removed: the answer of `POST /v1/prune` and of `GET /v1/prune/plan`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "$type", rename = "pruned")]
pub struct Pruned {
    /// Whether it is gone.
    pub outcome: PruneOutcome,
    /// Components in the content store, each as `sha256:...`.
    pub components: Vec<Unneeded>,
    /// Files of compiled code.
    pub compiled: Vec<Unneeded>,
    /// All their bytes.
    pub bytes: u64,
}

/// Whether something was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PruneOutcome {
    /// Nothing was changed.
    Planned,
    /// It is gone.
    Pruned,
}

/// Something that nobody needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unneeded {
    /// What it is.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}
