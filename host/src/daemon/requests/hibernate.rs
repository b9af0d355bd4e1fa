//! A vat leaves memory by the hand of its operator.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::typed;

/// The body of `POST /v1/hibernate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HibernateBody {
    /// As `subcluster/vat`.
    pub vat: String,
    /// Whether what its heap waits for may be lost.
    #[serde(default)]
    pub force: Force,
}

/// Whether a vat leaves memory though it is not at rest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Force {
    /// No.
    #[default]
    OnlyAtRest,
    /// Yes: its incarnation ends as at a restart.
    Always,
}

/// That a vat is not in memory: the answer of `POST /v1/hibernate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "hibernated")]
#[schemars(transform = typed("hibernated"))]
pub struct Hibernated {
    /// As `subcluster/vat`.
    pub vat: String,
    /// Where it was until now.
    pub was: Before,
}

/// Where a vat was before it was to leave memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Before {
    /// In memory.
    Awake,
    /// Not in memory.
    Idle,
}
