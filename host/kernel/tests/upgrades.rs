//! New heaps from the same state: restart, other code on trial, and the way back.

mod world;

use ocap_kernel::*;
use world::{Stage, Turn, launch};

fn code(text: &str) -> Body {
    Body::from(text.as_bytes())
}

/// What a vat's next start says of the code before, and what becomes of that start.
fn starts(stage: &mut Stage, vat: &str, report: impl FnOnce(Turn<'_>) -> Report) -> (Option<Body>, Verdict) {
    assert_eq!(stage.begin(vat), "start");
    let before = stage.upgraded_from(vat);
    (before, stage.end(vat, report).1)
}

fn fails(turn: Turn<'_>) -> Report {
    Report { outcome: Outcome::StartFailed("it can not".to_owned()), ..turn.trap() }
}

fn row(stage: &Stage, vat: &str) -> Vat {
    stage.kernel.vat(stage.id(vat)).expect("it lives").row.clone()
}

#[test]
fn pe4_a_vat_that_is_restarted_keeps_its_store_its_grants_and_its_durable_objects() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("bob", |bob| {
        let five = bob.expose(5, Lifetime::Durable);
        bob.put(b"alice", vec![bob.peer("alice")]);
        bob.send(bob.peer("alice"), "take", vec![five], None);
    });
    let mut five = None;
    stage.turn("alice", |alice| five = Some(alice.args[0]));
    let before = stage.kernel.vat(stage.id("bob")).expect("he lives").incarnation;
    stage.kernel.restart(stage.id("bob")).expect("he lives");
    assert_eq!(stage.turn("bob", |_| {}), "start");
    assert_eq!(stage.kernel.vat(stage.id("bob")).expect("he lives").incarnation, before + 1);
    stage.act("alice", |alice| alice.send(five.expect("given"), "hello", vec![], None));
    let told = stage.turn("bob", |bob| {
        bob.get(b"alice");
        bob.send(bob.worker.store[b"alice".as_slice()][0], "from the store", vec![], None);
        bob.send(bob.peer("alice"), "by the grant", vec![], None);
    });
    assert_eq!(told, "5.hello");
    assert_eq!(stage.turn("alice", |_| {}), "0.from the store");
    assert_eq!(stage.turn("alice", |_| {}), "0.by the grant");
}

#[test]
fn re1_vats_that_are_restarted_one_by_one_keep_their_names_and_reach_each_other() {
    let names = ["alice", "bob", "carol"];
    let mut stage = Stage::with(&names);
    for vat in names {
        stage.kernel.restart(stage.id(vat)).expect("it lives");
        assert_eq!(stage.turn(vat, |_| {}), "start");
        let view = stage.kernel.vat(stage.id(vat)).expect("it lives");
        assert_eq!((view.row.name.as_str(), view.incarnation), (vat, 2));
        for peer in names.into_iter().filter(|peer| *peer != vat) {
            stage.act(vat, |turn| turn.send(turn.peer(peer), "hello", vec![], None));
            assert_eq!(stage.turn(peer, |_| {}), "0.hello");
        }
    }
    let stranger = VatId(99);
    assert_eq!(stage.kernel.restart(stranger), Err(Refusal::NoSuchVat(stranger)));
}

#[test]
fn kq13_a_message_that_a_restart_interrupted_is_delivered_again_and_what_hung_on_the_heap_is_answered() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| {
        for (token, method) in [(1, "kept in the heap"), (2, "interrupted"), (3, "behind")] {
            let answer = alice.call(alice.peer("bob"), method, vec![]);
            alice.watch(answer, token);
        }
    });
    stage.turn("bob", |_| {});
    assert_eq!(stage.begin("bob"), "0.interrupted");
    stage.kernel.restart(stage.id("bob")).expect("he lives");
    assert_eq!(stage.end("bob", |bob| bob.end()).1, Verdict::Stale);
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed incarnation-lost");
    for told in ["start", "0.interrupted", "0.behind"] {
        let was_told = stage.turn("bob", |bob| {
            if let Some(resolver) = bob.resolver {
                bob.fulfill(resolver, "yes");
            }
        });
        assert_eq!(was_told, told);
    }
    assert_eq!(stage.turn("alice", |_| {}), "settled 2=yes 3=yes");
}

#[test]
fn a_quarantined_vat_is_healed_and_not_restarted() {
    let mut stage = Stage::with(&["alice"]);
    let alice = stage.id("alice");
    stage.kernel.quarantine(alice, code("why")).expect("she lives");
    assert_eq!(stage.kernel.restart(alice), Err(Refusal::NotServed(alice)));
}

#[test]
fn upgraded_code_is_told_what_was_before_it_and_goes_on_from_the_same_state() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("bob", |bob| bob.put(b"alice", vec![bob.peer("alice")]));
    stage.act("alice", |alice| alice.send(alice.peer("bob"), "waits", vec![], None));
    stage.kernel.upgrade(stage.id("bob"), code("second")).expect("he lives");
    let (before, verdict) = starts(&mut stage, "bob", |bob| bob.end());
    assert_eq!((before, verdict), (Some(code("")), Verdict::Applied));
    assert_eq!(stage.turn("bob", |bob| bob.get(b"alice")), "0.waits");
    assert_eq!(row(&stage, "bob").upgrade, Upgrade::Kept { before: code("") });
    // The next start is one of the same code.
    stage.kernel.restart(stage.id("bob")).expect("he lives");
    assert_eq!(starts(&mut stage, "bob", |bob| bob.end()).0, None);
}

#[test]
fn code_whose_first_start_fails_gives_way_to_the_code_before_and_no_message_is_lost() {
    let mut stage = Stage::with(&["alice", "bob"]);
    let bob = stage.id("bob");
    let asked = stage.ask("bob", "waits");
    stage.kernel.upgrade(bob, code("bad")).expect("he lives");
    let (_, verdict) = starts(&mut stage, "bob", fails);
    assert_eq!(verdict, Verdict::RolledBack("it can not".to_owned()));
    assert_eq!((row(&stage, "bob").code, row(&stage, "bob").upgrade), (code(""), Upgrade::None));
    let (before, verdict) = starts(&mut stage, "bob", |bob| bob.end());
    assert_eq!((before, verdict), (None, Verdict::Applied));
    stage.turn("bob", |bob| bob.fulfill(bob.resolver.expect("the host asks"), "yes"));
    assert_eq!(stage.answer(asked).as_deref(), Some("yes"));
}

#[test]
fn a_trial_survives_a_crash_before_its_first_start() {
    let mut stage = Stage::with(&["alice"]);
    stage.kernel.upgrade(stage.id("alice"), code("bad")).expect("she lives");
    stage.commit();
    stage.crash();
    stage.kernel.wake(stage.id("alice"));
    let (before, verdict) = starts(&mut stage, "alice", fails);
    assert_eq!(before, Some(code("")));
    assert_eq!(verdict, Verdict::RolledBack("it can not".to_owned()));
    // The code before that fails too is nobody's trial.
    assert!(matches!(starts(&mut stage, "alice", fails).1, Verdict::Quarantined(_)));
}

#[test]
fn code_that_was_replaced_before_it_ever_ran_is_not_what_a_rollback_goes_to() {
    let mut stage = Stage::with(&["alice"]);
    let alice = stage.id("alice");
    stage.kernel.upgrade(alice, code("never run")).expect("she lives");
    stage.kernel.upgrade(alice, code("third")).expect("she lives");
    assert_eq!(starts(&mut stage, "alice", |alice| alice.end()).0, Some(code("")));
    stage.kernel.rollback(alice).expect("older code is kept");
    let (before, verdict) = starts(&mut stage, "alice", |alice| alice.end());
    assert_eq!((before, verdict), (Some(code("third")), Verdict::Applied));
    assert_eq!(row(&stage, "alice").code, code(""));
    // That was an upgrade too, and so can be taken back.
    stage.kernel.rollback(alice).expect("older code is kept");
    starts(&mut stage, "alice", |alice| alice.end());
    assert_eq!(row(&stage, "alice").code, code("third"));
}

#[test]
fn a_vat_that_was_never_upgraded_has_nothing_to_go_back_to() {
    let mut stage = Stage::with(&["alice"]);
    let alice = stage.id("alice");
    assert_eq!(stage.kernel.rollback(alice), Err(Refusal::NothingKept(alice)));
    let never_started = Stage::of(launch("scene", &["alice"]));
    let (mut kernel, alice) = (never_started.kernel.clone(), never_started.id("alice"));
    kernel.upgrade(alice, code("other")).expect("she lives");
    assert_eq!(kernel.rollback(alice), Err(Refusal::NothingKept(alice)), "the first code never ran");
}

#[test]
fn an_upgrade_serves_a_quarantined_vat_again_with_what_waited_for_it() {
    let mut stage = Stage::with(&["alice"]);
    stage.kernel.quarantine(stage.id("alice"), code("why")).expect("she lives");
    stage.ask("alice", "waits");
    stage.kernel.upgrade(stage.id("alice"), code("mended")).expect("she lives");
    assert_eq!(starts(&mut stage, "alice", |alice| alice.end()).1, Verdict::Applied);
    assert_eq!(stage.turn("alice", |_| {}), "0.waits");
}
