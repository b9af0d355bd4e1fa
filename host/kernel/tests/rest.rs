//! Leaving memory: what keeps a vat there, in words, and the operator's way around it (kernel-rules 5, 15, 17).

mod world;

use ocap_kernel::*;
use world::{Stage, Turn};

#[test]
fn everything_that_keeps_a_vat_in_memory_is_told() {
    type Scene = (fn(&mut Turn<'_>), &'static [Unrest]);
    let scenes: [Scene; 5] = [
        (|_| {}, &[]),
        (|alice| alice.syscall(Syscall::Pin(true)), &[Unrest::Pinned]),
        (
            |alice| {
                let (promise, _) = alice.new_promise();
                alice.watch(promise, 1);
            },
            &[Unrest::Watches(1), Unrest::Handles(2)],
        ),
        (
            |alice| {
                let short = alice.expose(11, Lifetime::Incarnation);
                alice.send(alice.peer("door"), "take", vec![short], None);
            },
            &[Unrest::Objects(1)],
        ),
        (
            |alice| {
                let me = alice.expose(0, Lifetime::Durable);
                alice.send(me, "again", vec![], None);
                alice.send(me, "again", vec![], None);
            },
            &[Unrest::Queued(2)],
        ),
    ];
    for (scene, unrest) in scenes {
        let mut stage = Stage::with(&["alice", "bob"]);
        stage.act("alice", scene);
        let alice = stage.id("alice");
        assert_eq!(stage.kernel.unrest(alice), unrest);
        assert_eq!(stage.kernel.can_hibernate(alice), unrest.is_empty());
    }
}

#[test]
fn a_delivery_that_is_under_way_is_unrest() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |_| {});
    stage.ask("alice", "hello");
    stage.begin("alice");
    assert_eq!(stage.kernel.unrest(stage.id("alice")), [Unrest::InCrank, Unrest::Queued(1)]);
}

#[test]
fn forced_out_of_memory_a_vat_loses_its_heap_and_what_it_was_deciding_and_sleeps_until_its_next_message() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let asked = stage.ask("alice", "decide");
    stage.turn("alice", |_| {});
    let alice = stage.id("alice");
    assert_eq!((stage.kernel.unrest(alice), stage.answer(asked)), (vec![Unrest::Handles(1)], None));
    assert!(!stage.kernel.hibernate(alice));
    assert!(stage.kernel.hibernate_by_force(alice));
    assert!(!stage.kernel.hibernate_by_force(alice), "it has left already");
    assert!(!stage.kernel.vat(alice).expect("it lives").is_awake);
    assert!(stage.kernel.begin().is_none(), "nothing is to be done");
    assert_eq!(stage.answer(asked).as_deref(), Some("failed incarnation-lost"));
    stage.check();
    stage.ask("alice", "hello");
    assert_eq!(stage.turn("alice", |_| {}), "start");
    assert_eq!(stage.turn("alice", |_| {}), "0.hello");
}

#[test]
fn forced_out_of_memory_in_a_crank_a_vat_is_delivered_the_message_again() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |_| {});
    stage.ask("alice", "hello");
    assert_eq!(stage.begin("alice"), "0.hello");
    assert!(stage.kernel.hibernate_by_force(stage.id("alice")));
    assert_eq!(stage.end("alice", |turn| turn.trap()).1, Verdict::Stale);
    assert_eq!(stage.turn("alice", |_| {}), "start");
    assert_eq!(stage.turn("alice", |_| {}), "0.hello");
}
