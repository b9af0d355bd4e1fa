//! What is in quarantine: looked at, tried again, repaired, or given up.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{GrantStatus, VatComponent};
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

/// The body of `POST /v1/quarantine/show`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShowBody {
    /// As `subcluster/vat`.
    pub vat: String,
}

/// Everything about one vat in quarantine: the answer of `POST /v1/quarantine/show`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "quarantined")]
#[schemars(transform = typed("quarantined"))]
pub struct Quarantined {
    /// As `subcluster/vat`.
    pub vat: String,
    /// The vat's number.
    pub id: String,
    /// Why it is not served.
    pub problem: Problem,
    /// Whether it comes back by itself when what is wrong with its component changes.
    pub heals_by_itself: bool,
    /// What becomes of messages for it.
    pub when_quarantined: Policy,
    /// Messages and notices that wait for it.
    pub queued: u64,
    /// Its objects that others can reach.
    pub exports: u64,
    /// The last incarnation that was begun; 0 if it never started.
    pub incarnation: u64,
    /// What it was granted.
    pub grants: Vec<GrantStatus>,
    /// The code that it is to run; absent if what is remembered of it is damaged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<VatComponent>,
    /// What the content store has of that; absent for linked code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<Bytes>,
    /// What there is at the path that it was read from; absent for code that was named by its digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Bytes>,
    /// The code before, to which `upgrade --rollback` goes back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<VatComponent>,
}

/// What becomes of messages for a vat in quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// They wait.
    Park,
    /// They are answered `vat-quarantined`.
    Reject,
}

/// How the bytes of a component are, somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Bytes {
    /// The vat's, to the last bit; of linked code, any that can be read.
    Whole,
    /// Others.
    Other,
    /// There are none.
    Missing,
    /// They can't be read.
    Unreadable,
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

/// The body of `POST /v1/quarantine/repair`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RepairBody {
    /// As `subcluster/vat`.
    pub vat: String,
    /// Where its component is to be had.
    pub from: RepairFrom,
    /// What to do with a component that is not the vat's own.
    #[serde(default)]
    pub other: OtherComponent,
}

/// Where the component of a vat in quarantine is to be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RepairFrom {
    /// In a file: a component, or a bundle that has the vat's component by its declared path.
    File {
        /// Absolute: the host has a working directory of its own.
        path: PathBuf,
        /// As the user wrote it.
        written: String,
    },
    /// In the content store.
    Stored {
        /// Its digest, as `sha256:...`.
        sha256: String,
    },
}

/// What to do with a component that is not the one which a vat runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OtherComponent {
    /// Refuse it: other code for the same state is an upgrade.
    #[default]
    Refuse,
    /// Upgrade to it.
    Upgrade,
}

/// A vat was repaired: the answer of `POST /v1/quarantine/repair`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "repaired")]
#[schemars(transform = typed("repaired"))]
pub struct Repaired {
    /// As `subcluster/vat`.
    pub vat: String,
    /// What was done.
    pub outcome: RepairOutcome,
    /// The code that it has now.
    pub component: VatComponent,
}

/// What a repair did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RepairOutcome {
    /// Nothing: it is served already, from this component.
    Unchanged,
    /// The content store has its component again, and it is served.
    Refilled,
    /// It is linked, and its component is read from here from now on.
    Relinked,
    /// It has other code.
    Upgraded,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_repair_is_asked_for_in_these_words() {
        let wire = json!({ "vat": "a/b", "from": { "file": { "path": "/x.wasm", "written": "x.wasm" } } });
        let from = RepairFrom::File { path: "/x.wasm".into(), written: "x.wasm".into() };
        let body = RepairBody { vat: "a/b".into(), from, other: OtherComponent::Refuse };
        assert_eq!(serde_json::from_value::<RepairBody>(wire).expect("a body"), body);
        let wire = json!({ "vat": "a/b", "from": { "stored": { "sha256": "sha256:0" } }, "other": "upgrade" });
        assert_eq!(serde_json::from_value::<RepairBody>(wire).expect("a body").other, OtherComponent::Upgrade);
    }
}
