//! References that are kept for the operator.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::typed;

/// The body of `POST /v1/pin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PinBody {
    /// `subcluster`, `subcluster/vat` or a kref.
    pub reference: String,
    /// What the operator calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// The body of `POST /v1/unpin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UnpinBody {
    /// `pin12`.
    pub id: String,
}

/// A reference that is kept: the answer of `POST /v1/pin`, and of `POST /v1/unpin` for one that was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "pin")]
#[schemars(transform = typed("pin"))]
pub struct Pin {
    /// `pin12`.
    pub id: String,
    /// `ko7`.
    pub reference: String,
    /// What the operator calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// All that is kept: `GET /v1/pins`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "pins")]
#[schemars(transform = typed("pins"))]
pub struct Pins {
    /// Oldest first.
    pub pins: Vec<Pin>,
}
