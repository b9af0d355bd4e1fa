//! What is in quarantine, and another try.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::schema::typed;

/// All that is in quarantine: `GET /v1/quarantine`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "quarantine")]
#[schemars(transform = typed("quarantine"))]
pub struct Quarantine {
    /// A diagnostic for each.
    pub problems: Vec<Problem>,
}

/// The body of `POST /v1/quarantine/retry`; `{}` for all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryBody {
    /// One vat, as `subcluster/vat`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vat: Option<String>,
}

/// What another try brought: the answer of `POST /v1/quarantine/retry`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "retried")]
#[schemars(transform = typed("retried"))]
pub struct Retried {
    /// The vats that are served again, each as `subcluster/vat`.
    pub healed: Vec<String>,
    /// Why the others still are not.
    pub problems: Vec<Problem>,
}
