//! What may be asked of a running host, and its answers: on the way to the run loop and, as JSON, on the control socket.
//!
//! One file a family of commands. Each answer carries `$type`, and its shape only grows: names and meanings of published fields never
//! change. The body of a request is what the run loop is asked, too.

mod calls;
mod dead_letters;
mod doctor;
mod host;
mod launch;
mod lives;
mod quarantine;
mod status;

use tokio::sync::oneshot;

use crate::problem::Problem;

pub use calls::{CallBody, CallOutcome};
pub use dead_letters::{DeadLetter, DeadLetters, DropBody, Dropped, LetterBody, Why};
pub use doctor::{Checkup, Counts, Subject};
pub use host::{Pong, Ready, Stopping};
pub use launch::{IfChanged, LaunchBody, Launched, Origin};
pub use lives::{TerminateBody, Terminated};
pub use quarantine::{Quarantine, Retried, RetryBody};
pub use status::{ChannelState, ChannelStatus, Inventory, Status, SubclusterStatus, VatState, VatStatus};

/// Where an answer goes. Dropping it tells the asker that the host stops.
pub type Reply<T> = oneshot::Sender<Result<T, Problem>>;

/// A request to the run loop.
#[derive(Debug)]
pub enum Request {
    /// What there is and how it does.
    Status(Reply<Inventory>),
    /// Start the subcluster of a declaration or bundle.
    Launch(LaunchBody, Reply<Launched>),
    /// End a subcluster for good, with everything its vats keep.
    Terminate(TerminateBody, Reply<Terminated>),
    /// Send a message to an object and wait for its answer.
    Call(CallBody, Reply<CallOutcome>),
    /// The diagnostics of everything in quarantine.
    QuarantineList(Reply<Vec<Problem>>),
    /// Try once more to serve what is in quarantine.
    QuarantineRetry(RetryBody, Reply<Retried>),
    /// The messages that will never be delivered.
    DeadLetterList(Reply<DeadLetters>),
    /// One of them, by its number, with what was in it.
    DeadLetterShow(String, Reply<DeadLetter>),
    /// Forget one of them, or all.
    DeadLetterDrop(DropBody, Reply<Dropped>),
    /// Count and check everything again.
    Doctor(Reply<Checkup>),
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
