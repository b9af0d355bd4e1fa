//! What two or three vats can do with promises between them: sent before, after and instead of their ends, chained, crossed and
//! pipelined. The ids are those of [docs/behaviours.md](../../../docs/behaviours.md).

mod world;

use ocap_kernel::*;
use world::Stage;

/// Alice makes a promise and keeps its resolver.
fn alices_promise(stage: &mut Stage) -> (Slot, Slot) {
    let mut made = None;
    stage.act("alice", |alice| made = Some(alice.new_promise()));
    made.expect("she made one")
}

/// What a vat is given with its next delivery.
fn given(stage: &mut Stage, vat: &str) -> Vec<Slot> {
    let mut args = Vec::new();
    stage.turn(vat, |turn| args = turn.args.clone());
    args
}

/// A vat is given one promise and watches it.
fn is_given_and_watches(stage: &mut Stage, vat: &str, token: u64) -> Slot {
    let mut promise = None;
    stage.turn(vat, |turn| {
        promise = Some(turn.args[0]);
        turn.watch(turn.args[0], token);
    });
    promise.expect("it was given")
}

#[test]
fn ls1_a_promise_that_was_sent_as_an_argument_and_settled_afterwards_is_heard_by_the_receiver() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let (promise, resolver) = alices_promise(&mut stage);
    stage.act("alice", |alice| alice.send(alice.peer("bob"), "take", vec![promise], None));
    is_given_and_watches(&mut stage, "bob", 1);
    assert!(!stage.is_told("bob"));
    stage.act("alice", |alice| alice.fulfill(resolver, "hello"));
    assert_eq!(stage.turn("bob", |_| {}), "settled 1=hello");
}

#[test]
fn ls2_a_promise_that_was_settled_before_it_was_sent_is_heard_by_the_receiver() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let (promise, resolver) = alices_promise(&mut stage);
    stage.act("alice", |alice| alice.fulfill(resolver, "hello"));
    stage.act("alice", |alice| alice.send(alice.peer("bob"), "take", vec![promise], None));
    is_given_and_watches(&mut stage, "bob", 1);
    assert_eq!(stage.turn("bob", |_| {}), "settled 1=hello");
}

#[test]
fn ls3_a_promise_that_is_settled_after_the_answer_to_its_message_is_heard_by_the_receiver() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let (promise, resolver) = alices_promise(&mut stage);
    stage.act("alice", |alice| {
        let answer = alice.call(alice.peer("bob"), "take", vec![promise]);
        alice.watch(answer, 1);
    });
    stage.turn("bob", |bob| {
        bob.watch(bob.args[0], 2);
        bob.fulfill(bob.resolver.expect("an answer is wanted"), "taken");
    });
    assert_eq!(stage.turn("alice", |alice| alice.fulfill(resolver, "hello")), "settled 1=taken");
    assert_eq!(stage.turn("bob", |_| {}), "settled 2=hello");
}

#[test]
fn ls4_a_chain_of_promises_each_resolving_the_next_ends_with_the_last() {
    const LINKS: usize = 10;
    let mut stage = Stage::with(&["alice", "bob"]);
    let mut links = Vec::new();
    stage.act("alice", |alice| {
        links.extend((0..LINKS).map(|_| alice.new_promise()));
        alice.send(alice.peer("bob"), "take", links.iter().map(|(promise, _)| *promise).collect(), None);
    });
    stage.turn("bob", |bob| {
        let promises = bob.args.clone();
        (0..).zip(promises).for_each(|(token, promise)| bob.watch(promise, token));
    });
    // Each is settled with the next, in a crank of its own, and nobody hears before the last one ends.
    for pair in links.windows(2) {
        stage.act("alice", |alice| alice.forward(pair[0].1, pair[1].0));
        assert!(!stage.is_told("bob"));
    }
    stage.act("alice", |alice| alice.fulfill(links[LINKS - 1].1, "the end"));
    let all: Vec<_> = (0..LINKS).map(|token| format!("{token}=the end")).collect();
    assert_eq!(stage.turn("bob", |_| {}), format!("settled {}", all.join(" ")));
    assert!(!stage.is_told("bob"));
}

/// Bob watches the first of two promises, of which each contains the other.
fn walks_around(stage: &mut Stage, first: Slot) {
    let mut second = None;
    assert_eq!(
        stage.turn("bob", |bob| {
            second = Some(bob.args[0]);
            bob.watch(bob.args[0], 2);
        }),
        "settled 1=with"
    );
    assert_ne!(second, Some(first));
    let told = stage.turn("bob", |bob| {
        assert_eq!(bob.args, [first], "around the cycle he comes back to the same one");
        bob.keep_only(&[]);
    });
    assert_eq!(told, "settled 2=with");
}

#[test]
fn ls5_two_promises_that_are_fulfilled_with_each_other_are_both_heard_and_leave_nothing_behind() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let (first, resolves_first) = alice.new_promise();
        let (second, resolves_second) = alice.new_promise();
        alice.fulfill_with(resolves_first, vec![second]);
        alice.fulfill_with(resolves_second, vec![first]);
        alice.send(alice.peer("bob"), "take", vec![first], None);
        alice.keep_only(&[]);
    });
    let first = is_given_and_watches(&mut stage, "bob", 1);
    walks_around(&mut stage, first);
    stage.kernel.sweep();
    assert_eq!(stage.kernel.promises(), 0);
}

#[test]
fn ls6_a_cycle_of_values_that_is_closed_over_several_cranks_is_heard_and_leaves_nothing_behind() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let (first, resolves_first) = alices_promise(&mut stage);
    let (second, resolves_second) = alices_promise(&mut stage);
    stage.act("alice", |alice| alice.send(alice.peer("bob"), "take", vec![first], None));
    let at_bob = is_given_and_watches(&mut stage, "bob", 1);
    stage.act("alice", |alice| alice.fulfill_with(resolves_first, vec![second]));
    stage.begin("bob");
    stage.act("alice", |alice| {
        alice.fulfill_with(resolves_second, vec![first]);
        alice.keep_only(&[]);
    });
    walks_around(&mut stage, at_bob);
    stage.kernel.sweep();
    assert_eq!(stage.kernel.promises(), 0);
}

/// Alice and bob each make a promise and give it to the other; what each holds of it: the resolver of the own, and the other's.
fn swapped(stage: &mut Stage) -> [(Slot, Slot); 2] {
    let mut resolvers = Vec::new();
    for (one, other) in [("alice", "bob"), ("bob", "alice")] {
        stage.act(one, |turn| {
            let (promise, resolver) = turn.new_promise();
            turn.watch(promise, 1);
            turn.send(turn.peer(other), "take", vec![promise], None);
            resolvers.push(resolver);
        });
        assert_eq!(stage.begin(other), "0.take");
        let promise = given(stage, other)[0];
        resolvers.push(promise);
    }
    [(resolvers[0], resolvers[3]), (resolvers[2], resolvers[1])]
}

#[test]
fn ls7_two_vats_that_each_fulfill_with_the_others_promise_both_hear() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let [at_alice, at_bob] = swapped(&mut stage);
    stage.act("alice", |alice| alice.fulfill_with(at_alice.0, vec![at_alice.1]));
    stage.act("bob", |bob| bob.fulfill_with(at_bob.0, vec![at_bob.1]));
    assert_eq!(stage.turn("alice", |alice| assert_eq!(alice.args, [at_alice.1])), "settled 1=with");
    assert_eq!(stage.turn("bob", |bob| assert_eq!(bob.args, [at_bob.1])), "settled 1=with");
}

#[test]
fn ls7_two_vats_that_each_forward_to_the_others_promise_both_hear_that_it_is_a_cycle() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let [at_alice, at_bob] = swapped(&mut stage);
    stage.act("alice", |alice| alice.forward(at_alice.0, at_alice.1));
    assert!(!stage.is_told("alice"));
    stage.act("bob", |bob| bob.forward(at_bob.0, at_bob.1));
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed forward-cycle");
    assert_eq!(stage.turn("bob", |_| {}), "settled 1=failed forward-cycle");
}

#[test]
fn ls8_a_promise_inside_the_value_of_a_promise_is_heard_when_its_own_time_comes() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let (outer, resolves_outer) = alices_promise(&mut stage);
    let (inner, resolves_inner) = alices_promise(&mut stage);
    stage.act("alice", |alice| alice.send(alice.peer("bob"), "take", vec![outer], None));
    is_given_and_watches(&mut stage, "bob", 1);
    stage.act("alice", |alice| alice.fulfill_with(resolves_outer, vec![inner]));
    assert_eq!(stage.turn("bob", |bob| bob.watch(bob.args[0], 2)), "settled 1=with");
    assert!(!stage.is_told("bob"));
    stage.act("alice", |alice| alice.fulfill(resolves_inner, "inside"));
    assert_eq!(stage.turn("bob", |_| {}), "settled 2=inside");
}

#[test]
fn ls9_the_answer_of_one_call_can_be_an_argument_of_the_next_before_it_is_there() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let first = alice.call(alice.peer("bob"), "first", vec![]);
        alice.send(alice.peer("bob"), "second", vec![first], None);
    });
    let told = stage.turn("bob", |bob| bob.fulfill(bob.resolver.expect("an answer is wanted"), "one"));
    assert_eq!(told, "0.first");
    is_given_and_watches(&mut stage, "bob", 1);
    assert_eq!(stage.turn("bob", |_| {}), "settled 1=one");
}

#[test]
fn ls10_an_answer_that_is_passed_on_unsettled_is_heard_by_a_third_vat_when_it_comes() {
    let mut stage = Stage::with(&["alice", "bob", "carol"]);
    stage.act("alice", |alice| {
        let answer = alice.call(alice.peer("bob"), "question", vec![]);
        alice.send(alice.peer("carol"), "take", vec![answer], None);
        alice.drop(answer);
    });
    let mut resolver = None;
    stage.turn("bob", |bob| resolver = bob.resolver);
    is_given_and_watches(&mut stage, "carol", 1);
    assert!(!stage.is_told("carol"));
    stage.act("bob", |bob| bob.fulfill(resolver.expect("an answer is wanted"), "at last"));
    assert_eq!(stage.turn("carol", |_| {}), "settled 1=at last");
    assert!(!stage.is_told("alice"), "she did not keep it");
}

#[test]
fn ls11_a_message_to_a_promise_that_has_ended_goes_to_what_it_ended_with() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let mut answer = None;
    stage.act("alice", |alice| {
        let five = alice.call(alice.peer("bob"), "five", vec![]);
        alice.watch(five, 1);
        answer = Some(five);
    });
    stage.turn("bob", |bob| {
        let five = bob.expose(5, Lifetime::Durable);
        bob.forward(bob.resolver.expect("an answer is wanted"), five);
    });
    let told = stage.turn("alice", |alice| {
        alice.send(alice.args[0], "to the object", vec![], None);
        alice.send(answer.expect("she has it"), "to the promise", vec![], None);
    });
    assert_eq!(told, "settled 1=forwarded");
    assert_eq!(stage.turn("bob", |_| {}), "5.to the object");
    assert_eq!(stage.turn("bob", |_| {}), "5.to the promise");
}

#[test]
fn ls12_a_message_to_an_unsettled_promise_waits_for_it_and_is_answered_along_the_whole_pipeline() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        // Three calls in one crank, each to the answer of the one before.
        let five = alice.call(alice.peer("bob"), "five", vec![]);
        let six = alice.call(five, "six", vec![]);
        let end = alice.call(six, "end", vec![]);
        alice.watch(end, 1);
        alice.keep_only(&[]);
    });
    for (told, object) in [("0.five", 5), ("5.six", 6)] {
        let was_told = stage.turn("bob", |bob| {
            let next = bob.expose(object, Lifetime::Durable);
            bob.forward(bob.resolver.expect("an answer is wanted"), next);
        });
        assert_eq!(was_told, told);
        assert!(!stage.is_told("alice"));
    }
    assert_eq!(stage.turn("bob", |bob| bob.fulfill(bob.resolver.expect("asked"), "the end")), "6.end");
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=the end");
}
