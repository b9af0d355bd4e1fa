//! What was given is taken back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::typed;

/// The body of `POST /v1/revoke`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeBody {
    /// A reference like `ko7` or `kr9`; with `grant`, the vat that has it, as `subcluster/vat`.
    pub target: String,
    /// The grant's name: `io.llm`, `vat.index`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
}

/// What answers no more: the answer of `POST /v1/revoke`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "revoked")]
#[schemars(transform = typed("revoked"))]
pub struct Revoked {
    /// As asked.
    pub target: String,
    /// As asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// Since when.
    pub since: Since,
}

/// Since when something is revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Since {
    /// Just now.
    Now,
    /// It answered no more already.
    Before,
}
