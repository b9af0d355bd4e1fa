//! Order: messages on one reference arrive in the order they were sent, whoever sent them and whatever happens on the way
//! (kernel-rules A, 2, 3, 10, 16, 24).

mod world;

use ocap_kernel::*;
use world::{Stage, Turn, launch};

/// What one vat is told next, until nothing is left.
fn all_told(stage: &mut Stage, vat: &str) -> Vec<String> {
    let mut told = Vec::new();
    while stage.is_told(vat) {
        told.push(stage.turn(vat, |_| {}));
    }
    told
}

#[test]
fn a_message_sent_after_the_settlement_never_overtakes_those_that_waited() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        alice.send(promise, "1", vec![], None);
        alice.send(promise, "2", vec![], None);
        alice.forward(resolver, alice.peer("bob"));
        alice.send(promise, "3", vec![], None);
        alice.send(alice.peer("bob"), "4", vec![], None);
    });
    assert_eq!(all_told(&mut stage, "bob"), ["0.1", "0.2", "0.3", "0.4"]);
}

#[test]
fn order_is_kept_through_a_chain_of_forwards() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let (first, resolves_first) = alice.new_promise();
        let (second, resolves_second) = alice.new_promise();
        alice.send(first, "first 1", vec![], None);
        alice.send(second, "second 1", vec![], None);
        alice.send(first, "first 2", vec![], None);
        alice.forward(resolves_first, second);
        alice.send(first, "first 3", vec![], None);
        alice.send(second, "second 2", vec![], None);
        alice.forward(resolves_second, alice.peer("bob"));
        alice.send(first, "first 4", vec![], None);
    });
    let told = all_told(&mut stage, "bob");
    let of = |which: &str| told.iter().filter(|told| told.contains(which)).cloned().collect::<Vec<_>>();
    assert_eq!(of("first"), ["0.first 1", "0.first 2", "0.first 3", "0.first 4"]);
    assert_eq!(of("second"), ["0.second 1", "0.second 2"]);
}

#[test]
fn two_senders_on_one_reference_are_heard_in_the_order_in_which_their_cranks_finished() {
    let mut stage = Stage::with(&["alice", "bob", "carol"]);
    stage.ask("alice", "go");
    stage.ask("carol", "go");
    stage.begin("alice");
    stage.begin("carol");
    stage.turn("carol", |carol| carol.send(carol.peer("bob"), "carol", vec![], None));
    stage.turn("alice", |alice| alice.send(alice.peer("bob"), "alice", vec![], None));
    assert_eq!(all_told(&mut stage, "bob"), ["0.carol", "0.alice"]);
}

#[test]
fn a_reference_that_was_passed_on_is_used_only_after_what_was_sent_on_it_before() {
    let mut stage = Stage::with(&["alice", "bob", "carol"]);
    stage.act("alice", |alice| {
        let bob = alice.peer("bob");
        alice.send(bob, "before", vec![], None);
        alice.send(alice.peer("carol"), "take", vec![bob], None);
    });
    stage.turn("carol", |carol| carol.send(carol.args[0], "after", vec![], None));
    assert_eq!(all_told(&mut stage, "bob"), ["0.before", "0.after"]);
}

#[test]
fn a_parked_vat_finds_its_messages_and_notices_in_the_order_in_which_they_came() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("bob", |bob| {
        let five = bob.expose(5, Lifetime::Durable);
        bob.send(bob.peer("alice"), "take", vec![five], None);
        bob.drop(five);
    });
    let mut five = None;
    stage.turn("alice", |alice| five = Some(alice.args[0]));
    stage.kernel.quarantine(stage.id("bob"), Body::from(*b"why")).expect("bob lives");
    stage.act("alice", |alice| alice.send(alice.peer("bob"), "1", vec![], None));
    stage.act("alice", |alice| alice.drop(five.expect("it was delivered")));
    stage.act("alice", |alice| alice.send(alice.peer("bob"), "2", vec![], None));
    assert!(!stage.is_told("bob"), "a parked vat is not served");
    stage.kernel.heal(stage.id("bob")).expect("bob lives");
    assert_eq!(all_told(&mut stage, "bob"), ["start", "0.1", "dropped 5", "0.2"]);
}

#[test]
fn order_is_not_fail_stop() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        alice.send(alice.peer("bob"), "1", vec![], None);
        alice.send(alice.peer("bob"), "2", vec![], None);
    });
    assert!(matches!(stage.trap("bob"), Verdict::Undone(_)));
    assert_eq!(all_told(&mut stage, "bob"), ["start", "0.2"]);
}

#[test]
fn kr8_a_full_mailbox_refuses_the_tail_of_what_a_promise_releases() {
    let mut declared = launch("scene", &["alice", "bob"]);
    declared.vats[1].mailbox_max = 2;
    let mut stage = Stage::of(declared);
    stage.turn("alice", |_| {});
    stage.turn("bob", |_| {});
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        for (method, token) in [("1", 1), ("2", 2), ("3", 3)] {
            let answer = alice.call(promise, method, vec![]);
            alice.watch(answer, token);
        }
        alice.forward(resolver, alice.peer("bob"));
    });
    assert_eq!(stage.turn("alice", |_| {}), "settled 3=failed mailbox-full");
    assert_eq!(all_told(&mut stage, "bob"), ["0.1", "0.2"]);
}

#[test]
fn notices_take_no_room_in_a_mailbox() {
    let mut declared = launch("scene", &["alice", "bob"]);
    declared.vats[0].mailbox_max = 2;
    let mut stage = Stage::of(declared);
    stage.turn("alice", |_| {});
    stage.act("alice", |alice| {
        (1..=5).for_each(|token| alice.watch(alice.peer("bob"), token));
    });
    let first = stage.ask("alice", "1");
    let second = stage.ask("alice", "2");
    let third = stage.ask("alice", "3");
    assert_eq!((stage.answer(first), stage.answer(second)), (None, None));
    assert_eq!(stage.answer(third).as_deref(), Some("failed mailbox-full"));
}

#[test]
fn a_message_to_oneself_gives_no_place_before_those_whom_the_same_crank_woke() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.ask("alice", "go");
    stage.end("alice", |mut alice: Turn<'_>| {
        let me = alice.expose(0, Lifetime::Durable);
        alice.send(me, "mine", vec![], None);
        alice.send(alice.peer("bob"), "yours", vec![], None);
        alice.end()
    });
    let order: Vec<_> = std::iter::from_fn(|| stage.kernel.begin()).map(|crank| crank.vat).collect();
    assert_eq!(order, [stage.id("bob"), stage.id("alice")]);
}

#[test]
fn a_vat_with_much_to_do_lets_the_others_have_their_turn() {
    let mut stage = Stage::with(&["alice", "bob"]);
    for _ in 0..10 {
        stage.ask("alice", "work");
    }
    stage.ask("bob", "quick");
    stage.turn("alice", |_| {});
    let next = stage.kernel.begin().expect("somebody is ready");
    assert_eq!(next.vat, stage.id("bob"));
}

#[test]
fn a_vat_is_never_in_two_cranks_at_once() {
    let mut stage = Stage::with(&["alice", "bob"]);
    for _ in 0..3 {
        stage.ask("alice", "work");
    }
    let first = stage.kernel.begin().expect("alice is ready");
    assert_eq!(first.vat, stage.id("alice"));
    assert_eq!(stage.kernel.begin(), None);
}
