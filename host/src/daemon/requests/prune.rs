//! What no vat needs any more, and its end.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::typed;

/// The body of `POST /v1/prune`: `{}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PruneBody {}

/// What was or would be removed: the answer of `POST /v1/prune` and of `GET /v1/prune/plan`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "pruned")]
#[schemars(transform = typed("pruned"))]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PruneOutcome {
    /// Nothing was changed.
    Planned,
    /// It is gone.
    Pruned,
}

/// Something that nobody needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Unneeded {
    /// What it is.
    pub name: String,
    /// Its size.
    pub bytes: u64,
}
