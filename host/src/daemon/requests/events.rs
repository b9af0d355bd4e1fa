//! What happens in a host, as a stream: `GET /v1/events`, one object a line.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Origin, Why};
use crate::daemon::Phase;
use crate::problem::{Level, Problem};
use crate::schema::typed;

/// Something that happened, and is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "event")]
#[schemars(transform = typed("event"))]
pub struct Event {
    /// The number of this event since the host's process started, from 1; each is one more than the one before.
    pub seq: u64,
    /// When, in milliseconds since 1970.
    pub time_ms: u64,
    /// The name of the subcluster that it befell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subcluster: Option<String>,
    /// The vat that it befell, by its name in the subcluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vat: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub what: Happening,
}

/// What happened. Later versions may know more kinds and more fields.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Happening {
    /// The host has come to another phase of its life.
    HostPhase {
        /// Which.
        phase: Phase,
        /// The host's process.
        pid: u32,
        /// How often this home was started; unknown until the store is open.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        boot: Option<u64>,
    },
    /// A subcluster was launched, or goes on after a launch.
    SubclusterLaunched {
        /// `s1`.
        id: String,
        /// Whether it is new.
        origin: Origin,
    },
    /// A subcluster has ended, with all its vats and channels.
    SubclusterTerminated,
    /// A vat has a new heap, and its start went well.
    VatStarted {
        /// The number of the incarnation.
        incarnation: u64,
    },
    /// A vat has left memory.
    VatHibernated,
    /// A vat trapped, broke a rule or spent its budget: that crank is undone.
    VatTrapped {
        /// Why, for operators.
        cause: String,
    },
    /// A vat is not served any more, or still is not after a start of the host.
    VatQuarantined {
        /// Why.
        problem: Box<Problem>,
    },
    /// A vat is served again.
    VatHealed,
    /// A vat runs with other code.
    VatUpgraded,
    /// The new code of a vat failed its start, and the code before is back.
    VatRolledBack {
        /// Why, for operators.
        cause: String,
    },
    /// A vat's incarnation was ended by its operator; the next one begins.
    VatRestarted,
    /// A vat has ended for good: with its subcluster, alone, or by its own word.
    VatTerminated {
        /// By whose word.
        by: Ender,
    },
    /// A channel takes clients.
    ChannelOpen {
        /// Its name in the subcluster.
        channel: String,
    },
    /// A channel can't be opened, and is tried again.
    ChannelDown {
        /// Its name in the subcluster.
        channel: String,
        /// Why.
        problem: Box<Problem>,
    },
    /// A channel that was down takes clients.
    ChannelHealed {
        /// Its name in the subcluster.
        channel: String,
    },
    /// A client has connected to a channel.
    ClientConnected {
        /// The channel's name in the subcluster.
        channel: String,
        /// The client's number since the start of the host.
        client: u64,
        /// How many events of this kind were left out before this one, because there were too many.
        #[serde(default, skip_serializing_if = "is_zero")]
        skipped: u64,
    },
    /// A client of a channel is gone.
    ClientLeft {
        /// The channel's name in the subcluster.
        channel: String,
        /// The client's number since the start of the host.
        client: u64,
        /// As of `client-connected`.
        #[serde(default, skip_serializing_if = "is_zero")]
        skipped: u64,
    },
    /// An object or a grant answers no more.
    Revoked {
        /// What was named: a reference, or the vat that had the grant.
        target: String,
        /// The grant's name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        grant: Option<String>,
    },
    /// A message will never be delivered.
    DeadLetter {
        /// `m12`.
        message: String,
        /// The method's name.
        method: String,
        /// Why.
        why: Why,
    },
    /// The last process died during a delivery to this vat: the next ones run alone.
    VatSuspected,
    /// An operator has sent a message.
    OperatorCalled {
        /// To what, as it was named.
        target: String,
        /// The method's name.
        method: String,
        /// As of `client-connected`.
        #[serde(default, skip_serializing_if = "is_zero")]
        skipped: u64,
    },
    /// Something else is wrong, or worth knowing.
    Problem {
        /// What.
        problem: Box<Problem>,
    },
}

/// By whose word a vat has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Ender {
    /// An operator's, or `host.toml`'s.
    Operator,
    /// Its own.
    Vat,
}

/// A line of a stream that says what was left out: whoever reads too slowly loses lines, and never holds up the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "gap")]
#[schemars(transform = typed("gap"))]
pub struct Gap {
    /// How many lines were lost at this place, whether or not they would have been chosen.
    pub lost: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Happening {
    /// All kinds, by their words.
    pub const KINDS: [&str; 22] = [
        "host-phase",
        "subcluster-launched",
        "subcluster-terminated",
        "vat-started",
        "vat-hibernated",
        "vat-trapped",
        "vat-quarantined",
        "vat-healed",
        "vat-upgraded",
        "vat-rolled-back",
        "vat-restarted",
        "vat-terminated",
        "channel-open",
        "channel-down",
        "channel-healed",
        "client-connected",
        "client-left",
        "revoked",
        "dead-letter",
        "vat-suspected",
        "operator-called",
        "problem",
    ];

    /// Its word.
    pub const fn kind(&self) -> &'static str {
        match self {
            Happening::HostPhase { .. } => "host-phase",
            Happening::SubclusterLaunched { .. } => "subcluster-launched",
            Happening::SubclusterTerminated => "subcluster-terminated",
            Happening::VatStarted { .. } => "vat-started",
            Happening::VatHibernated => "vat-hibernated",
            Happening::VatTrapped { .. } => "vat-trapped",
            Happening::VatQuarantined { .. } => "vat-quarantined",
            Happening::VatHealed => "vat-healed",
            Happening::VatUpgraded => "vat-upgraded",
            Happening::VatRolledBack { .. } => "vat-rolled-back",
            Happening::VatRestarted => "vat-restarted",
            Happening::VatTerminated { .. } => "vat-terminated",
            Happening::ChannelOpen { .. } => "channel-open",
            Happening::ChannelDown { .. } => "channel-down",
            Happening::ChannelHealed { .. } => "channel-healed",
            Happening::ClientConnected { .. } => "client-connected",
            Happening::ClientLeft { .. } => "client-left",
            Happening::Revoked { .. } => "revoked",
            Happening::DeadLetter { .. } => "dead-letter",
            Happening::VatSuspected => "vat-suspected",
            Happening::OperatorCalled { .. } => "operator-called",
            Happening::Problem { .. } => "problem",
        }
    }

    /// Whether something does not work by it.
    pub fn level(&self) -> Level {
        match self {
            Happening::VatTrapped { .. }
            | Happening::VatQuarantined { .. }
            | Happening::VatRolledBack { .. }
            | Happening::ChannelDown { .. }
            | Happening::DeadLetter { .. }
            | Happening::VatSuspected => Level::Error,
            Happening::Problem { problem } => problem.level,
            _ => Level::Advice,
        }
    }

    /// What happened, for people: the end of a sentence that begins with whom it befell.
    pub fn sentence(&self) -> String {
        let more = |skipped: &u64| match skipped {
            0 => String::new(),
            more => format!(" ({more} more were not told)"),
        };
        match self {
            Happening::HostPhase { phase, .. } => phase.as_str().to_owned(),
            Happening::SubclusterLaunched { id, origin } => match origin {
                Origin::New => format!("launched as {id}"),
                Origin::Known => format!("goes on as {id}"),
                Origin::Replaced => format!("launched anew as {id}"),
                Origin::Upgraded => format!("goes on as {id} with other components"),
            },
            Happening::SubclusterTerminated | Happening::VatTerminated { by: Ender::Operator } => {
                "terminated".to_owned()
            }
            Happening::VatStarted { incarnation } => format!("started, incarnation {incarnation}"),
            Happening::VatHibernated => "left memory".to_owned(),
            Happening::VatTrapped { cause } => format!("a crank was undone: {cause}"),
            Happening::VatQuarantined { problem } => format!("quarantined: {}: {}", problem.code, problem.message),
            Happening::VatHealed => "healed".to_owned(),
            Happening::VatUpgraded => "upgraded".to_owned(),
            Happening::VatRolledBack { cause } => {
                format!("its new code failed at the start, and the code before is back: {cause}")
            }
            Happening::VatRestarted => "restarted".to_owned(),
            Happening::VatTerminated { by: Ender::Vat } => "ended itself".to_owned(),
            Happening::ChannelOpen { channel } => format!("channel {channel} is open"),
            Happening::ChannelDown { channel, problem } => {
                format!("channel {channel} is down: {}: {}", problem.code, problem.message)
            }
            Happening::ChannelHealed { channel } => format!("channel {channel} is open again"),
            Happening::ClientConnected { channel, client, skipped } => {
                format!("client {client} of channel {channel} connected{}", more(skipped))
            }
            Happening::ClientLeft { channel, client, skipped } => {
                format!("client {client} of channel {channel} left{}", more(skipped))
            }
            Happening::Revoked { target, grant: None } => format!("revoked: {target}"),
            Happening::Revoked { target, grant: Some(grant) } => format!("revoked: grant {grant} of {target}"),
            Happening::DeadLetter { message, method, why } => {
                format!("message {message} ({method}) will never be delivered: {}", why.as_str())
            }
            Happening::VatSuspected => "the last process died during a delivery to this vat".to_owned(),
            Happening::OperatorCalled { target, method, skipped } => {
                format!("an operator called {method} of {target}{}", more(skipped))
            }
            Happening::Problem { problem } => format!("{}: {}", problem.code, problem.message),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_event_is_one_flat_object() {
        let event = Event {
            seq: 7,
            time_ms: 5,
            subcluster: Some("counter".into()),
            vat: Some("counter".into()),
            what: Happening::VatStarted { incarnation: 2 },
        };
        let wire = json!({
            "$type": "event", "seq": 7, "time_ms": 5, "subcluster": "counter", "vat": "counter",
            "kind": "vat-started", "incarnation": 2,
        });
        assert_eq!(serde_json::to_value(&event).expect("json"), wire);
        assert_eq!(serde_json::from_value::<Event>(wire).expect("an event"), event);
    }

    #[test]
    fn the_list_of_kinds_is_that_of_the_type() {
        let schema = schemars::schema_for!(Happening);
        let variants = schema.as_value()["oneOf"].as_array().expect("variants");
        let kinds: Vec<&Value> = variants.iter().map(|variant| &variant["properties"]["kind"]["const"]).collect();
        assert_eq!(kinds, Happening::KINDS);
        for what in [Happening::VatHealed, Happening::VatTrapped { cause: String::new() }] {
            assert_eq!(serde_json::to_value(&what).expect("json")["kind"], what.kind());
        }
    }
}
