//! What may be asked of a running host, and its answers: on the way to the run loop and, as JSON, on the control socket.
//!
//! One file a family of commands. Each answer carries `$type`, and its shape only grows: names and meanings of published fields never
//! change. The body of a request is what the run loop is asked, too.

mod calls;
mod caps;
mod db;
mod dead_letters;
mod doctor;
mod events;
mod graph;
mod hibernate;
mod host;
mod inspect;
mod launch;
mod lives;
mod metrics;
mod pins;
mod plan;
mod prune;
mod ps;
mod quarantine;
mod revoke;
mod status;
mod upgrade;

use tokio::sync::oneshot;

use crate::problem::Problem;

pub use calls::{CallBody, CallOutcome, Until};
pub use caps::{
    CameBy, CapsOf, CapsOfBody, CapsWhy, CapsWhyBody, HeldCap, Hold, Holder, Link, Moment, RevokePlan, Step, StepKind,
};
pub use db::{BackedUp, Backup, BackupBody, BackupComponent, BackupFile, Components, DbChecked};
pub use dead_letters::{DeadLetter, DeadLetters, DropBody, Dropped, LetterBody, Why};
pub use doctor::{Checkup, Counts, FixBody, Subject, Treatment};
pub use events::{Ender, Event, Gap, Happening};
pub use graph::{Edge, EdgeKind, EdgeReference, Graph, GraphBody, Node, NodeKind};
pub use hibernate::{Before, Force, HibernateBody, Hibernated};
pub use host::{Pong, Ready, Stopping};
pub use inspect::{
    ChannelInspection, Export, Held, Import, InspectBody, Inspection, Kind, LISTED_MAX, Listed, ObjectInspection,
    PromiseInspection, PromiseState, Suspected, VatHolder, VatInspection, Waiting,
};
pub use launch::{IfChanged, LaunchBody, Launched, Origin};
pub use lives::{Ending, EndingVat, RestartBody, Restarted, RestartedVat, Scope, TerminateBody, Terminated};
pub use metrics::{Bucket, Figures, Metrics, SinceBoot, Spread, VatCounts};
pub use pins::{Pin, PinBody, Pins, UnpinBody};
pub use plan::{Granted, LaunchPlan, Outcome, PlannedChannel, PlannedGrant, PlannedVat};
pub use prune::{PruneBody, PruneOutcome, Pruned, Unneeded};
pub use ps::{Activity, Ps, VatError, VatUsage};
pub use quarantine::{
    Bytes, OtherComponent, Policy, Quarantine, Quarantined, RepairBody, RepairFrom, RepairOutcome, Repaired, Retried,
    RetryBody, ShowBody,
};
pub use revoke::{RevokeBody, Revoked, Since};
pub use status::{
    ChannelState, ChannelStatus, Detail, GrantStatus, Inventory, Status, SubclusterStatus, VatComponent, VatState,
    VatStatus,
};
pub use upgrade::{UpgradeBody, UpgradeOutcome, UpgradeTo, Upgraded};

/// Where an answer goes. Dropping it tells the asker that the host stops.
pub type Reply<T> = oneshot::Sender<Result<T, Problem>>;

/// A request to the run loop.
#[derive(Debug)]
pub enum Request {
    /// What there is and how it does.
    Status(Detail, Reply<Inventory>),
    /// What each vat does and takes; of one subcluster, if one is named.
    Ps(Option<String>, Reply<Ps>),
    /// Everything about one vat, object, promise or channel.
    Inspect(InspectBody, Reply<Inspection>),
    /// The figures of the whole host.
    Metrics(Reply<Metrics>),
    /// Start the subcluster of a declaration or bundle.
    Launch(LaunchBody, Reply<Launched>),
    /// Say what a launch would do, and do nothing.
    Plan(LaunchBody, Reply<LaunchPlan>),
    /// End a subcluster or a vat for good, with everything that it keeps.
    Terminate(TerminateBody, Reply<Terminated>),
    /// Say what that would end, and do nothing.
    TerminatePreview(TerminateBody, Reply<Ending>),
    /// New incarnations of the same state.
    Restart(RestartBody, Reply<Restarted>),
    /// Other code for the same state.
    Upgrade(UpgradeBody, Reply<Upgraded>),
    /// Check whether that could be done, and do nothing.
    UpgradePlan(UpgradeBody, Reply<Upgraded>),
    /// Take back an object or a grant.
    Revoke(RevokeBody, Reply<Revoked>),
    /// Say who would lose what by that, and do nothing.
    RevokePlan(RevokeBody, Reply<RevokePlan>),
    /// Who holds something, and how each came to.
    CapsWhy(CapsWhyBody, Reply<CapsWhy>),
    /// What a vat holds.
    CapsOf(CapsOfBody, Reply<CapsOf>),
    /// Who can reach what.
    Graph(GraphBody, Reply<Graph>),
    /// Let a vat leave memory.
    Hibernate(HibernateBody, Reply<Hibernated>),
    /// Send a message to an object and wait for its answer.
    Call(CallBody, Reply<CallOutcome>),
    /// Keep a reference until it is unpinned.
    Pin(PinBody, Reply<Pin>),
    /// All that is kept so.
    Pins(Reply<Pins>),
    /// Keep a reference no longer.
    Unpin(UnpinBody, Reply<Pin>),
    /// The diagnostics of everything in quarantine.
    QuarantineList(Reply<Quarantine>),
    /// Everything about one vat in quarantine.
    QuarantineShow(ShowBody, Reply<Quarantined>),
    /// Try once more to serve what is in quarantine.
    QuarantineRetry(RetryBody, Reply<Retried>),
    /// Serve a vat in quarantine again, with a component from elsewhere.
    QuarantineRepair(RepairBody, Reply<Repaired>),
    /// Give up a vat in quarantine, or a subcluster of which nothing is served, with everything that it keeps.
    QuarantinePrune(TerminateBody, Reply<Terminated>),
    /// Say what that would end, and do nothing.
    QuarantinePrunePreview(TerminateBody, Reply<Ending>),
    /// The messages that will never be delivered.
    DeadLetterList(Reply<DeadLetters>),
    /// One of them, by its number, with what was in it.
    DeadLetterShow(String, Reply<DeadLetter>),
    /// Forget one of them, or all.
    DeadLetterDrop(DropBody, Reply<Dropped>),
    /// Remove what no vat needs any more.
    Prune(PruneBody, Reply<Pruned>),
    /// Say what that would remove, and do nothing.
    PrunePlan(Reply<Pruned>),
    /// Look at every page and row of the store.
    DbCheck(Reply<DbChecked>),
    /// Copy the store and what it needs.
    DbBackup(BackupBody, Reply<BackedUp>),
    /// Count and check everything again.
    Doctor(Reply<Checkup>),
    /// Mend what can be mended without a loss.
    DoctorFix(FixBody, Reply<Checkup>),
    /// Stop in good order. Answered when the loop has understood; the end shows at the lock.
    Stop(Reply<()>),
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_problem_on_the_wire_says_what_it_is() {
        let problem = Problem::new("ocap::x::y", "it broke");
        let wire = json!({"$type": "problem", "code": "ocap::x::y", "level": "error", "message": "it broke"});
        assert_eq!(serde_json::to_value(&problem).expect("json"), wire);
        assert_eq!(serde_json::from_value::<Problem>(wire).expect("a problem"), problem);
    }
}
