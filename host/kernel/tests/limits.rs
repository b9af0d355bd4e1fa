//! What is bounded, how whoever exceeds it is told, and that a vat which takes much leaves the others their turn (kernel-rules 19, 24).

mod world;

use ocap_kernel::*;
use world::{Stage, launch};

/// Alice and bob, of whom bob may hold so many references. He has two from the start: his root and the grant of alice; and the door.
fn where_bob_may_hold(references: u64) -> Stage {
    let mut declared = launch("scene", &["alice", "bob"]);
    declared.vats[1].references_max = references;
    let mut stage = Stage::of(declared);
    stage.turn("alice", |_| {});
    stage.turn("bob", |_| {});
    stage
}

/// Alice sends bob so many new objects in one message, and watches the answer.
fn sends_new_objects(stage: &mut Stage, objects: u64, token: u64) {
    stage.act("alice", |alice| {
        let first = 100 * token;
        let new = (first..first + objects).map(|object| alice.expose(object, Lifetime::Durable)).collect();
        let answer = alice.call(alice.peer("bob"), "take", new);
        alice.watch(answer, token);
    });
}

#[test]
fn a_message_that_brings_more_references_than_its_vat_may_hold_is_answered_too_large() {
    let mut stage = where_bob_may_hold(10);
    // With the way back for the answer that makes seven, and with three that he has, ten.
    sends_new_objects(&mut stage, 6, 1);
    let took = stage.turn("bob", |bob| bob.fulfill(bob.resolver.expect("asked"), "taken"));
    assert_eq!(took, "0.take");
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=taken");
    sends_new_objects(&mut stage, 1, 2);
    assert!(!stage.is_told("bob"));
    assert_eq!(stage.turn("alice", |_| {}), "settled 2=failed too-large");
    // Who lets go has room again.
    stage.act("alice", |alice| alice.send(alice.peer("bob"), "let go", vec![], None));
    assert_eq!(stage.turn("bob", |bob| bob.keep_only(&[])), "0.let go");
    sends_new_objects(&mut stage, 6, 3);
    assert_eq!(stage.turn("bob", |_| {}), "0.take");
}

#[test]
fn a_crank_that_makes_more_references_than_its_vat_may_hold_is_undone() {
    let mut stage = where_bob_may_hold(10);
    stage.act("alice", |alice| alice.send(alice.peer("bob"), "make", vec![], None));
    let (_, verdict) = stage.end("bob", |mut bob| {
        for _ in 0..4 {
            bob.new_promise();
        }
        bob.end()
    });
    assert!(matches!(&verdict, Verdict::Undone(cause) if cause.contains("10 references")), "{verdict:?}");
    // What it makes and lets go of in the same crank does not count.
    stage.act("alice", |alice| alice.send(alice.peer("bob"), "make", vec![], None));
    assert_eq!(stage.turn("bob", |_| {}), "start");
    stage.turn("bob", |bob| {
        for _ in 0..50 {
            let (promise, resolver) = bob.new_promise();
            bob.drop(promise);
            bob.fulfill(resolver, "done");
        }
    });
}

#[test]
fn one_message_more_than_may_wait_on_a_promise_is_answered_mailbox_full() {
    const MAX: u64 = limits::PROMISE_QUEUE_MESSAGES_MAX as u64;
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        alice.put(b"resolver", vec![resolver]);
        (0..MAX).for_each(|_| alice.send(promise, "waits", vec![], None));
        let refused = alice.call(promise, "too many", vec![]);
        alice.watch(refused, 1);
    });
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed mailbox-full");
}

#[test]
fn an_answer_that_finds_the_mailbox_of_its_object_full_becomes_a_dead_letter() {
    let mut declared = launch("scene", &["alice", "bob"]);
    declared.vats[0].mailbox_max = 1;
    let mut stage = Stage::of(declared);
    stage.turn("alice", |_| {});
    stage.turn("bob", |_| {});
    stage.act("alice", |alice| {
        let ear = alice.expose(7, Lifetime::Durable);
        alice.send(alice.peer("bob"), "question", vec![], Some(ear));
    });
    stage.ask("alice", "fills the mailbox");
    stage.turn("bob", |bob| bob.fulfill(bob.resolver.expect("asked"), "the answer"));
    let letters: Vec<_> = stage.kernel.dead_letters().map(|(_, letter)| (letter.why, letter.body.to_vec())).collect();
    assert_eq!(letters, [(Why::MailboxFull, b"the answer".to_vec())]);
    assert_eq!(stage.turn("alice", |_| {}), "0.fills the mailbox");
}

#[test]
fn a_vat_with_several_turns_has_that_many_cranks_in_a_row_and_then_lets_the_others() {
    let mut declared = launch("scene", &["alice", "bob"]);
    declared.vats[0].turns = 3;
    let mut stage = Stage::of(declared);
    stage.turn("alice", |_| {});
    stage.turn("bob", |_| {});
    for _ in 0..8 {
        stage.ask("alice", "work");
        stage.ask("bob", "work");
    }
    let mut order = String::new();
    while let Some(crank) = stage.kernel.begin() {
        order.push(if crank.vat == stage.id("alice") { 'a' } else { 'b' });
        let report = Report { outcome: Outcome::Done, syscalls: vec![], store: vec![], taken: vec![], dropped: vec![] };
        stage.kernel.finish(crank.vat, crank.id, report);
    }
    assert_eq!(order, "aaabaaabaabbbbbb");
}

#[test]
fn a_vat_that_traps_again_and_again_waits_before_its_next_delivery_and_loses_nothing() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let bob = stage.id("bob");
    for _ in 0..4 {
        stage.act("alice", |alice| alice.send(alice.peer("bob"), "poison", vec![], None));
    }
    let trap = |stage: &mut Stage| {
        loop {
            let crank = stage.kernel.begin().expect("bob is served");
            let is_start = matches!(crank.delivery, Delivery::Start(_));
            let outcome = if is_start { Outcome::Done } else { Outcome::Trapped("poison".to_owned()) };
            let report = Report { outcome, syscalls: vec![], store: vec![], taken: vec![], dropped: vec![] };
            stage.kernel.finish(crank.vat, crank.id, report);
            if !is_start {
                return;
            }
        }
    };
    stage.trap("bob");
    assert_eq!(stage.kernel.resting(bob), None, "once is nothing");
    trap(&mut stage);
    assert_eq!(stage.kernel.resting(bob), Some(2));
    assert_eq!(stage.kernel.begin(), None);
    // Others are not kept waiting by it.
    stage.kernel.ask(stage.root("alice"), "hello", Payload::plain([])).expect("a root");
    assert_eq!(stage.kernel.begin().map(|crank| crank.vat), Some(stage.id("alice")));
    stage.kernel.rested(bob);
    assert_eq!(stage.kernel.resting(bob), None);
    trap(&mut stage);
    assert_eq!(stage.kernel.resting(bob), Some(3));
    stage.kernel.rested(bob);
    // Something that works ends it.
    for told in ["start", "message"] {
        let crank = stage.kernel.begin().expect("bob is served");
        assert_eq!(matches!(crank.delivery, Delivery::Start(_)), told == "start");
        let report = Report { outcome: Outcome::Done, syscalls: vec![], store: vec![], taken: vec![], dropped: vec![] };
        assert_eq!(stage.kernel.finish(crank.vat, crank.id, report), Verdict::Applied);
    }
    assert_eq!(stage.kernel.resting(bob), None);
    stage.check();
}
