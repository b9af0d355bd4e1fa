//! The store as a whole: its health, copies of it, and the way back from one.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Subject;
use crate::problem::Problem;
use crate::schema::typed;

/// What a backup holds: the file `backup.json` in it, which is written last, and the answer of `db verify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "backup")]
#[schemars(transform = typed("backup"))]
pub struct Backup {
    /// Of this form. A host refuses one that it does not know.
    pub form: u32,
    /// When it was made, in milliseconds since 1970.
    pub made_ms: u64,
    /// The version of the program that made it.
    pub by: String,
    /// The version of the store.
    pub store_version: i64,
    /// How often the home had been started.
    pub boot: u64,
    /// The names of its subclusters.
    pub subclusters: Vec<String>,
    /// How many vats live in them.
    pub vats: u64,
    /// The files beside this one, by their paths in the backup, each with its digest.
    pub files: Vec<BackupFile>,
    /// All components that the vats need.
    pub components: Vec<BackupComponent>,
}

/// A file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BackupFile {
    /// Its path in the backup.
    pub name: String,
    /// As `sha256:...`.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
}

/// A component that a vat of a backup needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BackupComponent {
    /// As `sha256:...`.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// Whether it lies in the backup.
    pub included: bool,
}

/// The body of `POST /v1/db/backup`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupBody {
    /// Where to make it: an absolute path at which nothing is, or an empty directory.
    pub path: PathBuf,
    /// Whether the components lie in it too.
    #[serde(default)]
    pub components: Components,
}

/// Whether a backup has the components too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Components {
    /// It has.
    #[default]
    Included,
    /// It only lists them.
    Listed,
}

/// A backup was made: the answer of `POST /v1/db/backup`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "backed_up")]
#[schemars(transform = typed("backed_up"))]
pub struct BackedUp {
    /// Its directory.
    pub path: PathBuf,
    /// What it holds.
    pub backup: Backup,
}

/// How the store is: the answer of `GET /v1/db/check`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "db_check")]
#[schemars(transform = typed("db_check"))]
pub struct DbChecked {
    /// Whether it is in use.
    pub subject: Subject,
    /// The version of the store; 0 if there is none yet or it can't be read.
    pub store_version: i64,
    /// What is wrong with it; empty if it is sound.
    pub findings: Vec<Problem>,
}
