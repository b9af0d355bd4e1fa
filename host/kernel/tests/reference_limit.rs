//! A vat holds as many references as it was launched with, and no more, whatever it does with them.

mod world;

use ocap_kernel::*;
use world::{Stage, Turn, launch};

/// Alice may hold ten references, her root and her grants among them.
fn with_ten() -> Stage {
    let mut declared = launch("scene", &["alice", "bob"]);
    declared.vats[0].references_max = 10;
    let mut stage = Stage::of(declared);
    stage.turn("alice", |_| {});
    stage.turn("bob", |_| {});
    stage
}

/// What becomes of a crank.
fn verdict(script: fn(&mut Turn<'_>)) -> Verdict {
    let mut stage = with_ten();
    stage.ask("alice", "go");
    let (_, verdict) = stage.end("alice", |mut turn| {
        script(&mut turn);
        turn.end()
    });
    verdict
}

#[test]
fn what_a_crank_takes_and_gives_up_again_does_not_count() {
    let verdict = verdict(|alice| {
        for _ in 0..100 {
            let (promise, resolver) = alice.new_promise();
            alice.drop(promise);
            alice.drop(resolver);
        }
    });
    assert_eq!(verdict, Verdict::Applied);
}

#[test]
fn what_stays_in_the_heap_in_the_store_or_as_an_object_of_its_own_does() {
    type Script = fn(&mut Turn<'_>);
    let scenes: [(&str, Script); 3] = [
        ("handles", |alice| {
            for _ in 0..6 {
                alice.new_promise();
            }
        }),
        ("entries of its store", |alice| {
            for number in 0..12_u8 {
                let (promise, resolver) = alice.new_promise();
                alice.put(&[number], vec![promise]);
                alice.drop(promise);
                alice.drop(resolver);
            }
        }),
        ("objects", |alice| {
            for number in 1..=12 {
                let object = alice.expose(number, Lifetime::Durable);
                alice.send(alice.peer("bob"), "take", vec![object], None);
                alice.drop(object);
            }
        }),
    ];
    for (what, scene) in scenes {
        assert!(
            matches!(verdict(scene), Verdict::Undone(cause) if cause.contains("more than 10 references")),
            "{what}"
        );
    }
}
