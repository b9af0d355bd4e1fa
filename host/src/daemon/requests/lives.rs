//! The end and the new beginning of living vats and subclusters, by the hand of their operator.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::schema::typed;

/// The body of `POST /v1/terminate` and of `POST /v1/terminate/preview`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TerminateBody {
    /// The subcluster's name.
    pub subcluster: String,
    /// The one vat of it that is meant, by its name; all of the subcluster where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vat: Option<String>,
}

/// What has ended: the answer of `POST /v1/terminate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "terminated")]
#[schemars(transform = typed("terminated"))]
pub struct Terminated {
    /// `s1`.
    pub id: String,
    /// The subcluster's name.
    pub name: String,
    /// How much of it has ended.
    #[serde(default)]
    pub scope: Scope,
    /// The names of the vats that ended.
    pub vats: Vec<String>,
}

/// How much of a subcluster ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// All of it, with its channels.
    #[default]
    Subcluster,
    /// One vat; the rest goes on.
    Vat,
}

/// What would end: the answer of `POST /v1/terminate/preview`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "ending")]
#[schemars(transform = typed("ending"))]
pub struct Ending {
    /// `s1`.
    pub id: String,
    /// The subcluster's name.
    pub name: String,
    /// How much of it would end.
    pub scope: Scope,
    /// The name of the vat that answers for the subcluster.
    pub bootstrap: String,
    /// The vats that would end.
    pub vats: Vec<EndingVat>,
    /// The names of the channels that would end.
    pub channels: Vec<String>,
}

/// A vat that would end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EndingVat {
    /// `v3`.
    pub id: String,
    /// Its name in the subcluster.
    pub name: String,
    /// Its objects that others can reach, and would reach no more.
    pub exports: u64,
    /// Messages and notices that wait for it, and would be answered with an error.
    pub queued: u64,
}

/// The body of `POST /v1/restart`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RestartBody {
    /// `subcluster/vat`, or `subcluster` for all its vats.
    pub target: String,
}

/// What has begun anew: the answer of `POST /v1/restart`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "restarted")]
#[schemars(transform = typed("restarted"))]
pub struct Restarted {
    /// The vats that run again.
    pub vats: Vec<RestartedVat>,
    /// Why others do not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// A vat that began anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RestartedVat {
    /// As `subcluster/vat`.
    pub vat: String,
    /// The number of its new incarnation.
    pub incarnation: u64,
}
