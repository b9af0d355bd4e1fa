//! Rows that contradict each other are refused with a word about where, and never followed for ever.

mod world;

use ocap_kernel::*;
use world::*;

fn forward(to: u64) -> Promise {
    Promise::Settled(Answer::Forward(Kref::Promise(PromiseId(to))))
}

#[test]
fn kr15_promises_that_are_forwarded_in_a_circle_are_refused_with_the_circle() {
    let promises = vec![(PromiseId(1), forward(2)), (PromiseId(2), forward(3)), (PromiseId(3), forward(2))];
    let corrupt = Kernel::load(State { promises, ..State::default() }).expect_err("no kernel made these rows");
    assert_eq!(corrupt.0, "kp1 is forwarded in a circle through kp2");
}

#[test]
fn a_slot_that_is_kept_and_has_no_row_is_refused() {
    let vat = VatId(1);
    let mut kernel = Kernel::empty();
    let one = LaunchVat {
        name: "one".to_owned(),
        code: Body::from([]),
        parameters: Body::from([]),
        grants: Vec::new(),
        mailbox_max: 1,
        references_max: 1,
        turns: 1,
        when_quarantined: WhenQuarantined::Park,
    };
    let launch = Launch {
        name: "one".to_owned(),
        bootstrap: "one".to_owned(),
        declaration: Body::from([]),
        host_objects: Vec::new(),
        vats: vec![one],
    };
    kernel.launch(launch).expect("a launch");
    let commit = kernel.take_commit();
    let put = |change: Change<VatId, Vat>| Some((change.key, change.value?));
    let state = State {
        counters: commit.counters.expect("numbers were given"),
        vats: commit.vats.into_iter().filter_map(put).collect(),
        progress: commit.progress.into_iter().filter_map(|change| Some((change.key, change.value?))).collect(),
        holdings: vec![((vat, b"key".to_vec()), vec![Slot(9)])],
        ..State::default()
    };
    let corrupt = Kernel::load(state).expect_err("nothing is at slot 9");
    assert_eq!(corrupt.0, "v1 keeps slot 9, which its c-list does not have");
}

/// The messages that wait somewhere, by method.
fn waiting(stage: &Stage) -> Vec<(&str, MessageId)> {
    let messages = stage.disk.state.queue.iter().filter_map(|(id, queued)| match &queued.item {
        Item::Message(message) => Some((message.method.as_str(), *id)),
        Item::Dropped(_) | Item::Settled { .. } => None,
    });
    messages.collect()
}

#[test]
fn a_damaged_message_is_answered_and_set_aside_wherever_it_waited_and_all_others_are_delivered() {
    let mut stage = Stage::with(&["alice", "bob", "carol"]);
    let root = |turn: &Turn<'_>| turn.worker.exports.get(&0).map_or(Slot(1), |(slot, _)| *slot);
    stage.act("bob", |bob| {
        let (alice, own) = (bob.peer("alice"), root(bob));
        let lost = bob.call(alice, "lost", vec![bob.peer("carol")]);
        bob.listen(lost, own);
        let well = bob.call(alice, "well", vec![]);
        // These wait until alice has answered.
        let behind = bob.call(well, "behind", vec![]);
        bob.listen(behind, own);
        bob.call(well, "behind too", vec![]);
    });
    stage.commit();
    let (methods, ids): (Vec<_>, Vec<_>) = waiting(&stage).into_iter().unzip();
    assert_eq!(methods, ["lost", "well", "behind", "behind too"]);
    stage.disk.state.damaged = vec![ids[0], ids[2]];
    stage.crash();
    let letters: Vec<_> = stage.kernel.dead_letters().map(|(id, letter)| (id, letter.vat, letter.why)).collect();
    assert_eq!(letters, [(ids[0], stage.id("alice"), Why::Damaged)], "who was to get the other one is not known yet");
    stage.commit();
    stage.disk.state.damaged.clear();
    assert_eq!(
        waiting(&stage).iter().map(|(method, _)| *method).collect::<Vec<_>>(),
        ["well", "behind too", "break", "break"]
    );
    assert_eq!(stage.turn("alice", |_| {}), "start");
    assert_eq!(stage.turn("alice", |_| {}), "0.well");
    assert_eq!(stage.turn("bob", |_| {}), "start");
    assert_eq!([stage.turn("bob", |_| {}), stage.turn("bob", |_| {})], ["0.break", "0.break"]);
    stage.restart();
    assert_eq!(stage.kernel.dead_letters().count(), 1);
}

#[test]
fn a_damaged_message_to_the_host_is_answered_and_never_shown_to_it() {
    let mut stage = Stage::with(&["alice"]);
    stage.act("alice", |alice| {
        let answer = alice.call(alice.peer("door"), "write", vec![]);
        let listener = alice.expose(5, Lifetime::Durable);
        alice.listen(answer, listener);
        alice.put(b"listener", vec![listener]);
    });
    stage.commit();
    stage.disk.state.damaged = vec![stage.calls()[0].id];
    stage.crash();
    assert_eq!(stage.calls(), []);
    assert_eq!(stage.kernel.dead_letters().count(), 0);
    assert_eq!(stage.turn("alice", |_| {}), "start");
    assert_eq!(stage.turn("alice", |_| {}), "5.break");
}
