//! What one vat may take from others: turns, rests, references.

mod world;

use ocap_kernel::*;
use world::*;

fn stage_with(names: &[&str], change: impl Fn(&mut LaunchVat)) -> Stage {
    let mut launch = launch("scene", names);
    launch.vats.iter_mut().for_each(change);
    let mut stage = Stage::of(launch);
    for name in names {
        stage.turn(name, |_| {});
    }
    stage
}

#[test]
fn a_vat_with_more_turns_gets_that_many_cranks_before_the_others_and_no_more() {
    let mut stage = stage_with(&["alice", "bob"], |vat| vat.turns = if vat.name == "alice" { 3 } else { 1 });
    for _ in 0..6 {
        stage.ask("alice", "one of many");
        stage.ask("bob", "one of many");
    }
    let mut order = String::new();
    for _ in 0..8 {
        let crank = stage.kernel.begin().expect("somebody is ready");
        let name = if crank.vat == stage.id("alice") { "alice" } else { "bob" };
        stage.flying.insert(crank.vat, crank);
        stage.turn(name, |_| {});
        order.push_str(&name[..1]);
    }
    assert_eq!(order, "aaabaaab");
}

#[test]
fn a_vat_that_traps_twice_in_a_row_waits_until_it_is_told_to_go_on() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let alice = stage.id("alice");
    for _ in 0..3 {
        stage.ask("alice", "poison");
    }
    stage.trap("alice");
    assert_eq!(stage.kernel.resting(alice), None, "the first trap costs nothing but the heap");
    stage.turn("alice", |_| {});
    stage.trap("alice");
    assert_eq!(stage.kernel.resting(alice), Some(2));
    assert_eq!(stage.kernel.begin(), None, "she waits");
    stage.ask("bob", "hello");
    assert_eq!(stage.kernel.begin().map(|crank| crank.vat), Some(stage.id("bob")), "nobody else does");
    stage.kernel.rested(alice);
    assert_eq!(stage.kernel.begin().map(|crank| crank.vat), Some(alice));
    stage.check();
}

#[test]
fn a_message_with_more_references_than_its_receiver_may_hold_is_answered_and_the_next_one_is_delivered() {
    let mut stage = stage_with(&["alice", "bob"], |vat| vat.references_max = if vat.name == "bob" { 8 } else { 100 });
    stage.act("alice", |alice| {
        let many: Vec<_> = (1..=8).map(|id| alice.expose(id, Lifetime::Durable)).collect();
        let answer = alice.call(alice.peer("bob"), "hold these", many.clone());
        alice.watch(answer, 1);
        alice.send(alice.peer("bob"), "hold this", vec![many[0]], None);
    });
    assert_eq!(stage.turn("bob", |_| {}), "0.hold this");
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed too-large");
}

#[test]
fn a_crank_that_makes_more_references_than_its_vat_may_hold_is_undone() {
    let mut stage = stage_with(&["alice"], |vat| vat.references_max = 10);
    stage.ask("alice", "make many");
    let (_, verdict) = stage.end("alice", |mut alice| {
        for id in 1..=10 {
            alice.expose(id, Lifetime::Durable);
        }
        alice.end()
    });
    assert_eq!(verdict, Verdict::Undone("broke a rule: it would hold more than 10 references".to_owned()));
    stage.act_after_start("alice", |alice| {
        let promises: Vec<_> = (0..20).map(|_| alice.new_promise()).collect();
        promises.into_iter().for_each(|(promise, resolver)| {
            alice.drop(promise);
            alice.drop(resolver);
        });
    });
}

#[test]
fn an_answer_that_a_full_inbox_refuses_is_a_dead_letter() {
    let mut stage = stage_with(&["alice", "bob"], |vat| vat.mailbox_max = 1);
    stage.act("alice", |alice| {
        let root = alice.expose(0, Lifetime::Durable);
        alice.send(alice.peer("bob"), "question", vec![], Some(root));
    });
    stage.ask("alice", "fills the inbox");
    stage.turn("bob", |bob| bob.fulfill(bob.resolver.expect("alice asks"), "too late"));
    stage.check();
    let letters: Vec<_> = stage.kernel.dead_letters().map(|(id, letter)| (id, letter.clone())).collect();
    let [(id, letter)] = &letters[..] else { panic!("one dead letter: {letters:?}") };
    assert_eq!(
        (letter.vat, letter.method.as_str(), &letter.body[..]),
        (stage.id("alice"), "fulfill", &b"too late"[..])
    );
    stage.restart();
    assert!(stage.kernel.drop_dead_letter(*id));
    assert!(!stage.kernel.drop_dead_letter(*id));
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
