//! How a vat came to hold what it holds: the first way, remembered as long as the reference and no longer.

mod world;

use ocap_kernel::*;
use world::Stage;

/// How a vat came to hold what it has at a slot.
fn origin(stage: &Stage, vat: &str, slot: Slot) -> Origin {
    let held = stage.kernel.held(stage.id(vat)).find(|held| held.slot == slot).expect("the vat has it");
    held.origin.expect("no row of this stage is older than such notes").clone()
}

fn how(stage: &Stage, vat: &str, slot: Slot) -> How {
    origin(stage, vat, slot).how
}

/// What the kernel calls what a vat has at a slot.
fn kref(stage: &Stage, vat: &str, slot: Slot) -> Kref {
    stage.kernel.references(stage.id(vat)).find(|(at, _)| *at == slot).expect("the vat has it").1
}

fn sender(stage: &Stage, vat: &str) -> Sender {
    Sender::Vat(stage.id(vat))
}

/// Alice gives bob a durable object of hers by the message `take`; bob's slot for it, which he has in his store.
fn bob_is_given(stage: &mut Stage) -> Slot {
    stage.act("alice", |alice| {
        let five = alice.expose(5, Lifetime::Durable);
        alice.send(alice.peer("bob"), "take", vec![five], None);
    });
    let mut taken = Slot(0);
    let told = stage.turn("bob", |bob| {
        taken = bob.args[0];
        bob.put(b"five", bob.args.clone());
    });
    assert_eq!(told, "0.take");
    taken
}

#[test]
fn a_grant_says_under_which_name_and_since_when() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.kernel.tell_time(1_000);
    stage.join(world::launch("later", &["carol", "dave"]));
    let granted = stage.grant("carol", "vat.dave");
    let since = Moment { boot: stage.kernel.boot(), ms: 1_000 };
    assert_eq!(origin(&stage, "carol", granted), Origin { how: How::Granted("vat.dave".to_owned()), since });
    let held = stage.kernel.held(stage.id("carol")).find(|held| held.slot == granted).expect("a grant");
    assert_eq!((held.grant, held.stored, held.own), (Some("vat.dave"), 0, false));
    let root = stage.kernel.held(stage.id("carol")).next().expect("a root");
    assert_eq!((root.own, &root.origin.expect("an origin").how), (true, &How::Exposed));
    assert_eq!(origin(&stage, "alice", stage.grant("alice", "vat.bob")).since.ms, 0, "before the host told the time");
}

#[test]
fn what_a_message_brought_says_which_message_and_who_sent_it() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.kernel.tell_time(2_000);
    let taken = bob_is_given(&mut stage);
    let Origin { how: How::Sent { by, to, method, .. }, since } = origin(&stage, "bob", taken) else {
        panic!("it was sent")
    };
    assert_eq!((by, Kref::Object(to), &*method), (sender(&stage, "alice"), stage.root("bob"), "take"));
    assert_eq!(since.ms, 2_000);
}

#[test]
fn a_reference_that_comes_again_is_held_since_it_came_first() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let taken = bob_is_given(&mut stage);
    let first = origin(&stage, "bob", taken);
    stage.kernel.tell_time(9_000);
    stage.act("alice", |alice| {
        let five = alice.expose(5, Lifetime::Durable);
        alice.send(alice.peer("bob"), "take again", vec![five], None);
    });
    stage.turn("bob", |bob| assert_eq!(bob.args, [taken]));
    assert_eq!(origin(&stage, "bob", taken), first);
}

#[test]
fn a_reference_that_was_let_go_and_comes_again_is_held_since_then() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let taken = bob_is_given(&mut stage);
    stage.act("bob", |bob| {
        bob.remove(b"five");
        bob.drop(taken);
    });
    assert!(!stage.kernel.references(stage.id("bob")).any(|(slot, _)| slot == taken), "nothing is left of it");
    stage.kernel.tell_time(9_000);
    let again = bob_is_given(&mut stage);
    assert!(again > taken);
    assert_eq!(origin(&stage, "bob", again).since.ms, 9_000);
}

#[test]
fn what_a_vat_makes_itself_says_so() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let mut made = Vec::new();
    stage.act("alice", |alice| {
        let (promise, resolver) = alice.new_promise();
        let (guarded, revoker) = alice.guard(alice.peer("bob"));
        made = vec![promise, resolver, guarded, revoker];
        made.push(alice.expose(7, Lifetime::Incarnation));
        made.push(alice.call(alice.peer("bob"), "hello", vec![]));
    });
    let target = kref(&stage, "alice", stage.grant("alice", "vat.bob"));
    for slot in &made[..4] {
        assert_eq!(how(&stage, "alice", *slot), How::Made);
    }
    assert_eq!(how(&stage, "alice", made[4]), How::Exposed);
    assert_eq!(how(&stage, "alice", made[5]), How::Asked { target });
    let mut resolver = Slot(0);
    stage.turn("bob", |bob| resolver = bob.resolver.expect("alice asks"));
    assert!(matches!(how(&stage, "bob", resolver), How::Sent { by, .. } if by == sender(&stage, "alice")));
}

#[test]
fn what_an_answer_brought_says_who_gave_it() {
    let mut stage = Stage::with(&["alice", "bob", "carol"]);
    // Bob does not answer himself: he hands the right to carol.
    stage.act("alice", |alice| {
        let answer = alice.call(alice.peer("bob"), "a lamp", vec![]);
        alice.watch(answer, 1);
    });
    stage.turn("bob", |bob| {
        let resolver = bob.resolver.expect("alice asks");
        bob.send(bob.peer("carol"), "answer for me", vec![resolver], None);
    });
    stage.turn("carol", |carol| {
        let lamp = carol.expose(3, Lifetime::Durable);
        carol.fulfill_with(carol.args[0], vec![lamp]);
    });
    let mut lamp = Slot(0);
    stage.turn("alice", |alice| lamp = alice.args[0]);
    assert_eq!(how(&stage, "alice", lamp), How::Answered { by: Some(sender(&stage, "carol")) });
}

#[test]
fn an_answer_through_a_chain_of_promises_is_from_whoever_ended_the_chain() {
    let mut stage = Stage::with(&["alice", "bob", "carol"]);
    stage.act("alice", |alice| {
        let answer = alice.call(alice.peer("bob"), "a lamp", vec![]);
        alice.watch(answer, 1);
    });
    stage.turn("bob", |bob| {
        let answer = bob.call(bob.peer("carol"), "a lamp", vec![]);
        bob.forward(bob.resolver.expect("alice asks"), answer);
    });
    stage.turn("carol", |carol| {
        let lamp = carol.expose(3, Lifetime::Durable);
        carol.forward(carol.resolver.expect("bob asks"), lamp);
    });
    let mut lamp = Slot(0);
    stage.turn("alice", |alice| lamp = alice.args[0]);
    assert_eq!(how(&stage, "alice", lamp), How::Answered { by: Some(sender(&stage, "carol")) });
}

#[test]
fn a_listener_is_told_by_whoever_settled_also_after_a_crash() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let listener = alice.expose(9, Lifetime::Durable);
        alice.send(alice.peer("bob"), "a lamp", vec![], Some(listener));
    });
    stage.turn("bob", |bob| {
        let lamp = bob.expose(3, Lifetime::Durable);
        bob.put(b"lamp", vec![lamp]);
        bob.fulfill_with(bob.resolver.expect("alice asks"), vec![lamp]);
    });
    // The kernel's word to the listener waits in the inbox while the process dies.
    stage.restart();
    assert_eq!(stage.turn("alice", |_| {}), "start");
    let mut lamp = Slot(0);
    assert_eq!(stage.turn("alice", |alice| lamp = alice.args[0]), "9.fulfill");
    assert_eq!(how(&stage, "alice", lamp), How::Answered { by: Some(sender(&stage, "bob")) });
}

#[test]
fn of_a_promise_that_had_ended_before_it_was_watched_it_is_not_known_who_settled_it() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let mut answer = Slot(0);
    stage.act("alice", |alice| answer = alice.call(alice.peer("bob"), "a lamp", vec![]));
    stage.turn("bob", |bob| {
        let lamp = bob.expose(3, Lifetime::Durable);
        bob.fulfill_with(bob.resolver.expect("alice asks"), vec![lamp]);
    });
    stage.act("alice", |alice| alice.watch(answer, 1));
    let mut lamp = Slot(0);
    stage.turn("alice", |alice| lamp = alice.args[0]);
    assert_eq!(how(&stage, "alice", lamp), How::Answered { by: None });
}

#[test]
fn what_the_host_gives_is_from_the_host() {
    let mut stage = Stage::with(&["alice"]);
    let (root, door) = (stage.root("alice"), Kref::Object(stage.door()));
    stage.kernel.send(root, "here", Payload { body: Body::from([]), caps: vec![door] }).expect("both exist");
    let mut given = Slot(0);
    stage.turn("alice", |alice| given = alice.args[0]);
    assert!(matches!(how(&stage, "alice", given), How::Sent { by: Sender::Host, method, .. } if method == "here"));
    stage.act("alice", |alice| {
        let answer = alice.call(alice.peer("door"), "open", vec![]);
        alice.watch(answer, 1);
    });
    let call = stage.calls()[0].id;
    stage.kernel.export_while_held(call, "a client".to_owned(), None).expect("it waits for an answer");
    let mut client = Slot(0);
    stage.turn("alice", |alice| client = alice.args[0]);
    assert_eq!(how(&stage, "alice", client), How::Answered { by: Some(Sender::Host) });
}

#[test]
fn what_is_kept_is_known_after_a_restart_and_what_was_in_hand_is_gone() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.kernel.tell_time(2_000);
    let taken = bob_is_given(&mut stage);
    let before = origin(&stage, "bob", taken);
    let granted = stage.grant("bob", "vat.alice");
    let since_launch = origin(&stage, "bob", granted);
    let mut in_hand = Slot(0);
    stage.act("bob", |bob| in_hand = bob.new_promise().0);
    for _ in 0..3 {
        stage.restart();
        let held: Vec<_> = stage.kernel.held(stage.id("bob")).map(|held| (held.slot, held.handle)).collect();
        assert!(held.contains(&(taken, false)) && held.iter().all(|(slot, _)| *slot != in_hand), "{held:?}");
        assert_eq!(origin(&stage, "bob", taken), before);
        assert_eq!(origin(&stage, "bob", granted), since_launch);
    }
}

#[test]
fn a_handle_that_is_stored_later_keeps_its_origin_on_the_disk() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.kernel.tell_time(2_000);
    stage.act("alice", |alice| {
        let five = alice.expose(5, Lifetime::Durable);
        alice.put(b"five", vec![five]);
        alice.send(alice.peer("bob"), "take", vec![five], None);
    });
    let mut taken = Slot(0);
    stage.turn("bob", |bob| taken = bob.args[0]);
    stage.commit();
    assert!(stage.disk.state.clist.iter().all(|(key, _)| *key != (stage.id("bob"), taken)), "only its heap has it");
    stage.kernel.tell_time(9_000);
    stage.act("bob", |bob| bob.put(b"five", vec![taken]));
    stage.restart();
    assert_eq!(origin(&stage, "bob", taken).since, Moment { boot: 1, ms: 2_000 });
}

#[test]
fn rows_of_an_older_store_are_held_and_nobody_knows_since_when() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let taken = bob_is_given(&mut stage);
    stage.commit();
    for (_, row) in &mut stage.disk.state.clist {
        row.origin = None;
    }
    stage.crash();
    let held: Vec<_> = stage.kernel.held(stage.id("bob")).collect();
    assert!(held.iter().any(|held| held.slot == taken && held.stored == 1));
    assert!(held.iter().all(|held| held.origin.is_none()));
}

#[test]
fn a_crank_that_is_undone_brought_nothing() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        let five = alice.expose(5, Lifetime::Durable);
        alice.send(alice.peer("bob"), "take", vec![five], None);
    });
    let before: Vec<Slot> = stage.kernel.held(stage.id("bob")).map(|held| held.slot).collect();
    stage.trap("bob");
    let after: Vec<Slot> = stage.kernel.held(stage.id("bob")).map(|held| held.slot).collect();
    assert_eq!(after, before);
}

#[test]
fn of_a_long_method_only_the_beginning_is_remembered() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let long = "ä".repeat(10_000);
    stage.act("alice", |alice| {
        let five = alice.expose(5, Lifetime::Durable);
        alice.send(alice.peer("bob"), &long, vec![five], None);
    });
    let mut taken = Slot(0);
    stage.turn("bob", |bob| taken = bob.args[0]);
    let How::Sent { method, .. } = how(&stage, "bob", taken) else { panic!("it was sent") };
    assert_eq!(method, "ä".repeat(limits::METHOD_BYTES_REMEMBERED_MAX / 2));
}
