//! What the host owes and keeps over restarts: promises that it settles later, objects that last as long as they are held.

mod world;

use ocap_kernel::*;
use world::*;

/// Alice asks the door; the call that the host has to answer.
fn called(stage: &mut Stage, token: u64) -> HostCall {
    stage.act("alice", |alice| {
        let answer = alice.call(alice.peer("door"), "later", vec![]);
        alice.watch(answer, token);
        alice.put(b"answer", vec![answer]);
    });
    stage.commit();
    stage.calls().pop().expect("a call")
}

#[test]
fn a_promise_that_the_host_owes_is_settled_after_any_number_of_crashes() {
    let mut stage = Stage::with(&["alice"]);
    let call = called(&mut stage, 1);
    let owed = stage.kernel.defer(call.id, "alarm 12".to_owned()).expect("the call waits");
    stage.check();
    assert_eq!(stage.calls(), [], "the call is answered");
    stage.restart();
    stage.restart();
    assert!(stage.kernel.host_objects().any(|known| known == (owed, "alarm 12")));
    stage.act_after_start("alice", |alice| {
        alice.get(b"answer");
        let answer = alice.worker.store[&b"answer"[..]][0];
        alice.watch(answer, 2);
    });
    assert!(!stage.is_told("alice"));
    stage.kernel.conclude(owed, Answer::Fulfill(Payload::plain(*b"ring")));
    stage.check();
    assert_eq!(stage.turn("alice", |_| {}), "settled 2=ring");
    stage.kernel.conclude(owed, Answer::Fulfill(Payload::plain(*b"again")));
    assert!(!stage.is_told("alice"), "once");
    assert!(!stage.kernel.host_objects().any(|(object, _)| object == owed));
}

#[test]
fn an_object_that_lasts_while_it_is_held_survives_crashes_and_goes_with_its_last_holder() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let call = called(&mut stage, 1);
    let bob = stage.root("bob");
    let timer = stage.kernel.export_while_held(call.id, "every 5".to_owned(), Some(bob)).expect("the call waits");
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=forwarded");
    stage.restart();
    assert_eq!(stage.kernel.kept_by(timer), Some(bob));
    stage.outputs.clear();
    stage.act_after_start("alice", |alice| alice.remove(b"answer"));
    stage.commit();
    assert!(stage.outputs.contains(&Output::Released(timer)), "the host is told: {:?}", stage.outputs);
    assert_eq!(stage.kernel.kept_by(timer), None);
    assert_eq!(stage.kernel.object(timer), None);
}

#[test]
fn a_call_is_answered_once_whichever_way() {
    let mut stage = Stage::with(&["alice"]);
    let call = called(&mut stage, 1);
    stage.kernel.answer_call(call.id, Reply::Fail(Code::NoSuchMethod));
    let before = stage.kernel.host_objects().count();
    assert_eq!(stage.kernel.defer(call.id, "alarm".to_owned()), None);
    assert_eq!(stage.kernel.export_while_held(call.id, "timer".to_owned(), None), None);
    assert_eq!(stage.kernel.host_objects().count(), before, "nothing was made");
    stage.check();
}

#[test]
fn what_the_host_exports_for_good_stays_until_it_is_ended() {
    let mut stage = Stage::with(&["alice"]);
    let root = stage.root("alice");
    let pin = stage.kernel.export("pin".to_owned());
    stage.kernel.keep(pin, Some(root)).expect("it exists");
    stage.restart();
    assert_eq!(stage.kernel.kept_by(pin), Some(root));
    stage.kernel.end_object(pin);
    stage.check();
    assert_eq!(stage.kernel.object(pin), None);
}

#[test]
fn a_message_whose_answer_nobody_wants_is_sent_by_the_host_too() {
    let mut stage = Stage::with(&["alice"]);
    let root = stage.root("alice");
    stage.kernel.send(root, "tick", Payload::plain([])).expect("a root");
    assert_eq!(stage.turn("alice", |alice| assert_eq!(alice.resolver, None)), "0.tick");
    let nobody = Kref::Object(ObjectId(999));
    assert_eq!(stage.kernel.send(nobody, "tick", Payload::plain([])), Err(Refusal::NoSuchReference(nobody)));
}
