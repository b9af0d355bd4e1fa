//! Who lets go of an object last, in every order and every way: its exporter hears once, then, and not before.

mod world;

use ocap_kernel::*;
use world::{Stage, Turn};

/// Three importers at most, beside the exporter.
const IMPORTERS: [&str; 3] = ["alice", "carol", "dave"];

/// How an importer lets go.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Way {
    /// It gives up its handle.
    Handle,
    /// It removes the entry of its store.
    Entry,
    /// Its incarnation ends in a trap.
    Trap,
    /// It exits.
    Exit,
    /// It hands the object to a promise of its own, as data, and lets go of that.
    Value,
    /// It sends the object back to the exporter, which takes it and lets go.
    Message,
}

const WAYS: [Way; 6] = [Way::Handle, Way::Entry, Way::Trap, Way::Exit, Way::Value, Way::Message];

/// Bob exposes his five, gives it to each importer and keeps nothing.
fn shared(importers: &[&str], ways: &[Way]) -> Stage {
    let mut stage = Stage::with(&[importers, &["bob"]].concat());
    stage.act("bob", |bob| {
        let five = bob.expose(5, Lifetime::Durable);
        for importer in importers {
            bob.send(bob.peer(importer), "take", vec![five], None);
        }
        bob.drop(five);
    });
    for (importer, way) in importers.iter().zip(ways) {
        stage.turn(importer, |turn| takes(turn, *way));
    }
    stage
}

fn takes(turn: &mut Turn<'_>, way: Way) {
    let five = turn.args[0];
    match way {
        Way::Handle | Way::Trap => {}
        Way::Entry | Way::Exit => {
            turn.put(b"five", vec![five]);
            turn.drop(five);
        }
        Way::Value => {
            let (promise, resolver) = turn.new_promise();
            turn.fulfill_with(resolver, vec![five]);
            turn.put(b"five", vec![promise]);
            turn.drop(promise);
            turn.drop(five);
        }
        // Held by the message to itself until that is delivered.
        Way::Message => {
            let me = turn.expose(0, Lifetime::Durable);
            turn.send(me, "keep", vec![five], None);
            turn.drop(five);
        }
    }
}

fn lets_go(stage: &mut Stage, importer: &str, way: Way) {
    match way {
        Way::Handle => stage.act(importer, |turn| {
            let known: Vec<Slot> = turn.worker.handles.iter().copied().collect();
            let granted: Vec<Slot> = turn.worker.grants.values().copied().collect();
            known.into_iter().filter(|slot| !granted.contains(slot)).for_each(|slot| turn.drop(slot));
        }),
        Way::Entry | Way::Value => stage.act(importer, |turn| turn.remove(b"five")),
        Way::Trap => {
            stage.ask(importer, "go");
            assert!(matches!(stage.trap(importer), Verdict::Undone(_)));
        }
        Way::Exit => stage.act(importer, |turn| turn.syscall(Syscall::Exit(Ok(Payload::plain([]))))),
        Way::Message => {
            let told = stage.turn(importer, |turn| {
                let five = turn.args[0];
                turn.send(turn.peer("bob"), "back", vec![five], None);
                turn.drop(five);
            });
            assert_eq!(told, "0.keep");
            assert_eq!(stage.turn("bob", |bob| bob.drop(bob.args[0])), "0.back");
        }
    }
}

/// Every order of `n` things.
fn orders(n: usize) -> Vec<Vec<usize>> {
    let mut orders = vec![vec![]];
    for next in 0..n {
        let insert = |order: &Vec<usize>, at| [&order[..at], &[next], &order[at..]].concat();
        orders = orders.iter().flat_map(|order| (0..=order.len()).map(move |at| insert(order, at))).collect();
    }
    orders
}

/// Every choice of a way for each of `n` importers.
fn choices(n: usize) -> Vec<Vec<Way>> {
    (0..n).fold(vec![vec![]], |choices, _| {
        choices.iter().flat_map(|choice| WAYS.map(|way| [choice.as_slice(), &[way]].concat())).collect()
    })
}

/// Plays every order and every choice of ways; the number of scenes.
fn every_order_and_way(importers: &[&str]) -> usize {
    let mut scenes = 0;
    for ways in choices(importers.len()) {
        for order in orders(importers.len()) {
            let mut stage = shared(importers, &ways);
            for (step, who) in order.iter().enumerate() {
                assert!(!stage.is_told("bob"), "{ways:?} in order {order:?}: before step {step}");
                lets_go(&mut stage, importers[*who], ways[*who]);
            }
            assert_eq!(stage.turn("bob", |_| {}), "dropped 5", "{ways:?} in order {order:?}");
            assert!(!stage.is_told("bob"), "{ways:?} in order {order:?}: told twice");
            scenes += 1;
        }
    }
    scenes
}

#[test]
fn g5_of_two_importers_the_last_to_let_go_frees_the_object_in_every_order_and_way() {
    assert_eq!(every_order_and_way(&IMPORTERS[..2]), 36 * 2);
}

#[test]
fn g5_of_three_importers_the_last_to_let_go_frees_the_object_in_every_order_and_way() {
    assert_eq!(every_order_and_way(&IMPORTERS), 216 * 6);
}

#[test]
fn g5_an_importer_that_is_given_it_again_and_again_takes_nothing_from_the_others_when_it_lets_go() {
    let mut stage = shared(&IMPORTERS[..2], &[Way::Handle, Way::Entry]);
    for _ in 0..3 {
        stage.act("bob", |bob| {
            let five = bob.expose(5, Lifetime::Durable);
            bob.send(bob.peer("alice"), "take", vec![five, five], None);
            bob.send(bob.peer("alice"), "take", vec![five], None);
            bob.drop(five);
        });
        stage.turn("alice", |_| {});
        stage.turn("alice", |alice| alice.drop(alice.args[0]));
        assert!(!stage.is_told("bob"), "carol has it still");
    }
    stage.act("carol", |carol| {
        carol.get(b"five");
        let answer = carol.call(carol.worker.store[b"five".as_slice()][0], "hello", vec![]);
        carol.watch(answer, 1);
    });
    assert_eq!(stage.turn("bob", |bob| bob.fulfill(bob.resolver.expect("asked"), "hi")), "5.hello");
    assert_eq!(stage.turn("carol", |_| {}), "settled 1=hi");
}

#[test]
fn an_object_that_nobody_holds_for_a_moment_within_a_crank_is_not_dropped() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let asked = [stage.ask("bob", "one"), stage.ask("bob", "two")];
    stage.turn("bob", |bob| {
        let five = bob.expose(5, Lifetime::Durable);
        let (promise, resolver) = bob.new_promise();
        bob.fulfill_with(resolver, vec![five]);
        bob.watch(promise, 1);
        bob.fulfill(bob.resolver.expect("the host asks"), "only the watch holds it");
        [promise, five].into_iter().for_each(|slot| bob.drop(slot));
    });
    stage.turn("bob", |bob| {
        bob.syscall(Syscall::Unwatch { token: 1 });
        bob.expose(5, Lifetime::Durable);
        bob.fulfill(bob.resolver.expect("the host asks"), "held again");
    });
    assert_eq!(asked.map(|ask| stage.answer(ask).is_some()), [true, true]);
    assert_eq!(
        stage.kernel.vat(stage.id("bob")).expect("bob lives").queued,
        0,
        "no notice, not even one that is stale"
    );
}
