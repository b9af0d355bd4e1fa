//! The host as an endpoint: what it exports, is asked, asks and holds (kernel-rules 19, 21, 22).

mod world;

use ocap_kernel::*;
use world::{Stage, launch};

#[test]
fn a_call_to_the_host_stays_until_it_is_answered_also_over_a_restart() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let answer = alice.call(alice.peer("door"), "open", vec![]);
        let listener = alice.expose(5, Lifetime::Durable);
        alice.listen(answer, listener);
    });
    stage.restart();
    let calls = stage.calls();
    assert_eq!(calls.len(), 1);
    stage.kernel.answer_call(calls[0].id, Reply::Fail(Code::OutcomeUnknown));
    stage.kernel.answer_call(calls[0].id, Reply::Fail(Code::ObjectGone));
    assert_eq!(stage.calls(), []);
    assert_eq!(stage.turn("alice", |_| {}), "start");
    assert_eq!(stage.turn("alice", |_| {}), "5.break");
}

#[test]
fn an_answer_of_the_host_that_names_what_is_gone_fails_and_the_kernel_goes_on() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let answer = alice.call(alice.peer("door"), "open", vec![]);
        alice.watch(answer, 1);
    });
    let gone = Kref::Object(ObjectId(1_000));
    stage.kernel.answer_call(stage.calls()[0].id, Reply::Settle(Answer::Forward(gone)));
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed object-gone");
    stage.restart();
}

#[test]
fn kq4_the_host_may_ask_a_promise_and_hears_the_end_of_the_chain() {
    let mut stage = Stage::with(&["alice"]);
    let given = stage.ask("alice", "give");
    let mut resolver = None;
    stage.turn("alice", |alice| {
        let (promise, decides) = alice.new_promise();
        resolver = Some(decides);
        alice.fulfill_with(alice.resolver.expect("the host asks"), vec![promise]);
    });
    let promise = stage.kernel.take_outputs().into_iter().find_map(|output| match output {
        Output::Answered { ask, resolution: Resolution::Fulfilled(payload) } if ask == given => Some(payload.caps[0]),
        Output::Answered { .. } | Output::Call(_) | Output::Released(_) | Output::Exited(..) => None,
    });
    let promise = promise.expect("a promise was given");
    let asked = stage.kernel.ask(promise, "hello", Payload::plain([])).expect("it is lent to the host");
    assert_eq!(stage.answer(asked), None);
    stage.act("alice", |alice| {
        let me = alice.expose(0, Lifetime::Durable);
        alice.forward(resolver.expect("alice holds it"), me);
    });
    assert_eq!(stage.turn("alice", |alice| alice.fulfill(alice.resolver.expect("asked"), "hi")), "0.hello");
    assert_eq!(stage.answer(asked).as_deref(), Some("hi"));
}

#[test]
fn what_was_shown_to_the_host_can_be_named_until_much_else_was_shown() {
    let mut stage = Stage::with(&["alice"]);
    let given = stage.ask("alice", "give");
    stage.turn("alice", |alice| {
        let five = alice.expose(5, Lifetime::Durable);
        alice.fulfill_with(alice.resolver.expect("the host asks"), vec![five]);
        alice.drop(five);
    });
    assert_eq!(stage.answer(given).as_deref(), Some("with"));
    assert!(!stage.is_told("alice"), "it is held for the host");
    for _ in 0..limits::LENT_REFERENCES_MAX {
        stage.ask("alice", "more");
        stage.turn("alice", |alice| {
            let me = alice.expose(0, Lifetime::Durable);
            alice.forward(alice.resolver.expect("the host asks"), me);
        });
    }
    assert_eq!(stage.turn("alice", |_| {}), "dropped 5");
}

#[test]
fn kr3_a_connection_answers_until_it_ends_and_is_told_of_when_nobody_holds_it_any_more() {
    let mut stage = Stage::with(&["alice"]);
    let connection = stage.kernel.export_until_boot("a client".to_owned());
    let args = Payload { body: Body::from([]), caps: vec![Kref::Object(connection)] };
    let root = stage.root("alice");
    stage.kernel.ask(root, "hello", args).expect("a root");
    let mut held = None;
    stage.turn("alice", |alice| {
        held = Some(alice.args[0]);
        alice.send(alice.args[0], "welcome", vec![], None);
    });
    assert_eq!(stage.calls().len(), 1);
    stage.kernel.end_object(connection);
    stage.kernel.end_object(connection);
    stage.act("alice", |alice| {
        let answer = alice.call(held.expect("it was delivered"), "still there?", vec![]);
        alice.watch(answer, 1);
    });
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed object-gone");
    stage.kernel.answer_call(stage.calls()[0].id, Reply::Fail(Code::ObjectGone));
    stage.act("alice", |alice| alice.drop(held.expect("it was delivered")));
    assert!(stage.kernel.take_outputs().contains(&Output::Released(connection)));
    stage.check();
}

#[test]
fn a_connection_is_gone_after_a_restart() {
    let mut stage = Stage::with(&["alice"]);
    let connection = stage.kernel.export_until_boot("a client".to_owned());
    let args = Payload { body: Body::from([]), caps: vec![Kref::Object(connection)] };
    let root = stage.root("alice");
    stage.kernel.ask(root, "hello", args).expect("a root");
    stage.turn("alice", |alice| alice.put(b"client", vec![alice.args[0]]));
    stage.restart();
    stage.act_after_start("alice", |alice| {
        alice.get(b"client");
        let client = alice.worker.store[b"client".as_slice()][0];
        let answer = alice.call(client, "still there?", vec![]);
        alice.watch(answer, 1);
    });
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed object-gone");
}

#[test]
fn what_a_channel_keeps_is_held_over_a_restart_and_released_with_the_channel() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let five = alice.expose(5, Lifetime::Durable);
        alice.send(alice.peer("door"), "serve", vec![five], None);
        alice.drop(five);
    });
    let call = stage.calls().remove(0);
    stage.kernel.keep(call.object, Some(call.args.caps[0])).expect("both exist");
    stage.kernel.answer_call(call.id, Reply::Settle(Answer::Fulfill(Payload::plain([]))));
    stage.restart();
    assert_eq!(stage.kernel.kept_by(call.object), Some(call.args.caps[0]));
    assert!(!stage.is_told("alice"));
    stage.kernel.keep(call.object, None).expect("it exists");
    assert_eq!(stage.turn("alice", |_| {}), "start");
    assert_eq!(stage.turn("alice", |_| {}), "dropped 5");
}

#[test]
fn with_a_subcluster_go_its_channels_what_they_keep_and_what_they_were_asked() {
    let mut stage = Stage::with(&["alice"]);
    let door = stage.door();
    let other = stage.kernel.launch(launch("other", &["carol"])).expect("a launch");
    let others_door = stage.kernel.host_objects().map(|(object, _)| object).find(|object| *object != door);
    let others_door = others_door.expect("carol's door");
    let args = Payload { body: Body::from([]), caps: vec![Kref::Object(others_door)] };
    let root = stage.root("alice");
    stage.kernel.ask(root, "take", args).expect("a root");
    stage.turn("alice", |alice| {
        let answer = alice.call(alice.args[0], "open", vec![]);
        alice.watch(answer, 1);
    });
    stage.kernel.keep(others_door, Some(root)).expect("both exist");
    stage.kernel.terminate(other, &[others_door]).expect("it lives");
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed outcome-unknown");
    assert_eq!(stage.kernel.host_objects().map(|(object, _)| object).collect::<Vec<_>>(), [door]);
    assert_eq!(stage.kernel.kept_by(others_door), None);
    stage.restart();
    assert!(stage.disk.state.objects.iter().all(|(object, _)| *object != others_door), "nobody holds it any more");
}

#[test]
fn sv1_the_host_is_refused_what_does_not_exist() {
    let mut stage = Stage::with(&["alice"]);
    let unknown = Kref::Promise(PromiseId(99));
    let root = stage.root("alice");
    let args = Payload { body: Body::from([]), caps: vec![unknown] };
    assert_eq!(stage.kernel.ask(root, "take", args), Err(Refusal::NoSuchReference(unknown)));
    assert_eq!(stage.kernel.keep(stage.door(), Some(unknown)), Err(Refusal::NoSuchReference(unknown)));
    assert_eq!(stage.kernel.heal(VatId(99)), Err(Refusal::NoSuchVat(VatId(99))));
    assert_eq!(stage.kernel.quarantine(VatId(99), Body::from([])), Err(Refusal::NoSuchVat(VatId(99))));
    let nothing = SubclusterId(99);
    assert_eq!(stage.kernel.terminate(nothing, &[]), Err(Refusal::NoSuchSubcluster(nothing)));
    assert!(!stage.is_told("alice"));
}

#[test]
fn a_vat_can_not_pile_up_more_messages_at_a_host_object_than_its_limit() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        for _ in 0..limits::HOST_OBJECT_MESSAGES_MAX {
            alice.send(alice.peer("door"), "open", vec![], None);
        }
        let refused = alice.call(alice.peer("door"), "open", vec![]);
        alice.watch(refused, 1);
    });
    assert_eq!(stage.calls().len() as u64, limits::HOST_OBJECT_MESSAGES_MAX);
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed mailbox-full");
    let first = stage.calls()[0].id;
    stage.kernel.answer_call(first, Reply::Fail(Code::OutcomeUnknown));
    stage.act("alice", |alice| alice.send(alice.peer("door"), "open", vec![], None));
    assert_eq!(stage.calls().len() as u64, limits::HOST_OBJECT_MESSAGES_MAX, "there was room for one again");
}

/// The words of an answer that a host object keeps, if it has one.
fn kept_answer(stage: &mut Stage, object: ObjectId) -> Option<String> {
    let ask = stage.kernel.await_kept(object).expect("it keeps a promise");
    stage.answer(ask)
}

#[test]
fn an_answer_that_a_host_object_keeps_is_heard_as_often_as_asked_for_and_after_a_restart() {
    let mut stage = Stage::with(&["alice"]);
    let alice = stage.root("alice");
    let ask = |stage: &mut Stage, method: &str| {
        stage.kernel.ask_and_keep(alice, method, Payload::plain([]), format!("call/{method}")).expect("alice lives")
    };
    let told = ask(&mut stage, "told");
    assert_eq!((stage.kernel.kept_answer_bytes(told), kept_answer(&mut stage, told)), (None, None));
    stage.restart();
    stage.turn("alice", |_| {});
    assert_eq!(stage.turn("alice", |alice| alice.fulfill(alice.resolver.expect("asked"), "hi")), "0.told");
    for _ in 0..2 {
        assert_eq!(kept_answer(&mut stage, told).as_deref(), Some("hi"));
        stage.restart();
    }
    assert_eq!(stage.kernel.kept_answer_bytes(told), Some(2));
    stage.kernel.sweep();
    assert_eq!(kept_answer(&mut stage, told).as_deref(), Some("hi"), "the sweep leaves what is kept");
    stage.kernel.end_object(told);
    assert_eq!((stage.kernel.await_kept(told), stage.kernel.promises()), (None, 0));
}

#[test]
fn a_kept_answer_that_nobody_can_give_any_more_is_kept_as_the_kernels_word() {
    let mut stage = Stage::with(&["alice"]);
    let alice = stage.root("alice");
    let call =
        stage.kernel.ask_and_keep(alice, "dropped", Payload::plain([]), "call/x".to_owned()).expect("alice lives");
    stage.turn("alice", |_| {});
    stage.restart();
    let ask = stage.kernel.await_kept(call).expect("it keeps a promise");
    let answered = stage.kernel.take_outputs().into_iter().any(
        |output| matches!(output, Output::Answered { ask: heard, resolution: Resolution::Failed(_) } if heard == ask),
    );
    assert!(answered, "a promise that nobody can settle has an end");
    assert_eq!(stage.kernel.kept_answer_bytes(call), Some(0));
}

#[test]
fn what_can_not_be_sent_leaves_no_object_that_keeps_an_answer() {
    let mut stage = Stage::with(&["alice"]);
    let before = stage.kernel.next_object();
    let nobody = Kref::Object(ObjectId(1_000));
    stage
        .kernel
        .ask_and_keep(nobody, "x", Payload::plain([]), "call/x".to_owned())
        .expect_err("there is no such object");
    assert_eq!(stage.kernel.next_object(), before);
}
