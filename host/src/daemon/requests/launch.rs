//! Launches: what is to run, and what became of it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::problem::Problem;

/// The body of `POST /v1/launch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LaunchBody {
    /// Absolute.
    pub path: PathBuf,
    /// As the user wrote it; the path itself where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<String>,
    /// What to do if it runs already, from another declaration.
    #[serde(default)]
    pub if_changed: IfChanged,
}

/// What to do with a subcluster that runs already, from another declaration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IfChanged {
    /// Nothing; say what differs.
    #[default]
    Refuse,
    /// End it, with everything its vats keep, and launch it anew.
    Replace,
}

/// What became of a launch: the answer of `POST /v1/launch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "$type", rename = "launched")]
pub struct Launched {
    /// `s1`.
    pub id: String,
    /// The subcluster's name.
    pub name: String,
    /// Whether it is new.
    pub origin: Origin,
    /// The names of its vats.
    pub vats: Vec<String>,
    /// What is wrong or worth knowing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// Where a launched subcluster came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// It was launched just now.
    New,
    /// It was here already, from the same declaration, and goes on.
    Known,
    /// It was here from another declaration, which has ended with everything its vats kept.
    Replaced,
}
