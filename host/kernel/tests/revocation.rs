//! Taking back: objects, grants, caretakers and resolvers, effective for every delivery that was not begun (kernel-rules 13).

mod world;

use ocap_kernel::*;
use world::Stage;

/// Bob exposes these and gives them to alice, who keeps them; her slots for them.
fn alice_holds(stage: &mut Stage, objects: &[u64]) -> Vec<Slot> {
    stage.act("bob", |bob| {
        let exposed: Vec<Slot> = objects.iter().map(|object| bob.expose(*object, Lifetime::Durable)).collect();
        bob.send(bob.peer("alice"), "take", exposed.clone(), None);
        exposed.into_iter().for_each(|slot| bob.drop(slot));
    });
    let mut held = Vec::new();
    stage.turn("alice", |alice| held = alice.args.clone());
    held
}

/// What the kernel calls what a vat has at a slot.
fn kref(stage: &Stage, vat: &str, slot: Slot) -> Kref {
    stage.kernel.references(stage.id(vat)).find(|(at, _)| *at == slot).expect("the vat has it").1
}

fn revoke(stage: &mut Stage, vat: &str, slot: Slot) {
    let kref = kref(stage, vat, slot);
    stage.kernel.revoke(kref).expect("it can be revoked");
    stage.check();
}

/// Alice sends `hello` there; how that ends.
fn hello(stage: &mut Stage, target: Slot) -> String {
    stage.act("alice", |alice| {
        let answer = alice.call(target, "hello", vec![]);
        alice.watch(answer, 99);
        alice.drop(answer);
    });
    if stage.is_told("bob") {
        stage.turn("bob", |bob| bob.fulfill(bob.resolver.expect("alice asks"), "hi"));
    }
    let told = stage.turn("alice", |_| {});
    told.strip_prefix("settled 99=").expect("only this was under way").to_owned()
}

const REVOKED: &str = "failed object-revoked";

#[test]
fn sv2_kr2_a_message_to_a_revoked_object_is_answered_object_revoked() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let five = alice_holds(&mut stage, &[5])[0];
    assert_eq!(hello(&mut stage, five), "hi");
    revoke(&mut stage, "alice", five);
    assert_eq!(stage.turn("bob", |_| {}), "dropped 5", "its vat may clean up");
    for _ in 0..3 {
        assert_eq!(hello(&mut stage, five), REVOKED);
    }
    stage.restart();
    assert!(!stage.is_told("bob"));
}

#[test]
fn sv2_messages_that_wait_for_a_revoked_object_are_answered_and_the_one_that_was_begun_completes() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let five = alice_holds(&mut stage, &[5])[0];
    stage.act("alice", |alice| {
        for token in 1..=3 {
            let answer = alice.call(five, "hello", vec![]);
            alice.watch(answer, token);
        }
        alice.send(alice.peer("bob"), "to the root", vec![], None);
    });
    assert_eq!(stage.begin("bob"), "5.hello");
    revoke(&mut stage, "alice", five);
    assert_eq!(stage.turn("alice", |_| {}), "settled 2=failed object-revoked 3=failed object-revoked");
    assert_eq!(stage.turn("bob", |bob| bob.fulfill(bob.resolver.expect("alice asks"), "hi")), "5.hello");
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=hi");
    assert_eq!(stage.turn("bob", |_| {}), "0.to the root");
}

#[test]
fn sv2_a_begun_message_to_a_revoked_object_is_not_delivered_again_when_its_crank_is_undone_by_a_restart() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let five = alice_holds(&mut stage, &[5])[0];
    stage.act("alice", |alice| {
        let answer = alice.call(five, "hello", vec![]);
        alice.watch(answer, 1);
    });
    stage.begin("bob");
    revoke(&mut stage, "alice", five);
    stage.kernel.restart(stage.id("bob")).expect("bob lives");
    assert_eq!(stage.end("bob", |bob| bob.end()).1, Verdict::Stale);
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed object-revoked");
}

#[test]
fn sv3_a_promise_that_leads_to_a_revoked_object_fails_each_message_again_and_again() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let five = alice_holds(&mut stage, &[5])[0];
    let (mut before, mut after) = (None, None);
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        alice.forward(resolver, five);
        before = Some(promise);
        after = Some(alice.new_promise());
    });
    let (before, (after, resolver)) = (before.expect("made"), after.expect("made"));
    assert_eq!(hello(&mut stage, before), "hi");
    revoke(&mut stage, "alice", five);
    stage.turn("bob", |_| {});
    stage.act("alice", |alice| alice.forward(resolver, five));
    for promise in [before, after, before, after] {
        assert_eq!(hello(&mut stage, promise), REVOKED);
    }
}

#[test]
fn sv4_of_several_objects_only_the_revoked_ones_stop_answering() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let held = alice_holds(&mut stage, &[1, 2, 3, 4]);
    for revoked in [held[0], held[2]] {
        revoke(&mut stage, "alice", revoked);
        stage.turn("bob", |_| {});
    }
    let heard: Vec<_> = held.iter().map(|slot| hello(&mut stage, *slot)).collect();
    assert_eq!(heard, [REVOKED, "hi", REVOKED, "hi"]);
    let bob = stage.grant("alice", "vat.bob");
    assert_eq!(hello(&mut stage, bob), "hi", "his root was another object");
}

#[test]
fn a_number_means_the_revoked_object_until_its_vat_has_heard_and_a_new_one_afterwards() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let five = alice_holds(&mut stage, &[5])[0];
    stage.ask("bob", "go");
    stage.begin("bob");
    revoke(&mut stage, "alice", five);
    stage.turn("bob", |bob| {
        let again = bob.expose(5, Lifetime::Durable);
        bob.send(bob.peer("alice"), "take", vec![again], None);
        bob.drop(again);
    });
    stage.turn("alice", |alice| assert_eq!(alice.args, [five], "never a fresh one under the same number"));
    assert_eq!(stage.turn("bob", |_| {}), "dropped 5");
    let new = alice_holds(&mut stage, &[5])[0];
    assert_ne!(new, five);
    assert_eq!(hello(&mut stage, new), "hi");
    assert_eq!(hello(&mut stage, five), REVOKED);
}

#[test]
fn a_resolver_can_be_revoked_which_breaks_its_promise_and_a_promise_can_not() {
    let mut stage = Stage::with(&["alice"]);
    let mut made = None;
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        alice.watch(promise, 1);
        made = Some((promise, resolver));
    });
    let (promise, resolver) = made.expect("she made one");
    let named = kref(&stage, "alice", promise);
    assert_eq!(stage.kernel.revoke(named), Err(Refusal::NotRevocable(named)));
    revoke(&mut stage, "alice", resolver);
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed object-revoked");
}

#[test]
fn a_grant_is_revoked_wherever_it_was_passed_on_to_and_other_grants_of_the_same_thing_go_on() {
    let mut stage = Stage::with(&["alice", "bob", "carol"]);
    let (carols, own) = (stage.grant("carol", "vat.bob"), stage.grant("alice", "vat.bob"));
    stage.act("carol", |carol| carol.send(carol.peer("alice"), "take", vec![carols], None));
    let mut passed_on = None;
    stage.turn("alice", |alice| passed_on = Some(alice.args[0]));
    let passed_on = passed_on.expect("it was delivered");
    assert_ne!(passed_on, own, "each grant is a reference of its own");
    assert_eq!(hello(&mut stage, passed_on), "hi");
    stage.kernel.revoke_grant(stage.id("carol"), "vat.bob").expect("she was granted it");
    stage.check();
    assert_eq!(hello(&mut stage, passed_on), REVOKED);
    assert_eq!(hello(&mut stage, own), "hi");
    let (carol, unknown) = (stage.id("carol"), "vat.nobody".to_owned());
    assert_eq!(stage.kernel.revoke_grant(carol, &unknown), Err(Refusal::NoSuchGrant(carol, unknown)));
}

#[test]
fn what_came_through_a_revoked_grant_and_waits_is_answered_wherever_it_waits() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let mut resolver = None;
    stage.act("alice", |alice| {
        let (promise, decides) = alice.new_promise();
        let (guarded, right) = alice.guard(promise);
        // On a promise behind the caretaker; in bob's inbox behind the grant.
        let on_promise = alice.call(guarded, "waits", vec![]);
        alice.send(alice.peer("bob"), "begun", vec![], None);
        let in_inbox = alice.call(alice.peer("bob"), "waits", vec![]);
        alice.watch(on_promise, 1);
        alice.watch(in_inbox, 2);
        alice.send(right, "revoke", vec![], None);
        resolver = Some(decides);
    });
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed object-revoked");
    assert_eq!(stage.begin("bob"), "0.begun");
    stage.kernel.revoke_grant(stage.id("alice"), "vat.bob").expect("she was granted it");
    stage.turn("bob", |_| {});
    assert_eq!(stage.turn("alice", |_| {}), "settled 2=failed object-revoked");
    stage.act("alice", |alice| alice.forward(resolver.expect("she has it"), alice.peer("bob")));
    assert!(!stage.is_told("bob"), "nothing waits on the promise any more");
}

#[test]
fn a_caretaker_that_a_vat_makes_forwards_until_it_is_revoked_by_whoever_holds_the_right() {
    let mut stage = Stage::with(&["alice", "bob", "carol"]);
    // Bob guards his five, gives the caretaker to alice and the right to revoke it to carol.
    stage.act("bob", |bob| {
        let five = bob.expose(5, Lifetime::Durable);
        let (guarded, right) = bob.guard(five);
        bob.send(bob.peer("alice"), "take", vec![guarded], None);
        bob.send(bob.peer("carol"), "take", vec![right], None);
        [five, guarded, right].into_iter().for_each(|slot| bob.drop(slot));
    });
    let (mut guarded, mut right) = (None, None);
    stage.turn("alice", |alice| guarded = Some(alice.args[0]));
    stage.turn("carol", |carol| right = Some(carol.args[0]));
    let (guarded, right) = (guarded.expect("given"), right.expect("given"));
    stage.act("alice", |alice| alice.send(guarded, "hello", vec![], None));
    assert_eq!(stage.turn("bob", |_| {}), "5.hello", "the caretaker holds what it guards");
    stage.act("carol", |carol| {
        let odd = carol.call(right, "abolish", vec![]);
        let done = carol.call(right, "revoke", vec![]);
        carol.watch(odd, 1);
        carol.watch(done, 2);
    });
    assert_eq!(stage.turn("carol", |_| {}), "settled 1=failed no-such-method 2=\u{fffd}", "it is told null");
    assert_eq!(stage.turn("bob", |_| {}), "dropped 5", "nobody else held it");
    assert_eq!(hello(&mut stage, guarded), REVOKED);
}

#[test]
fn caretakers_that_guard_each_other_in_a_circle_answer_forward_cycle() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        let (first, _) = alice.guard(promise);
        let (second, _) = alice.guard(first);
        alice.forward(resolver, second);
        let answer = alice.call(first, "hello", vec![]);
        alice.watch(answer, 1);
    });
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed forward-cycle");
}

#[test]
fn the_number_of_a_revoked_object_that_its_vat_has_cleaned_up_is_free_also_after_a_crash() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let purse = alice.expose(5, Lifetime::Durable);
        alice.put(b"old purse", vec![purse]);
        alice.send(alice.peer("door"), "look", vec![purse], None);
    });
    let purse = stage.calls()[0].args.caps[0];
    stage.kernel.revoke(purse).expect("it exists");
    assert_eq!(stage.turn("alice", |_| {}), "dropped 5");
    stage.restart();
    stage.act_after_start("alice", |alice| {
        // A crank of the new incarnation takes the next slot, because the number is free.
        alice.worker.exports.remove(&5);
        let fresh = alice.expose(5, Lifetime::Durable);
        alice.send(alice.peer("door"), "look again", vec![fresh], None);
    });
    let calls = stage.calls();
    let again = calls.iter().find(|call| call.method == "look again").expect("a call").args.caps[0];
    assert_ne!(again, purse, "another object");
    stage.restart();
    stage.check();
}

#[test]
fn a_vat_that_hears_of_its_revoked_object_may_still_use_its_own_handle_on_it() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let mut own = Slot(0);
    stage.act("bob", |bob| own = bob.expose(5, Lifetime::Durable));
    revoke(&mut stage, "bob", own);
    let told = stage.turn("bob", |bob| {
        bob.put(b"kept", vec![own]);
        bob.send(own, "hello", vec![own], None);
    });
    assert_eq!(told, "dropped 5", "and no rule is broken");
    stage.act("bob", |bob| {
        assert_ne!(bob.expose(5, Lifetime::Durable), own, "the number is free again, and means something new");
        bob.remove(b"kept");
        bob.drop(own);
    });
}

#[test]
fn the_notice_of_a_revoked_object_of_an_incarnation_ends_with_the_incarnation_also_at_a_crash() {
    let force_out = |stage: &mut Stage| {
        stage.kernel.hibernate_by_force(stage.id("bob"));
    };
    for end in [Stage::restart, force_out] {
        let mut stage = Stage::with(&["alice", "bob"]);
        stage.act("bob", |bob| {
            let five = bob.expose(5, Lifetime::Incarnation);
            bob.send(bob.peer("alice"), "take", vec![five], None);
        });
        let mut five = Slot(0);
        stage.turn("alice", |alice| {
            five = alice.args[0];
            alice.put(b"kept", vec![five]);
        });
        revoke(&mut stage, "alice", five);
        assert_eq!(stage.kernel.vat(stage.id("bob")).expect("bob lives").queued, 1, "bob is to hear of it");
        end(&mut stage);
        stage.check();
        assert_eq!(stage.kernel.vat(stage.id("bob")).expect("bob lives").queued, 0, "nobody is there to hear");
    }
}

#[test]
fn the_right_to_revoke_keeps_nothing_alive() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        let (guarded, revoker) = alice.guard(resolver);
        alice.watch(promise, 1);
        alice.put(b"right", vec![revoker]);
        alice.drop(resolver);
        alice.drop(guarded);
    });
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed resolver-dropped");
    stage.act("alice", |alice| {
        alice.get(b"right");
        let right = alice.worker.store[&b"right"[..]][0];
        let answer = alice.call(right, "revoke", vec![]);
        alice.watch(answer, 2);
    });
    assert!(stage.turn("alice", |_| {}).starts_with("settled 2="), "nothing is left to be revoked, and that is well");
}
