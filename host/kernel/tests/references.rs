//! References: who counts as a holder, when an object is dropped, and what becomes of its number (kernel-rules 1, 2, 4, 11, 12, 14).

mod world;

use ocap_kernel::*;
use world::{Stage, Turn};

/// Bob exposes object 5 and gives it to alice; alice's slot for it.
fn alice_holds_bobs_five(stage: &mut Stage, lifetime: Lifetime) -> Slot {
    stage.act("bob", |bob| {
        let five = bob.expose(5, lifetime);
        bob.send(bob.peer("alice"), "take", vec![five], None);
        bob.drop(five);
    });
    let mut five = None;
    stage.turn("alice", |alice| five = Some(alice.args[0]));
    five.expect("it was delivered")
}

#[test]
fn gc1_an_object_is_known_to_the_kernel_as_long_as_somebody_holds_it_and_its_vat_need_not() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.commit();
    let before = stage.disk.state.objects.len();
    let five = alice_holds_bobs_five(&mut stage, Lifetime::Durable);
    stage.commit();
    assert_eq!(stage.disk.state.objects.len(), before + 1);
    let bobs = stage.kernel.references(stage.id("bob")).collect::<Vec<_>>();
    let alices = stage.kernel.references(stage.id("alice")).find(|(slot, _)| *slot == five).expect("she holds it");
    assert!(bobs.iter().any(|(_, kref)| *kref == alices.1), "he exposes it still");
    stage.act("alice", |alice| alice.send(five, "hello", vec![], None));
    assert_eq!(stage.turn("bob", |_| {}), "5.hello");
    stage.act("alice", |alice| alice.drop(five));
    assert_eq!(stage.turn("bob", |_| {}), "dropped 5");
    stage.commit();
    assert_eq!(stage.disk.state.objects.len(), before);
}

#[test]
fn gc2_kr13_an_object_that_nobody_holds_is_dropped_once() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let five = alice_holds_bobs_five(&mut stage, Lifetime::Durable);
    assert!(!stage.is_told("bob"));
    stage.act("alice", |alice| alice.drop(five));
    assert_eq!(stage.turn("bob", |_| {}), "dropped 5");
    assert!(!stage.is_told("bob"));
}

#[test]
fn kq5_a_message_on_its_way_holds_what_it_mentions() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let five = alice_holds_bobs_five(&mut stage, Lifetime::Durable);
    stage.act("alice", |alice| {
        alice.send(alice.peer("bob"), "back", vec![five], None);
        alice.drop(five);
    });
    assert_eq!(stage.turn("bob", |bob| bob.drop(bob.args[0])), "0.back");
    assert_eq!(stage.turn("bob", |_| {}), "dropped 5");
}

#[test]
fn an_object_that_is_exposed_again_before_its_notice_lives_on_under_the_same_slot() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let five = alice_holds_bobs_five(&mut stage, Lifetime::Durable);
    stage.ask("bob", "go");
    stage.begin("bob");
    stage.act("alice", |alice| alice.drop(five));
    let mut slots = Vec::new();
    stage.turn("bob", |bob| {
        slots.push(bob.worker.exports[&5].0);
        slots.push(bob.expose(5, Lifetime::Durable));
    });
    assert_eq!(slots[0], slots[1]);
    assert!(!stage.is_told("bob"), "the notice is no longer true");
}

#[test]
fn a_number_that_is_exposed_while_its_drop_is_told_makes_a_new_object_with_a_new_slot() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let five = alice_holds_bobs_five(&mut stage, Lifetime::Durable);
    stage.act("alice", |alice| alice.drop(five));
    let mut old = None;
    stage.end("bob", |mut bob: Turn<'_>| {
        old = bob.worker.exports.get(&5).map(|(slot, _)| *slot);
        assert_eq!(old, None, "the worker has forgotten it");
        bob.expose(5, Lifetime::Incarnation);
        bob.end()
    });
    stage.act("bob", |bob| {
        let again = bob.expose(5, Lifetime::Incarnation);
        bob.send(bob.peer("alice"), "take", vec![again], None);
    });
    stage.turn("alice", |alice| {
        assert_ne!(alice.args[0], five);
        alice.send(alice.args[0], "hello", vec![], None);
    });
    assert_eq!(stage.turn("bob", |_| {}), "5.hello");
}

#[test]
fn the_slot_of_an_object_that_is_being_dropped_can_not_be_used_any_more() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let five = alice_holds_bobs_five(&mut stage, Lifetime::Durable);
    let mut slot = None;
    stage.act("bob", |bob| slot = Some(bob.worker.exports[&5].0));
    let target = slot.expect("bob exposes it");
    stage.act("alice", |alice| alice.drop(five));
    let (told, verdict) = stage.end("bob", |mut bob| {
        bob.send(target, "ghost", vec![], None);
        bob.end()
    });
    assert_eq!(told, "dropped 5");
    assert!(matches!(verdict, Verdict::Undone(_)), "{verdict:?}");
}

#[test]
fn a_trap_while_a_drop_is_told_does_not_lose_the_notice() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let five = alice_holds_bobs_five(&mut stage, Lifetime::Durable);
    stage.act("alice", |alice| {
        alice.drop(five);
        alice.send(alice.peer("bob"), "later", vec![], None);
    });
    // The message is first: its delivery was applied before counts of zero were acted on.
    assert_eq!(stage.turn("bob", |_| {}), "0.later");
    assert!(matches!(stage.trap("bob"), Verdict::Undone(_)));
    assert_eq!(stage.turn("bob", |_| {}), "start");
    assert_eq!(stage.turn("bob", |_| {}), "dropped 5");
}

#[test]
fn an_object_of_an_incarnation_that_ended_is_not_told_to_be_dropped() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let five = alice_holds_bobs_five(&mut stage, Lifetime::Incarnation);
    stage.ask("bob", "go");
    stage.begin("bob");
    stage.act("alice", |alice| alice.drop(five));
    stage.trap("bob");
    assert!(!stage.is_told("bob"));
}

#[test]
fn the_host_can_not_name_an_object_that_is_being_dropped() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let five = alice_holds_bobs_five(&mut stage, Lifetime::Durable);
    stage.act("alice", |alice| alice.drop(five));
    stage.begin("bob");
    let object = Kref::Object(ObjectId(stage.kernel.next_object().0 - 1));
    let refusal = stage.kernel.ask(object, "ghost", Payload::plain([]));
    assert_eq!(refusal, Err(Refusal::NoSuchReference(object)));
    stage.turn("bob", |_| {});
}

#[test]
fn a_root_is_never_dropped() {
    let mut alone = Stage::with(&["alice"]);
    alone.act("alice", |alice| {
        let me = alice.expose(0, Lifetime::Durable);
        alice.drop(me);
    });
    assert!(!alone.is_told("alice"));
}

#[test]
fn a_number_keeps_its_lifetime_while_it_is_bound() {
    let mut stage = Stage::with(&["alice", "bob"]);
    alice_holds_bobs_five(&mut stage, Lifetime::Durable);
    stage.ask("bob", "go");
    let (_, verdict) = stage.end("bob", |mut bob| {
        bob.expose(5, Lifetime::Incarnation);
        bob.end()
    });
    assert!(matches!(verdict, Verdict::Undone(_)), "{verdict:?}");
}

/// The slot of a promise that alice makes in her next crank.
fn slot_of_a_new_promise(stage: &mut Stage, end: impl FnOnce(Turn<'_>) -> Report) -> Slot {
    let mut made = Slot(0);
    stage.ask("alice", "go");
    while stage.begin("alice") == "start" {
        stage.turn("alice", |_| {});
    }
    stage.end("alice", |mut alice| {
        made = alice.new_promise().0;
        alice.keep_only(&[]);
        end(alice)
    });
    made
}

#[test]
fn the_slots_of_a_crank_that_was_undone_are_given_again_and_those_of_one_that_was_not_never() {
    let mut stage = Stage::with(&["alice"]);
    let first = slot_of_a_new_promise(&mut stage, |alice| alice.end());
    let undone = slot_of_a_new_promise(&mut stage, |alice| alice.trap());
    let third = slot_of_a_new_promise(&mut stage, |alice| alice.end());
    assert!(first < undone);
    assert_eq!(undone, third);
}

#[test]
fn a_reference_in_the_store_outlives_the_incarnation_and_keeps_its_slot() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let five = alice_holds_bobs_five(&mut stage, Lifetime::Durable);
    stage.act("alice", |alice| alice.put(b"five", vec![five]));
    stage.restart();
    stage.act_after_start("alice", |alice| {
        alice.get(b"five");
        alice.send(five, "hello", vec![], None);
        alice.remove(b"five");
        alice.drop(five);
    });
    assert_eq!(stage.turn("bob", |_| {}), "start");
    assert_eq!(stage.turn("bob", |_| {}), "5.hello");
    assert_eq!(stage.turn("bob", |_| {}), "dropped 5");
}

#[test]
fn a_store_entry_that_moves_to_another_key_is_held_all_the_time() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let five = alice_holds_bobs_five(&mut stage, Lifetime::Durable);
    stage.act("alice", |alice| {
        alice.put(b"b", vec![five]);
        alice.drop(five);
    });
    stage.act("alice", |alice| {
        alice.remove(b"b");
        alice.put(b"a", vec![five]);
    });
    assert!(!stage.is_told("bob"));
}

#[test]
fn a_slot_is_the_same_exactly_when_the_reference_is() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let five = alice_holds_bobs_five(&mut stage, Lifetime::Durable);
    stage.act("bob", |bob| {
        let again = bob.expose(5, Lifetime::Durable);
        let six = bob.expose(6, Lifetime::Durable);
        bob.send(bob.peer("alice"), "take", vec![again, six, again], None);
    });
    stage.turn("alice", |alice| {
        assert_eq!(alice.args[0], five);
        assert_eq!(alice.args[2], five);
        assert_ne!(alice.args[1], five);
    });
}

#[test]
fn vs1_a_commit_carries_the_last_write_of_each_key_and_no_other_entry() {
    let mut stage = Stage::with(&["alice"]);
    stage.commit();
    let plain = |body: &[u8]| Some(Payload::plain(body));
    let mut written = |writes: Vec<(&[u8], Option<Payload<Slot>>)>| {
        stage.ask("alice", "go");
        let store = writes.into_iter().map(|(key, value)| StoreWrite { key: key.to_vec(), value }).collect();
        stage.end("alice", |alice| Report { store, ..alice.end() });
        let commit = stage.kernel.take_commit();
        let written =
            commit.store.iter().map(|change| (change.key.1.clone(), change.value.clone())).collect::<Vec<_>>();
        stage.disk.write(commit);
        written
    };
    assert_eq!(
        written(vec![(b"b", plain(b"1")), (b"a", plain(b"1"))]),
        [(b"a".to_vec(), plain(b"1")), (b"b".to_vec(), plain(b"1"))]
    );
    assert_eq!(written(vec![(b"a", plain(b"2"))]), [(b"a".to_vec(), plain(b"2"))], "b is as it was");
    assert_eq!(written(vec![(b"b", None)]), [(b"b".to_vec(), None)]);
    assert_eq!(written(vec![]), []);
    let kept: Vec<_> = stage.disk.store.iter().map(|((_, key), value)| (key.clone(), value.body.to_vec())).collect();
    assert_eq!(kept, [(b"a".to_vec(), b"2".to_vec())]);
}
