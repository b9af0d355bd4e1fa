//! Who holds what, and how it came to be so.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::typed;

/// The body of `POST /v1/caps/why`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapsWhyBody {
    /// `subcluster`, `subcluster/vat`, a channel as `subcluster/io.llm`, a service as `subcluster/service.timer`, or a reference.
    pub target: String,
    /// The one vat of interest, as `subcluster/vat`; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<String>,
}

/// Who holds something, and how each came to: the answer of `POST /v1/caps/why`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "caps-why")]
#[schemars(transform = typed("caps-why"))]
pub struct CapsWhy {
    /// As asked.
    pub target: String,
    /// What that is, in words.
    pub what: String,
    /// Everybody but its owner who holds it, directly or through something that leads there.
    pub holders: Vec<Holder>,
    /// Holders that are not in the list, because it would be too long.
    pub left_out: u64,
}

/// Somebody who holds something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Holder {
    /// `subcluster/vat`, or what of the host it is: `channel matcher/llm`, `pin7`.
    pub holder: String,
    /// `v2`, if it is a vat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vat: Option<String>,
    /// The reference that it holds.
    pub reference: String,
    /// The object at the end of the way from there.
    pub object: String,
    /// What lies between the two, nearest to the holder first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub through: Vec<Step>,
    /// In which ways it is held.
    pub held: Vec<Hold>,
    /// Whether what it sends there is answered `object-revoked`, or with another loss.
    pub lost: bool,
    /// How it came: the holder's first, then that of whoever gave it, and so on.
    pub chain: Vec<Link>,
}

/// Something that a message passes on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Its reference.
    pub reference: String,
    /// What it is.
    pub kind: StepKind,
    /// Whether it answers no more.
    pub lost: bool,
}

/// What a message passes on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// A caretaker, such as each grant is.
    Caretaker,
    /// A promise that was settled.
    Promise,
}

/// In which way something is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Hold {
    /// It was granted at launch.
    Grant,
    /// The vat's store mentions it.
    Stored,
    /// The present incarnation has a handle on it.
    Handle,
    /// It is on its way, in a message that waits for the vat.
    Queued,
    /// The host keeps it.
    Kept,
}

/// How somebody came to hold a reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Link {
    /// Who.
    pub holder: String,
    /// How.
    #[serde(flatten)]
    pub how: CameBy,
    /// Since when, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Moment>,
}

/// When something came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Moment {
    /// In which boot.
    pub boot: u64,
    /// The time of day, in milliseconds since 1970; absent if it was not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
}

/// How a reference came to its holder first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "how", rename_all = "kebab-case")]
pub enum CameBy {
    /// At its launch, by its declaration.
    Granted {
        /// The grant's name.
        grant: String,
    },
    /// It is an object of its own.
    Exposed,
    /// It made the promise or the caretaker itself.
    Made,
    /// It is the promise of an answer that it asked for.
    Asked {
        /// What it sent the message to.
        target: String,
    },
    /// A message brought it.
    Sent {
        /// Which.
        message: String,
        /// Who sent it: `subcluster/vat`, or `host`.
        by: String,
        /// The object that it was delivered to.
        to: String,
        /// The method, cut off after 64 bytes.
        method: String,
    },
    /// A message that waits will bring it.
    Queued {
        /// Which.
        message: String,
        /// Who sent it: `subcluster/vat`, or `host`.
        by: String,
        /// The method.
        method: String,
    },
    /// A promise ended with it.
    Answered {
        /// Who settled the promise: `subcluster/vat` or `host`; absent if that is not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
    },
    /// The host keeps it for itself or its operator.
    Kept,
    /// It came before version 3 of the store, or in a way that was not remembered.
    Unknown,
    /// It was held then, and is not any more; or again, since a later time.
    LetGo,
}

/// The body of `POST /v1/caps/of`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CapsOfBody {
    /// `subcluster/vat`, or `subcluster` for its bootstrap vat.
    pub vat: String,
}

/// What a vat holds: the answer of `POST /v1/caps/of`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "caps-of")]
#[schemars(transform = typed("caps-of"))]
pub struct CapsOf {
    /// `subcluster/vat`.
    pub vat: String,
    /// `v2`.
    pub id: String,
    /// What it holds, in the order in which it came; without objects of its own.
    pub caps: Vec<HeldCap>,
    /// What it holds that is not in the list, because it would be too long.
    pub left_out: u64,
}

/// One reference that a vat holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeldCap {
    /// The reference.
    pub reference: String,
    /// What it leads to, in words.
    pub what: String,
    /// In which ways it is held.
    pub held: Vec<Hold>,
    /// Whether what is sent there is answered with a loss.
    pub lost: bool,
    /// How it came.
    pub origin: Link,
}

/// Who would lose what by a revocation: the answer of `POST /v1/revoke/plan`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "revoke-plan")]
#[schemars(transform = typed("revoke-plan"))]
pub struct RevokePlan {
    /// As asked.
    pub target: String,
    /// As asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// The object that would answer no more.
    pub reference: String,
    /// What that is, in words.
    pub what: String,
    /// Whether it answers no more already.
    pub already: bool,
    /// Whose way to it would end.
    pub holders: Vec<Holder>,
    /// Holders that are not in the list, because it would be too long.
    pub left_out: u64,
    /// Messages that wait and would be answered `object-revoked`.
    pub messages: u64,
}
