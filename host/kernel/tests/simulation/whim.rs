//! What an honest but aimless vat does with what it has.

use ocap_kernel::*;

use super::options::Whim;
use super::{Chance, Turn};

/// Carries out one whim as far as the vat has what it takes. Tokens of watches are taken in turn.
pub fn follow(whim: Whim, chance: &mut Chance, turn: &mut Turn<'_>, tokens: &mut u64) {
    let key = [u8::try_from(chance.below(3)).expect("small")];
    match whim {
        Whim::NewPromise => drop(turn.new_promise()),
        Whim::ExposeDurable => drop(turn.expose(1 + chance.below(3), Lifetime::Durable)),
        Whim::ExposeIncarnation => drop(turn.expose(11 + chance.below(3), Lifetime::Incarnation)),
        Whim::Put => {
            let caps = some_handles(chance, turn);
            turn.put(&key, caps);
        }
        Whim::Remove => turn.remove(&key),
        Whim::Get => turn.get(&key),
        Whim::Pin => turn.syscall(Syscall::Pin(chance.below(2) == 0)),
        Whim::Unwatch => turn.syscall(Syscall::Unwatch { token: tokens.saturating_sub(chance.below(4)) }),
        Whim::DropAll => turn.keep_only(&[]),
        Whim::Datalock => datalock(chance, turn),
        Whim::ForwardInCircle => {
            let (promise, resolver) = turn.new_promise();
            *tokens += 1;
            turn.watch(promise, *tokens);
            let to = if chance.below(2) == 0 { Some(promise) } else { one_handle(chance, turn) };
            turn.settle(resolver, Answer::Forward(to.unwrap_or(promise)));
        }
        Whim::Settle | Whim::SettleAndKeep => settle(whim, chance, turn),
        Whim::Revoke => {
            let rights: Vec<Slot> = turn.worker.rights.intersection(&turn.worker.handles).copied().collect();
            if let Some(right) = chance.pick(&rights) {
                turn.call(right, "revoke", Vec::new());
            }
        }
        Whim::Hoard => (0..40).for_each(|_| {
            turn.new_promise();
        }),
        Whim::Call
        | Whim::CallResolver
        | Whim::SendWithAnswerTo
        | Whim::Pipeline
        | Whim::Watch
        | Whim::Listen
        | Whim::Guard
        | Whim::DropOne => with_a_handle(whim, chance, turn, tokens),
    }
}

fn one_handle(chance: &mut Chance, turn: &Turn<'_>) -> Option<Slot> {
    let handles: Vec<Slot> = turn.worker.handles.iter().copied().collect();
    chance.pick(&handles)
}

fn some_handles(chance: &mut Chance, turn: &Turn<'_>) -> Vec<Slot> {
    (0..chance.below(3)).filter_map(|_| one_handle(chance, turn)).collect()
}

/// A resolver that the vat has in its hands. Promises and resolvers that came as arguments are taken for objects.
fn one_resolver(chance: &mut Chance, turn: &Turn<'_>) -> Option<Slot> {
    let resolvers: Vec<Slot> = turn.worker.resolvers.intersection(&turn.worker.handles).copied().collect();
    chance.pick(&resolvers)
}

fn with_a_handle(whim: Whim, chance: &mut Chance, turn: &mut Turn<'_>, tokens: &mut u64) {
    let Some(one) = one_handle(chance, turn) else { return };
    let caps = some_handles(chance, turn);
    match whim {
        Whim::Call => {
            let method = chance.pick(&["x", "x", "x", "fulfill", "forward", "break"]).expect("some");
            turn.call(one, method, caps);
        }
        Whim::SendWithAnswerTo => {
            let answer = if chance.below(8) == 0 { None } else { one_handle(chance, turn) };
            turn.send(one, "y", caps, answer);
        }
        Whim::CallResolver => {
            if let Some(resolver) = one_resolver(chance, turn) {
                let answer = turn.call(resolver, "fulfill", caps);
                *tokens += 1;
                turn.watch(answer, *tokens);
            }
        }
        Whim::Pipeline => {
            let (promise, resolver) = turn.new_promise();
            turn.call(promise, "x", caps);
            let friend = one_handle(chance, turn).expect("there is one");
            turn.send(friend, "y", vec![promise], None);
            if chance.below(2) == 0 {
                turn.settle(resolver, Answer::Forward(one));
                turn.call(promise, "x", vec![]);
            }
        }
        Whim::Watch => {
            *tokens += 1;
            turn.watch(one, *tokens);
        }
        Whim::Listen => {
            let listener = one_handle(chance, turn).expect("there is one");
            turn.listen(one, listener);
        }
        Whim::Guard => {
            let (guarded, right) = turn.guard(one);
            let friend = one_handle(chance, turn).expect("there is one");
            let caps = if chance.below(4) == 0 { vec![guarded, right] } else { vec![guarded] };
            turn.send(friend, "y", caps, None);
            turn.call(guarded, "x", Vec::new());
        }
        _ => turn.drop(one),
    }
}

fn settle(whim: Whim, chance: &mut Chance, turn: &mut Turn<'_>) {
    let Some(resolver) = one_resolver(chance, turn) else { return };
    let caps = some_handles(chance, turn);
    let answer = match (chance.below(3), one_handle(chance, turn)) {
        (0, Some(to)) => Answer::Forward(to),
        (1, _) => Answer::Break(turn.payload(caps)),
        _ => Answer::Fulfill(turn.payload(caps)),
    };
    turn.settle(resolver, answer);
    if whim == Whim::SettleAndKeep {
        turn.worker.handles.insert(resolver);
    }
}

/// Two promises, each of which can be settled only by a message that waits on the other (kernel-rules C).
fn datalock(chance: &mut Chance, turn: &mut Turn<'_>) {
    let (one, settles_one) = turn.new_promise();
    let (other, settles_other) = turn.new_promise();
    turn.send(one, "x", vec![settles_other], None);
    let held = if chance.below(2) == 0 { settles_one } else { settles_other };
    turn.send(other, "x", vec![settles_one], Some(held));
    turn.drop(settles_one);
    turn.drop(settles_other);
}
