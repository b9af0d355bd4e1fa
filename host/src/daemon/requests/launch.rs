//! Launches: what is to run, and what became of it.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::Problem;
use crate::schema::typed;

/// The body of `POST /v1/launch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LaunchBody {
    /// Absolute.
    pub path: PathBuf,
    /// As the user wrote it; the path itself where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<String>,
    /// What to do if it runs already and something changed.
    #[serde(default)]
    pub if_changed: IfChanged,
}

/// What to do with a subcluster that runs already, from another declaration or from other components.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum IfChanged {
    /// Nothing: say how the declaration differs, or go on with the components that it has.
    #[default]
    Refuse,
    /// End it, with everything its vats keep, and launch it anew.
    Replace,
    /// Upgrade the vats whose components changed; refuse another declaration.
    Upgrade,
}

/// What became of a launch: the answer of `POST /v1/launch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "launched")]
#[schemars(transform = typed("launched"))]
pub struct Launched {
    /// `s1`.
    pub id: String,
    /// The subcluster's name.
    pub name: String,
    /// Whether it is new.
    pub origin: Origin,
    /// The names of its vats.
    pub vats: Vec<String>,
    /// The names of those that got other code.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub upgraded: Vec<String>,
    /// What is wrong or worth knowing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<Problem>,
}

/// Where a launched subcluster came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// It was launched just now.
    New,
    /// It was here already, from the same declaration, and goes on.
    Known,
    /// It was here from another declaration or other components, which has ended with everything its vats kept.
    Replaced,
    /// It was here from the same declaration and goes on, some of its vats with other code.
    Upgraded,
}
