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
    assert_eq!(stage.turn("alice", |_| {}), "settled 2=yes");
    assert_eq!(stage.turn("alice", |_| {}), "settled 3=yes");
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
