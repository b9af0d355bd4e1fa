//! Other code for a vat that keeps its state.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{GrantStatus, VatComponent};

use crate::schema::typed;

/// The body of `POST /v1/upgrade` and of `POST /v1/upgrade/plan`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UpgradeBody {
    /// As `subcluster/vat`.
    pub vat: String,
    /// To which code.
    #[serde(default)]
    pub to: UpgradeTo,
}

/// What a vat is to be upgraded to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UpgradeTo {
    /// What is at the path that its declaration has, now.
    #[default]
    Declared,
    /// What is at this path, now.
    File {
        /// Absolute.
        path: PathBuf,
        /// As the user wrote it.
        written: String,
    },
    /// What the content store has of this SHA-256.
    Stored {
        /// `sha256:` and 64 hexadecimal digits.
        sha256: String,
    },
    /// The code before its last upgrade.
    Kept,
}

/// What became of an upgrade, or would: the answer of `POST /v1/upgrade` and of `POST /v1/upgrade/plan`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "upgraded")]
#[schemars(transform = typed("upgraded"))]
pub struct Upgraded {
    /// As `subcluster/vat`.
    pub vat: String,
    /// What was done.
    pub outcome: UpgradeOutcome,
    /// Its code before; absent if its record is damaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<VatComponent>,
    /// Its code after.
    pub after: VatComponent,
    /// What it may reach, which stays as it is.
    pub grants: Vec<GrantStatus>,
}

/// What was done at an upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UpgradeOutcome {
    /// The vat runs with the code after. The code before is kept for a rollback.
    Upgraded,
    /// Nothing: it has that code already.
    Unchanged,
    /// Nothing, as asked: it could be upgraded, except that only a start shows whether the new code starts well.
    Planned,
}
