//! Everything that operators may know of one thing. Not what messages say: their bodies are between vats.
//!
//! Long lists are cut after [`LISTED_MAX`]; how many there are is said beside.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{GrantStatus, VatComponent, VatUsage};

/// The most elements of a list in an answer.
pub const LISTED_MAX: usize = 1_000;

/// The body of `POST /v1/inspect`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InspectBody {
    /// A vat as `subcluster/vat`, `v3` or the name of its subcluster whose bootstrap it is; an object as `ko7`; a promise as `kp9` or
    /// `kr9`; a channel as `subcluster/channel`.
    pub target: String,
    /// What it is; found out where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
}

/// What can be inspected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A vat.
    Vat,
    /// An object.
    Object,
    /// A promise.
    Promise,
    /// A channel.
    Channel,
}

impl Kind {
    /// The word on the wire and on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Kind::Vat => "vat",
            Kind::Object => "object",
            Kind::Promise => "promise",
            Kind::Channel => "channel",
        }
    }

    /// The reverse of [`Kind::as_str`].
    pub fn parse(word: &str) -> Option<Kind> {
        [Kind::Vat, Kind::Object, Kind::Promise, Kind::Channel].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// What was found: the answer of `POST /v1/inspect`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename_all = "lowercase")]
pub enum Inspection {
    /// A vat.
    Vat(Box<VatInspection>),
    /// An object.
    Object(ObjectInspection),
    /// A promise.
    Promise(PromiseInspection),
    /// A channel.
    Channel(Box<ChannelInspection>),
}

/// A vat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VatInspection {
    /// What it does and takes.
    pub usage: VatUsage,
    /// Its subcluster's number: `s1`.
    pub subcluster: String,
    /// The file that declared it, as it was named then; absent if the record can't be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared_in: Option<String>,
    /// Whether it gets a heap at boot (`eager`) or with its first delivery (`lazy`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<String>,
    /// Whether it leaves memory by itself: `when-idle` or `never`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hibernate: Option<String>,
    /// What happens to its messages while it is quarantined: `park` or `reject`.
    pub when_quarantined: String,
    /// Its code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<VatComponent>,
    /// Its code before the last upgrade, to which it can be rolled back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<VatComponent>,
    /// Wall time that one delivery may take, in milliseconds; absent where its limits are not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crank_max_ms: Option<u64>,
    /// The most references that it may have a name for.
    pub references_max: u64,
    /// The most deliveries in a row that it gets while others wait.
    pub turns: u32,
    /// What it is told at present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<String>,
    /// Everything that keeps it in memory, in words; empty if it could leave, or has no heap.
    pub unrest: Vec<String>,
    /// How often it trapped since a delivery other than its start went well.
    pub traps_in_a_row: u32,
    /// What is known of it if the process died during its deliveries.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suspicion: Option<Suspected>,
    /// What it was granted.
    pub grants: Vec<GrantStatus>,
    /// Objects that it exposes, by its own numbers.
    pub exports: Listed<Export>,
    /// References to what is not its own.
    pub imports: Listed<Import>,
    /// Promises whose end it waits for in this incarnation: `kp9`.
    pub watches: Listed<String>,
    /// What waits for it, the next first.
    pub inbox: Listed<Waiting>,
}

/// The beginning of a list, and how long it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listed<T> {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub first: Vec<T>,
}

impl<T> Listed<T> {
    /// The first of these.
    pub fn of(all: impl Iterator<Item = T>) -> Listed<T> {
        let (mut count, mut first) = (0, Vec::new());
        for one in all {
            count += 1;
            if first.len() < LISTED_MAX {
                first.push(one);
            }
        }
        Listed { count, first }
    }
}

/// An object that a vat exposes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Export {
    /// The vat's own number; 0 is its root.
    pub object: u64,
    /// `ko7`.
    pub reference: String,
    /// `durable` or `incarnation`.
    pub lifetime: String,
    /// How many hold it: vats, the host, messages on their way.
    pub holders: u64,
    /// The code that answers every message to it, if it is no more: `object-revoked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
}

/// A reference to what is not a vat's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Import {
    /// `ko7`.
    pub reference: String,
    /// What that is, in words.
    pub what: String,
    /// Whether this incarnation has a handle on it.
    pub handle: bool,
    /// Mentions in the vat's store and grants.
    pub kept: u64,
}

/// Something that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Waiting {
    /// `m12`.
    pub id: String,
    /// `message`, `settled` (a promise has ended) or `dropped` (nobody holds an object any more).
    pub what: String,
    /// What it is about: the object of a message, the promise that ended, the object that was dropped.
    pub reference: String,
    /// The method of a message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Who sent a message: a vat, or `the host`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<String>,
    /// Bytes of a message's body.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// References that a message brings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<u64>,
    /// The promise of a message's answer: `kp9`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// That the process died during a vat's deliveries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suspected {
    /// How many of its next deliveries run alone.
    pub left: u64,
    /// How often the process died in its lone deliveries since one of them went well.
    pub deaths: u32,
    /// The message during which it died last: `m12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Who holds a reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Held {
    /// How many there are in all. Those that are not listed are messages on their way and values of settled promises.
    pub count: u64,
    /// Vats.
    pub vats: Vec<VatHolder>,
    /// Channels, timers and pins that keep it, by the name of the host's object.
    pub host: Vec<String>,
    /// Caretakers that pass on to it: `ko8`.
    pub caretakers: Vec<String>,
    /// How often it was shown to people lately; the last 1,024 of all that was are held.
    pub shown: u64,
}

/// A vat that holds a reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VatHolder {
    /// As `subcluster/vat`.
    pub vat: String,
    /// Whether this incarnation has a handle on it.
    pub handle: bool,
    /// Mentions in its store and grants.
    pub kept: u64,
    /// The grant that gives it, if one does: `vat.index`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ObjectInspection {
    /// `ko7`.
    pub reference: String,
    /// What it is, in words.
    pub what: String,
    /// The vat that exposes it, as `subcluster/vat`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vat: Option<String>,
    /// That vat's own number for it; 0 is its root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<u64>,
    /// `durable` or `incarnation`, of a vat's object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<String>,
    /// The host's own name for it, of the host's objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_name: Option<String>,
    /// What a caretaker passes messages on to, and what a revoker revokes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The code that answers every message to it, if it answers no more itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost: Option<String>,
    /// What an object of the host keeps: the handler of a channel, for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keeps: Option<String>,
    /// Messages that wait for the host's answer here, or behind this caretaker.
    pub waiting: u64,
    /// Who holds it.
    pub holders: Held,
}

/// A promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PromiseInspection {
    /// `kp9`.
    pub reference: String,
    /// How far it has come.
    pub state: PromiseState,
    /// What it was forwarded to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forwarded_to: Option<String>,
    /// The promise at which its chain of forwards ends at present, if that is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<String>,
    /// The code with which the kernel broke it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Bytes of what it was settled with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Who holds it.
    pub holders: Held,
    /// Who holds the right to settle it; nobody needs it once it is settled.
    pub resolver: Held,
    /// Vats that wait for its end in this incarnation, and `the host` for somebody outside.
    pub waiters: Vec<String>,
    /// Objects that get one message when it ends: `ko7`.
    pub listeners: Vec<String>,
    /// Messages that were sent to it and wait for its end.
    pub messages: Listed<Waiting>,
}

impl PromiseState {
    /// The word on the wire and in sentences.
    pub const fn as_str(self) -> &'static str {
        match self {
            PromiseState::Unsettled => "unsettled",
            PromiseState::Fulfilled => "fulfilled",
            PromiseState::Forwarded => "forwarded",
            PromiseState::Broken => "broken",
            PromiseState::Failed => "failed",
        }
    }
}

/// How far a promise has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PromiseState {
    /// Not settled.
    Unsettled,
    /// With data.
    Fulfilled,
    /// To another reference.
    Forwarded,
    /// With an error, by whoever held the resolver.
    Broken,
    /// By the kernel, with a code.
    Failed,
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChannelInspection {
    /// As `subcluster/channel`.
    pub channel: String,
    /// How it fares.
    pub status: super::ChannelStatus,
    /// Its object: `ko7`.
    pub reference: String,
    /// Which way text flows, as a vat sees it: `in`, `out` or `inout`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<String>,
    /// The longest line, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_frame_bytes: Option<u64>,
    /// Who gets the lines: a reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler: Option<String>,
    /// What that is, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handler_is: Option<String>,
    /// Clients since the boot.
    pub clients: u64,
    /// Clients since the boot that were one too many.
    pub clients_refused: u64,
    /// Clients since the boot that were closed for a line that is too long or not UTF-8.
    pub clients_expelled: u64,
    /// Lines since the boot that were handed to a vat.
    pub lines_in: u64,
    /// Lines since the boot that were taken from vats for clients.
    pub lines_out: u64,
    /// Clients since the boot that left in the middle of a line.
    pub lines_torn: u64,
    /// Messages that wait for the channel's own answer.
    pub waiting: u64,
    /// Who holds it: to whom it was granted.
    pub holders: Held,
}
