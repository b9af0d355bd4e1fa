//! A new heap from the same state: restart, upgrade, and the way back.

mod world;

use ocap_kernel::*;
use world::*;

const OLD: &[u8] = b"";
const NEW: &[u8] = b"new";
const NEWER: &[u8] = b"newer";

fn code_of(stage: &Stage, vat: &str) -> Vec<u8> {
    stage.kernel.vat(stage.id(vat)).expect("it lives").row.code.to_vec()
}

fn upgrade_of(stage: &Stage, vat: &str) -> Upgrade {
    stage.kernel.vat(stage.id(vat)).expect("it lives").row.upgrade.clone()
}

/// What the next delivery, a start, says about the code before.
fn upgraded_from(stage: &mut Stage, vat: &str) -> Option<Vec<u8>> {
    assert_eq!(stage.begin(vat), "start");
    let Delivery::Start(boot) = &stage.flying[&stage.id(vat)].delivery else { panic!("a start") };
    boot.upgraded_from.as_ref().map(|code| code.to_vec())
}

fn fail_to_start(stage: &mut Stage, vat: &str) -> Verdict {
    let failing = |turn: Turn<'_>| Report { outcome: Outcome::StartFailed("not today".to_owned()), ..turn.trap() };
    stage.end(vat, failing).1
}

#[test]
fn re1_a_vat_that_is_restarted_begins_its_next_incarnation_with_its_store_and_its_grants() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("alice", |alice| alice.put(b"bob", vec![alice.peer("bob")]));
    let alice = stage.id("alice");
    let before = stage.kernel.vat(alice).expect("she lives").incarnation;
    stage.kernel.restart(alice).expect("she lives");
    assert_eq!(stage.turn("alice", |_| {}), "start");
    assert_eq!(stage.kernel.vat(alice).expect("she lives").incarnation, before + 1);
    stage.act("alice", |alice| {
        alice.get(b"bob");
        alice.send(alice.peer("bob"), "still there", vec![], None);
    });
    assert_eq!(stage.turn("bob", |_| {}), "0.still there");
}

#[test]
fn a_message_that_is_under_way_at_a_restart_is_delivered_again_to_the_new_incarnation() {
    let mut stage = Stage::with(&["alice"]);
    let asked = stage.ask("alice", "once");
    assert_eq!(stage.begin("alice"), "0.once");
    let crank = stage.flying.remove(&stage.id("alice")).expect("it was begun");
    stage.kernel.restart(crank.vat).expect("she lives");
    let mut worker = Worker::default();
    let stale = Turn::new(&mut worker, &crank).end();
    assert_eq!(stage.kernel.finish(crank.vat, crank.id, stale), Verdict::Stale);
    stage.check();
    assert_eq!(stage.turn("alice", |_| {}), "start");
    let once = stage.turn("alice", |alice| alice.fulfill(alice.resolver.expect("the host asks"), "done"));
    assert_eq!(once, "0.once");
    assert_eq!(stage.answer(asked).as_deref(), Some("done"));
}

#[test]
fn a_quarantined_vat_is_not_restarted() {
    let mut stage = Stage::with(&["alice"]);
    let alice = stage.id("alice");
    stage.kernel.quarantine(alice, Body::from(*b"why")).expect("she lives");
    assert_eq!(stage.kernel.restart(alice), Err(Refusal::NotServed(alice)));
}

#[test]
fn new_code_is_on_trial_until_it_has_started_and_the_old_code_is_kept_then() {
    let mut stage = Stage::with(&["alice"]);
    let alice = stage.id("alice");
    stage.act("alice", |alice| alice.put(b"state", vec![]));
    stage.kernel.upgrade(alice, Body::from(NEW)).expect("she lives");
    assert_eq!(upgrade_of(&stage, "alice"), Upgrade::Trial { before: Body::from(OLD) });
    assert_eq!(upgraded_from(&mut stage, "alice").as_deref(), Some(OLD));
    stage.turn("alice", |alice| assert!(alice.worker.store.contains_key(&b"state"[..])));
    assert_eq!(upgrade_of(&stage, "alice"), Upgrade::Kept { before: Body::from(OLD) });
    stage.restart();
    stage.ask("alice", "hello");
    assert_eq!(upgraded_from(&mut stage, "alice"), None, "the incarnation before had the same code");
    assert_eq!(code_of(&stage, "alice"), NEW);
}

#[test]
fn new_code_that_fails_to_start_gives_way_to_the_old_code_and_nothing_is_lost() {
    let mut stage = Stage::with(&["alice"]);
    let alice = stage.id("alice");
    stage.act("alice", |alice| alice.put(b"state", vec![]));
    let asked = stage.ask("alice", "question");
    stage.kernel.upgrade(alice, Body::from(NEW)).expect("she lives");
    assert_eq!(fail_to_start(&mut stage, "alice"), Verdict::RolledBack("not today".to_owned()));
    assert_eq!((code_of(&stage, "alice").as_slice(), upgrade_of(&stage, "alice")), (OLD, Upgrade::None));
    assert_eq!(upgraded_from(&mut stage, "alice"), None);
    stage.turn("alice", |alice| assert!(alice.worker.store.contains_key(&b"state"[..])));
    stage.turn("alice", |alice| alice.fulfill(alice.resolver.expect("the host asks"), "answer"));
    assert_eq!(stage.answer(asked).as_deref(), Some("answer"));
}

#[test]
fn an_upgrade_that_was_committed_is_tried_after_a_crash_and_rolled_back_if_it_fails_then() {
    let mut stage = Stage::with(&["alice"]);
    stage.kernel.upgrade(stage.id("alice"), Body::from(NEW)).expect("she lives");
    stage.restart();
    assert_eq!(upgraded_from(&mut stage, "alice").as_deref(), Some(OLD));
    assert!(matches!(fail_to_start(&mut stage, "alice"), Verdict::RolledBack(_)));
    assert_eq!(code_of(&stage, "alice"), OLD);
}

#[test]
fn a_second_upgrade_before_the_first_has_started_goes_back_to_what_ran() {
    let mut stage = Stage::with(&["alice"]);
    let alice = stage.id("alice");
    stage.kernel.upgrade(alice, Body::from(NEW)).expect("she lives");
    stage.kernel.upgrade(alice, Body::from(NEWER)).expect("she lives");
    assert!(matches!(fail_to_start(&mut stage, "alice"), Verdict::RolledBack(_)));
    assert_eq!(code_of(&stage, "alice"), OLD);
}

#[test]
fn a_rollback_is_an_upgrade_to_the_kept_code_and_needs_one() {
    let mut stage = Stage::with(&["alice"]);
    let alice = stage.id("alice");
    assert_eq!(stage.kernel.rollback(alice), Err(Refusal::NothingKept(alice)));
    stage.kernel.upgrade(alice, Body::from(NEW)).expect("she lives");
    stage.turn("alice", |_| {});
    stage.kernel.rollback(alice).expect("the old code is kept");
    assert_eq!(upgraded_from(&mut stage, "alice").as_deref(), Some(NEW));
    stage.turn("alice", |_| {});
    assert_eq!(code_of(&stage, "alice"), OLD);
    assert_eq!(upgrade_of(&stage, "alice"), Upgrade::Kept { before: Body::from(NEW) });
    // Before the new code has started there is nothing to try: the old one is simply put back.
    stage.kernel.upgrade(alice, Body::from(NEWER)).expect("she lives");
    stage.kernel.rollback(alice).expect("the code before is there");
    assert_eq!(upgraded_from(&mut stage, "alice"), None);
}

#[test]
fn a_vat_that_never_started_has_no_code_to_go_back_to() {
    let mut stage = Stage::of(launch("scene", &["alice"]));
    assert!(matches!(fail_to_start(&mut stage, "alice"), Verdict::Quarantined(_)));
    stage.kernel.upgrade(stage.id("alice"), Body::from(NEW)).expect("she lives");
    assert_eq!(upgrade_of(&stage, "alice"), Upgrade::None);
    assert_eq!(stage.turn("alice", |_| {}), "start", "an upgrade serves a quarantined vat again");
}

#[test]
fn promises_that_a_vat_was_deciding_break_at_its_upgrade_unless_their_resolvers_are_stored() {
    let mut stage = Stage::with(&["alice"]);
    let (held, stored) = (stage.ask("alice", "held"), stage.ask("alice", "stored"));
    stage.turn("alice", |_| {});
    stage.turn("alice", |alice| alice.put(b"later", vec![alice.resolver.expect("the host asks")]));
    stage.kernel.upgrade(stage.id("alice"), Body::from(NEW)).expect("she lives");
    stage.check();
    assert_eq!(stage.answer(held).as_deref(), Some("failed incarnation-lost"));
    assert_eq!(stage.answer(stored), None);
}
