//! The state of the whole host, down to its vats and channels.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Figures;
use crate::daemon::{HostRecord, Phase};
use crate::problem::{Level, Problem};
use crate::schema::typed;

/// How much a status tells of each vat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Everything.
    Whole,
    /// Neither its code nor its grants, which are most of what there is to tell of a thousand vats.
    Brief,
}

/// What a run loop knows of what it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// All living subclusters.
    pub subclusters: Vec<SubclusterStatus>,
    /// What is wrong or worth knowing beyond the problems that vats and channels carry themselves.
    pub problems: Vec<Problem>,
    /// How much there is of what grows.
    pub figures: Option<Figures>,
}

impl Inventory {
    /// All problems: those of vats and channels in their order, then the others.
    pub fn all_problems(&self) -> Vec<Problem> {
        let of_parts = self.subclusters.iter().flat_map(|subcluster| {
            let vats = subcluster.vats.iter().filter_map(|vat| vat.problem.as_deref().cloned());
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "status")]
#[schemars(transform = typed("status"))]
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
    /// For how long it has been at that, in milliseconds.
    #[serde(default)]
    pub for_ms: u64,
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
    /// How much there is of what grows; absent until the host is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub figures: Option<Figures>,
}

impl Status {
    /// What the host says of itself, with what its run loop says of the rest.
    pub fn of(record: &HostRecord, now_ms: u64, home: String, inventory: Inventory) -> Status {
        Status {
            boot: record.boot,
            pid: record.process.pid,
            phase: record.phase,
            step: record.step.clone(),
            for_ms: now_ms.saturating_sub(record.since_ms),
            home,
            version: record.version.clone(),
            degraded: inventory.is_degraded(),
            problems: inventory.all_problems(),
            subclusters: inventory.subclusters,
            figures: inventory.figures,
        }
    }
}

/// One subcluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

/// One vat. What few vats have lies elsewhere, so that a thousand of them are in little memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
    /// What it was granted; not in a brief answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<GrantStatus>,
    /// Its code; not in a brief answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<VatComponent>,
    /// Its code before the last upgrade, to which it can be rolled back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Box<VatComponent>>,
    /// Why it is in quarantine, or advice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Box<Problem>>,
}

/// Something that a vat was granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GrantStatus {
    /// Under which it has it: `io.llm`, `vat.index`, `service.timer`.
    pub name: String,
    /// What it gives: `ko7`.
    pub reference: String,
    /// Whether it answers no more.
    pub revoked: bool,
}

/// A vat's code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct VatComponent {
    /// The path or digest as it was written.
    pub written: String,
    /// The path that it was read from.
    pub resolved: String,
    /// Whether it is read again at each start.
    pub linked: bool,
    /// Its SHA-256; absent for a linked component that was not read for this answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Its size in bytes; absent as above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// Whether a vat is served and has a heap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

#[cfg(test)]
mod tests {
    use super::*;

    fn subcluster(state: VatState, problem: Option<Problem>) -> SubclusterStatus {
        let vat = VatStatus {
            id: "v1".into(),
            name: "counter".into(),
            state,
            incarnation: 2,
            queued: 0,
            exports: 1,
            grants: Vec::new(),
            component: None,
            kept: None,
            problem: problem.map(Box::new),
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
        let of = |subcluster| Inventory { subclusters: vec![subcluster], ..Inventory::default() };
        let well = of(subcluster(VatState::Awake, Some(advice.clone())));
        assert!(!well.is_degraded());
        assert_eq!(well.all_problems(), [advice]);
        let ill = of(subcluster(VatState::Quarantined, None));
        assert!(ill.is_degraded());
    }
}
