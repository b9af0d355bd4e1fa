//! What an honest but aimless vat does with what it has.

use ocap_kernel::*;

use super::{Chance, Turn};

/// One thing that a vat might do. Tokens of watches are taken in turn.
pub fn whim(chance: &mut Chance, turn: &mut Turn<'_>, tokens: &mut u64) {
    let handles: Vec<Slot> = turn.worker.handles.iter().copied().collect();
    let resolvers: Vec<Slot> = turn.worker.resolvers.intersection(&turn.worker.handles).copied().collect();
    let any = chance.pick(&handles);
    let caps: Vec<Slot> = (0..chance.below(3)).filter_map(|_| chance.pick(&handles)).collect();
    let key = [u8::try_from(chance.below(3)).expect("small")];
    match (chance.below(21), any) {
        (0..=2, Some(target)) => {
            turn.call(target, chance.pick(&["x", "fulfill", "forward", "break"]).expect("some"), caps);
        }
        (3, Some(target)) => turn.send(target, "y", caps, chance.pick(&handles)),
        (4, _) => {
            turn.new_promise();
        }
        (5..=6, Some(to)) => {
            if let Some(resolver) = chance.pick(&resolvers) {
                let payload = Payload { body: Body::from([]), caps };
                let answers = [Answer::Forward(to), Answer::Fulfill(payload.clone()), Answer::Break(payload)];
                let index = usize::try_from(chance.below(3)).expect("small");
                turn.settle(resolver, answers[index].clone());
            }
        }
        (7, _) => {
            turn.expose(1 + chance.below(3), Lifetime::Durable);
        }
        (8, _) => {
            turn.expose(11 + chance.below(3), Lifetime::Incarnation);
        }
        (9, Some(promise)) => {
            *tokens += 1;
            turn.watch(promise, *tokens);
        }
        (10, Some(promise)) => {
            if let Some(listener) = chance.pick(&handles) {
                turn.listen(promise, listener);
            }
        }
        (11, _) => turn.put(&key, caps),
        (12, _) => turn.remove(&key),
        (13, _) => turn.get(&key),
        (14, _) => turn.syscall(Syscall::Pin(chance.below(2) == 0)),
        (15, _) => {
            let (promise, resolver) = turn.new_promise();
            *tokens += 1;
            turn.watch(promise, *tokens);
            turn.forward(resolver, chance.pick(&[promise, any.unwrap_or(promise)]).expect("some"));
        }
        (16, Some(to)) => {
            let (promise, resolver) = turn.new_promise();
            turn.call(promise, "x", caps);
            let friend = chance.pick(&handles).expect("there is one");
            turn.send(friend, "y", vec![promise], None);
            if chance.below(2) == 0 {
                turn.forward(resolver, to);
                turn.call(promise, "x", vec![]);
            }
        }
        (17, _) => {
            if let Some(resolver) = chance.pick(&resolvers) {
                let answer = turn.call(resolver, "fulfill", caps);
                *tokens += 1;
                turn.watch(answer, *tokens);
            }
        }
        (_, Some(slot)) => turn.drop(slot),
        (_, None) => turn.syscall(Syscall::Unwatch { token: *tokens }),
    }
}
