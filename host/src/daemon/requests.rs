//! What may be asked of a running host, and its answers: on the way to the run loop and, as JSON, on the control socket.
//!
//! Each answer carries `$type`, and its shape only grows: names and meanings of published fields never change.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::oneshot;

use super::status_file::{HostRecord, Phase};
use crate::problem::{Level, Problem};

/// Where an answer goes. Dropping it tells the asker that the host stops.
pub type Reply<T> = oneshot::Sender<Result<T, Problem>>;

/// A request to the run loop.
#[derive(Debug)]
pub enum Request {
    /// What there is and how it does.
    Status(Reply<Inventory>),
    /// Start the subcluster of a declaration or bundle.
    Launch {
        /// Absolute.
        path: PathBuf,
        /// As the user wrote it.
        written: String,
        /// What to do if it runs already, from another declaration.
        if_changed: IfChanged,
        /// Where the answer goes.
        reply: Reply<Launched>,
    },
    /// End a subcluster for good, with everything its vats keep.
    Terminate {
        /// Its name.
        subcluster: String,
        /// Where the answer goes.
        reply: Reply<Terminated>,
    },
    /// Send a message to an object and wait for its answer.
    Call {
        /// `subcluster`, `subcluster/vat` or a kref.
        target: String,
        /// The method's name.
        method: String,
        /// The arguments.
        args: Vec<Value>,
        /// Where the answer goes.
        reply: Reply<CallOutcome>,
    },
    /// Keep a reference until it is unpinned.
    Pin {
        /// `subcluster`, `subcluster/vat` or a kref.
        reference: String,
        /// What the operator calls it.
        label: Option<String>,
        /// Where the answer goes.
        reply: Reply<Pin>,
    },
    /// All that is kept so.
    Pins(Reply<Vec<Pin>>),
    /// Keep a reference no longer.
    Unpin {
        /// `pin12`.
        id: String,
        /// Where the answer goes.
        reply: Reply<Pin>,
    },
    /// The diagnostics of everything in quarantine.
    QuarantineList(Reply<Vec<Problem>>),
    /// Try once more to serve what is in quarantine.
    QuarantineRetry {
        /// One vat, as `subcluster/vat`; all where `None`.
        vat: Option<String>,
        /// Where the answer goes.
        reply: Reply<Retried>,
    },
    /// Stop in good order. Answered when the loop has understood; the end shows at the lock.
    Stop(Reply<()>),
}

/// What a run loop knows of what it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// All living subclusters.
    pub subclusters: Vec<SubclusterStatus>,
    /// What is wrong or worth knowing beyond the problems that vats and channels carry themselves.
    pub problems: Vec<Problem>,
}

impl Inventory {
    /// All problems: those of vats and channels in their order, then the others.
    pub fn all_problems(&self) -> Vec<Problem> {
        let of_parts = self.subclusters.iter().flat_map(|subcluster| {
            let vats = subcluster.vats.iter().filter_map(|vat| vat.problem.clone());
            vats.chain(subcluster.channels.iter().filter_map(|channel| channel.reason.clone()))
        });
        of_parts.chain(self.problems.iter().cloned()).collect()
    }

    /// Whether something does not work: a vat in quarantine, a channel down or an error.
    pub fn is_degraded(&self) -> bool {
        self.subclusters.iter().any(|subcluster| {
            subcluster.vats.iter().any(|vat| vat.state == VatState::Quarantined)
                || subcluster.channels.iter().any(|channel| channel.state == ChannelState::Down)
        }) || self.all_problems().iter().any(|problem| problem.level == Level::Error)
    }
}

/// The state of the whole host: `GET /v1/status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "$type", rename = "status")]
pub struct Status {
    /// How often this home was started; unknown until the store is open.
    pub boot: Option<u64>,
    /// The host's process.
    pub pid: u32,
    /// How far it has come.
    pub phase: Phase,
    /// What it is at within the phase.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<String>,
    /// Its home.
    pub home: String,
    /// The program's version.
    pub version: String,
    /// Whether something does not work.
    pub degraded: bool,
    /// All living subclusters; none until the host is ready.
    pub subclusters: Vec<SubclusterStatus>,
    /// All errors and advice.
    pub problems: Vec<Problem>,
}

impl Status {
    /// What the host says of itself, with what its run loop says of the rest.
    pub fn of(record: &HostRecord, home: String, inventory: Inventory) -> Status {
        Status {
            boot: record.boot,
            pid: record.process.pid,
            phase: record.phase,
            step: record.step.clone(),
            home,
            version: record.version.clone(),
            degraded: inventory.is_degraded(),
            problems: inventory.all_problems(),
            subclusters: inventory.subclusters,
        }
    }
}

/// One subcluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubclusterStatus {
    /// `s1`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The name of the vat that answers for it.
    pub bootstrap: String,
    /// Whether it belongs to the host: `host.toml` launches and ends it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub system: bool,
    /// Its vats.
    pub vats: Vec<VatStatus>,
    /// Its channels.
    pub channels: Vec<ChannelStatus>,
}

/// One vat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VatStatus {
    /// `v3`.
    pub id: String,
    /// Its name in the subcluster.
    pub name: String,
    /// Whether it is served and has a heap.
    pub state: VatState,
    /// The last incarnation that was begun; 0 before the first.
    pub incarnation: u64,
    /// Messages and notices that wait for it.
    pub queued: u64,
    /// Its objects that others can reach.
    pub exports: u64,
    /// Why it is in quarantine, or advice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// Whether a vat is served and has a heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VatState {
    /// Served, and not in memory: its next delivery wakes it.
    Idle,
    /// Served and in memory.
    Awake,
    /// Not served until it is healed.
    Quarantined,
}

impl VatState {
    /// The word on the wire and in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            VatState::Idle => "idle",
            VatState::Awake => "awake",
            VatState::Quarantined => "quarantined",
        }
    }
}

/// One channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelStatus {
    /// Its name in the subcluster.
    pub name: String,
    /// Its kind: `unix-listen`.
    pub kind: String,
    /// Whether it works.
    pub state: ChannelState,
    /// The path as declared, for kinds that have one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_written: Option<String>,
    /// The path that was opened or tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_resolved: Option<String>,
    /// Why it is down.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Problem>,
    /// Clients that are connected now.
    pub connections: u64,
}

/// Whether a channel works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelState {
    /// It does.
    Open,
    /// It does not, and is tried again.
    Down,
}

impl ChannelState {
    /// The word on the wire and in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            ChannelState::Open => "open",
            ChannelState::Down => "down",
        }
    }
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

/// How a call ended: the answer of `POST /v1/call`. All three are answers, not faults of the request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "$type", rename_all = "lowercase")]
pub enum CallOutcome {
    /// With a value.
    Value {
        /// The value.
        value: Value,
    },
    /// With an error that the callee chose.
    Broken {
        /// The error as data.
        error: Value,
    },
    /// With an error of the kernel.
    Failed {
        /// One of the kernel's fixed words: `vat-trapped`.
        code: String,
        /// What an operator may know of it and the caller's vat may not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        problem: Option<Box<Problem>>,
    },
}

/// All that is in quarantine: `GET /v1/quarantine`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "$type", rename = "quarantine")]
pub struct Quarantine {
    /// A diagnostic for each.
    pub problems: Vec<Problem>,
}

/// What another try brought: the answer of `POST /v1/quarantine/retry`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "$type", rename = "retried")]
pub struct Retried {
    /// The vats that are served again, each as `subcluster/vat`.
    pub healed: Vec<String>,
    /// Why the others still are not.
    pub problems: Vec<Problem>,
}

/// That the host is there, whatever its phase: `GET /v1/ping`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "$type", rename = "pong")]
pub struct Pong {
    /// The host's process.
    pub pid: u32,
    /// The program's version.
    pub version: String,
    /// How far it has come.
    pub phase: Phase,
}

/// That the host has begun to stop: the answer of `POST /v1/stop`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "$type", rename = "stopping")]
pub struct Stopping {}

/// The host serves: the line of `run`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "$type", rename = "ready")]
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

/// What has ended: the answer of `POST /v1/terminate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "$type", rename = "terminated")]
pub struct Terminated {
    /// `s1`.
    pub id: String,
    /// The subcluster's name.
    pub name: String,
    /// The names of the vats that ended with it.
    pub vats: Vec<String>,
}

/// The body of `POST /v1/terminate`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TerminateBody {
    /// The subcluster's name.
    pub subcluster: String,
}

/// The body of `POST /v1/call`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallBody {
    /// `subcluster`, `subcluster/vat` or a kref.
    pub target: String,
    /// The method's name.
    pub method: String,
    /// The arguments.
    #[serde(default)]
    pub args: Vec<Value>,
}

/// The body of `POST /v1/pin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinBody {
    /// `subcluster`, `subcluster/vat` or a kref.
    pub reference: String,
    /// What the operator calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// The body of `POST /v1/unpin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnpinBody {
    /// `pin12`.
    pub id: String,
}

/// A reference that is kept for the operator: the answer of `POST /v1/pin`, and of `POST /v1/unpin` for the one that was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "$type", rename = "pin")]
pub struct Pin {
    /// `pin12`.
    pub id: String,
    /// `ko7`.
    pub reference: String,
    /// What the operator calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

/// All that is kept for the operator: `GET /v1/pins`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "$type", rename = "pins")]
pub struct Pins {
    /// Oldest first.
    pub pins: Vec<Pin>,
}

/// The body of `POST /v1/quarantine/retry`; `{}` for all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryBody {
    /// One vat, as `subcluster/vat`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vat: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn subcluster(state: VatState, problem: Option<Problem>) -> SubclusterStatus {
        let vat = VatStatus {
            id: "v1".into(),
            name: "counter".into(),
            state,
            incarnation: 2,
            queued: 0,
            exports: 1,
            problem,
        };
        SubclusterStatus {
            id: "s1".into(),
            name: "counter".into(),
            bootstrap: "counter".into(),
            system: false,
            vats: vec![vat],
            channels: Vec::new(),
        }
    }

    #[test]
    fn advice_does_not_degrade_a_host_but_a_quarantined_vat_does() {
        let advice = Problem::new("ocap::component::source_gone", "the source is gone").as_advice();
        let well = Inventory { subclusters: vec![subcluster(VatState::Awake, Some(advice.clone()))], problems: vec![] };
        assert!(!well.is_degraded());
        assert_eq!(well.all_problems(), [advice]);
        let ill = Inventory { subclusters: vec![subcluster(VatState::Quarantined, None)], problems: vec![] };
        assert!(ill.is_degraded());
    }

    #[test]
    fn the_outcomes_of_a_call_keep_their_shapes() {
        let shape = |outcome| serde_json::to_value::<CallOutcome>(outcome).expect("json");
        assert_eq!(shape(CallOutcome::Value { value: json!([1]) }), json!({"$type": "value", "value": [1]}));
        assert_eq!(shape(CallOutcome::Broken { error: json!("no") }), json!({"$type": "broken", "error": "no"}));
        let failed = CallOutcome::Failed { code: "vat-trapped".into(), problem: None };
        assert_eq!(shape(failed), json!({"$type": "failed", "code": "vat-trapped"}));
    }

    #[test]
    fn a_problem_on_the_wire_says_what_it_is() {
        let problem = Problem::new("ocap::x::y", "it broke");
        let wire = json!({"$type": "problem", "code": "ocap::x::y", "level": "error", "message": "it broke"});
        assert_eq!(serde_json::to_value(&problem).expect("json"), wire);
        assert_eq!(serde_json::from_value::<Problem>(wire).expect("a problem"), problem);
    }
}
