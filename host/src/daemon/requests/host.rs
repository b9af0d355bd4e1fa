//! The host itself: that it is there, that it serves, that it stops.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::daemon::Phase;
use crate::problem::Problem;
use crate::schema::typed;

/// That the host is there, whatever its phase: `GET /v1/ping`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "pong")]
#[schemars(transform = typed("pong"))]
pub struct Pong {
    /// The host's process.
    pub pid: u32,
    /// The program's version.
    pub version: String,
    /// How far it has come.
    pub phase: Phase,
}

/// The host serves: the line of `run`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "ready")]
#[schemars(transform = typed("ready"))]
pub struct Ready {
    /// All living vats, those in quarantine included.
    pub vats: u64,
    /// Those in quarantine.
    pub quarantined: u64,
    /// The control socket's absolute path.
    pub socket: String,
    /// How often this home was started.
    pub boot: u64,
    /// All errors and advice.
    pub problems: Vec<Problem>,
}

/// That the host has begun to stop: the answer of `POST /v1/stop`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "stopping")]
#[schemars(transform = typed("stopping"))]
pub struct Stopping {}
