//! Reports that break a rule, after everything else that the vat did: nothing of them may be applied.

use std::collections::BTreeSet;

use ocap_kernel::*;

use super::model::Names;
use super::{Chance, Turn};

/// The report, and which rule it breaks.
pub fn break_a_rule(chance: &mut Chance, turn: Turn<'_>, names: &Names) -> (&'static str, Report) {
    let own = Slot(1);
    let next = turn.next_slot();
    let mut valid: BTreeSet<Slot> = turn.worker.known.iter().chain(names.keys()).copied().collect();
    valid.insert(own);
    let mut report = turn.end();
    let (rule, syscalls) = match chance.below(6) {
        0 => {
            let gone: Vec<Slot> = (1..next.0).map(Slot).filter(|slot| !valid.contains(slot)).collect();
            let forged = chance.pick(&gone).unwrap_or(Slot(next.0 + chance.below(3)));
            ("a slot is forged", vec![Syscall::Watch { promise: forged, token: u64::MAX }])
        }
        1 => {
            let (promise, resolver) = (Slot(next.0 + 1), Slot(next.0 + 2));
            ("a slot is taken out of turn", vec![Syscall::NewPromise { promise, resolver }])
        }
        2 => {
            let answer = Answer::Fulfill(Payload::plain([]));
            ("an object is settled", vec![Syscall::Settle { resolver: own, answer }])
        }
        3 => {
            let exposed = Exposed { object: 0, lifetime: Lifetime::Incarnation };
            ("an object is exposed with another lifetime", vec![Syscall::Expose { exposed, slot: own }])
        }
        4 => {
            let watch = Syscall::Watch { promise: own, token: u64::MAX };
            ("a token is used twice", vec![watch.clone(), watch])
        }
        _ => ("a vat goes on after its exit", vec![Syscall::Exit(Ok(Payload::plain([]))), Syscall::Pin(true)]),
    };
    report.syscalls.extend(syscalls);
    (rule, report)
}
