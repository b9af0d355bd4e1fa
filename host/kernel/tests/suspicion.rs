//! Deliveries that kill the process: who is suspected, what runs alone, and what is set aside in the end (kernel-rules D, 22).

mod world;

use ocap_kernel::*;
use world::{Stage, launch, told};

/// The process dies while this crank is under way; what the next boot does about it.
fn dies_in(stage: &mut Stage, crank: &Crank) -> Vec<Consequence> {
    let marker = Marker { boot: stage.kernel.boot(), vat: crank.vat, message: crank.message, company: crank.company };
    stage.commit();
    stage.crash();
    let consequences = stage.kernel.suspect(&[marker]);
    stage.check();
    consequences
}

/// Starts the vats that have something to do, until a message is being delivered to this one.
fn delivered_to(stage: &mut Stage, vat: &str) -> Crank {
    while stage.begin(vat) == "start" {
        stage.turn(vat, |_| {});
    }
    stage.crank(vat)
}

/// The report of a vat that does nothing.
fn nothing() -> Report {
    Report { outcome: Outcome::Done, syscalls: vec![], store: vec![], taken: vec![], dropped: vec![] }
}

/// Everything that is delivered to anybody until all is quiet, sorted.
fn all_told(stage: &mut Stage) -> Vec<String> {
    let mut all = Vec::new();
    while let Some(crank) = stage.kernel.begin() {
        all.push(told(&crank.delivery));
        assert_eq!(stage.kernel.finish(crank.vat, crank.id, nothing()), Verdict::Applied);
    }
    all.sort();
    all
}

#[test]
fn g3_a_message_that_kills_the_process_three_times_alone_is_set_aside_and_its_vat_lives_on() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("bob", |bob| {
        let ear = bob.expose(7, Lifetime::Durable);
        bob.send(bob.peer("alice"), "deadly", vec![], Some(ear));
    });
    stage.ask("alice", "harmless");
    let crank = delivered_to(&mut stage, "alice");
    assert_eq!(crank.company, Company::Among);
    assert_eq!(dies_in(&mut stage, &crank), [], "it may have been another's fault");
    for death in 1..=3 {
        let crank = delivered_to(&mut stage, "alice");
        assert_eq!(crank.company, Company::Alone, "death {death}");
        let consequences = dies_in(&mut stage, &crank);
        let set_aside = crank.message.map(|message| Consequence::SetAside(crank.vat, message));
        assert_eq!(consequences, if death == 3 { Vec::from_iter(set_aside) } else { vec![] }, "death {death}");
    }
    // Its sender hears of it, and what was behind it is delivered.
    assert_eq!(all_told(&mut stage), ["0.harmless", "7.break", "dropped 7", "start", "start"]);
}

#[test]
fn g3_a_dead_letter_keeps_labels_and_bytes_and_holds_no_reference() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("bob", |bob| {
        let five = bob.expose(5, Lifetime::Durable);
        bob.send(bob.peer("alice"), "deadly", vec![five], None);
        bob.drop(five);
    });
    for _ in 0..4 {
        let crank = delivered_to(&mut stage, "alice");
        dies_in(&mut stage, &crank);
    }
    let letters: Vec<_> = stage.kernel.dead_letters().map(|(id, letter)| (id, letter.clone())).collect();
    let [(id, letter)] = &letters[..] else { panic!("one letter: {letters:?}") };
    assert_eq!((letter.vat, letter.method.as_str(), letter.why), (stage.id("alice"), "deadly", Why::KilledTheProcess));
    assert_eq!(letter.bytes, letter.body.len() as u64);
    assert_eq!(stage.turn("bob", |_| {}), "start");
    assert_eq!(stage.turn("bob", |_| {}), "dropped 5", "the letter does not hold it");
    stage.restart();
    assert_eq!(stage.kernel.dead_letters().count(), 1);
    assert!(stage.kernel.drop_dead_letter(*id));
    assert!(!stage.kernel.drop_dead_letter(*id));
    stage.restart();
    assert_eq!(stage.kernel.dead_letters().count(), 0);
}

#[test]
fn a_lone_delivery_waits_until_nothing_else_is_under_way_and_nothing_begins_beside_it() {
    let mut stage = Stage::with(&["alice", "bob", "carol"]);
    stage.ask("alice", "deadly");
    let crank = delivered_to(&mut stage, "alice");
    dies_in(&mut stage, &crank);
    for vat in ["bob", "alice", "carol"] {
        stage.ask(vat, "work");
    }
    let mut under_way: Vec<Crank> = Vec::new();
    let mut begun = Vec::new();
    for _ in 0..40 {
        while let Some(crank) = stage.kernel.begin() {
            let alone = crank.company == Company::Alone;
            // Her start and what killed the process; what comes after that is as usual.
            let suspected = crank.vat == stage.id("alice") && begun.iter().filter(|vat| **vat == crank.vat).count() < 2;
            assert_eq!(alone, suspected);
            under_way.push(crank);
            assert!(!alone || under_way.len() == 1, "a lone delivery is the only one");
            if alone {
                assert_eq!(stage.kernel.begin(), None);
            }
        }
        let Some(crank) = under_way.pop() else { break };
        begun.push(crank.vat);
        assert_eq!(stage.kernel.finish(crank.vat, crank.id, nothing()), Verdict::Applied);
    }
    assert_eq!(begun.iter().filter(|vat| **vat == stage.id("alice")).count(), 3, "start, deadly, work");
    assert_eq!(begun.len(), 7);
}

#[test]
fn an_innocent_delivery_beside_a_deadly_one_is_never_set_aside() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.ask("bob", "innocent");
    stage.ask("alice", "deadly");
    let (of_alice, of_bob) = (delivered_to(&mut stage, "alice"), delivered_to(&mut stage, "bob"));
    let boot = stage.kernel.boot();
    let marker = |crank: &Crank| Marker { boot, vat: crank.vat, message: crank.message, company: crank.company };
    stage.commit();
    stage.crash();
    assert_eq!(stage.kernel.suspect(&[marker(&of_alice), marker(&of_bob)]), []);
    // Each is alone now. Whenever bob's is under way the process lives.
    let mut deaths = 0;
    while stage.kernel.dead_letters().count() == 0 {
        let crank = stage.kernel.begin().expect("something waits");
        assert_eq!(crank.company, Company::Alone);
        if crank.vat == stage.id("alice") && crank.message.is_some() {
            deaths += 1;
            assert!(deaths <= 3, "the third is the last");
            dies_in(&mut stage, &crank);
        } else {
            stage.kernel.finish(crank.vat, crank.id, nothing());
        }
    }
    assert_eq!(deaths, 3);
    let letters: Vec<_> = stage.kernel.dead_letters().map(|(_, letter)| letter.method.clone()).collect();
    assert_eq!(letters, ["deadly"]);
}

#[test]
fn a_start_that_kills_the_process_three_times_quarantines_its_vat_and_loses_no_message() {
    let mut stage = Stage::of(launch("scene", &["alice", "bob"]));
    stage.turn("bob", |_| {});
    stage.ask("alice", "waits");
    for death in 0..=3 {
        assert_eq!(stage.begin("alice"), "start");
        let crank = stage.crank("alice");
        let consequences = dies_in(&mut stage, &crank);
        let expected = if death == 3 { vec![Consequence::Quarantined(crank.vat)] } else { vec![] };
        assert_eq!(consequences, expected, "death {death}");
    }
    assert!(!stage.is_told("alice"));
    stage.kernel.heal(stage.id("alice")).expect("she lives");
    assert_eq!(stage.turn("alice", |_| {}), "start");
    assert_eq!(stage.turn("alice", |_| {}), "0.waits");
}

#[test]
fn new_code_whose_start_kills_the_process_three_times_gives_way_to_the_code_before() {
    let mut stage = Stage::with(&["alice"]);
    let alice = stage.id("alice");
    stage.kernel.upgrade(alice, Body::from(*b"deadly")).expect("she lives");
    for death in 0..=3 {
        stage.kernel.wake(alice);
        assert_eq!(stage.begin("alice"), "start");
        let crank = stage.crank("alice");
        let consequences = dies_in(&mut stage, &crank);
        let expected = if death == 3 { vec![Consequence::RolledBack(alice)] } else { vec![] };
        assert_eq!(consequences, expected, "death {death}");
    }
    let row = stage.kernel.vat(alice).expect("she lives").row.clone();
    assert_eq!((row.code.len(), row.status), (0, VatStatus::Active));
}

#[test]
fn a_message_that_was_lost_with_its_batch_makes_its_vat_run_alone_for_long() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.commit();
    // Bob's crank sends to alice, and she dies of it before either is committed.
    stage.kernel.ask(stage.root("bob"), "go", Payload::plain([])).expect("a root");
    stage.commit();
    stage.turn("bob", |bob| bob.send(bob.peer("alice"), "deadly", vec![], None));
    let crank = delivered_to(&mut stage, "alice");
    let marker = Marker { boot: stage.kernel.boot(), vat: crank.vat, message: crank.message, company: crank.company };
    stage.crash();
    assert_eq!(stage.kernel.suspect(&[marker]), []);
    let left = stage.kernel.suspected().map(|(vat, suspicion)| (vat, suspicion.left)).collect::<Vec<_>>();
    assert_eq!(left, [(stage.id("alice"), limits::LONE_DELIVERIES)]);
    // It is born again, under whatever number, is delivered alone, and the fifth death is the last.
    let mut deaths = 1;
    loop {
        stage.commit();
        while stage.kernel.vat(stage.id("alice")).expect("she lives").queued == 0 {
            let told = stage.turn("bob", |bob| {
                if bob.resolver.is_some() {
                    bob.send(bob.peer("alice"), "deadly", vec![], None);
                }
            });
            assert!(told == "start" || told == "0.go", "{told}");
        }
        let crank = delivered_to(&mut stage, "alice");
        assert_eq!(crank.company, Company::Alone);
        deaths += 1;
        if !dies_in(&mut stage, &crank).is_empty() {
            break;
        }
        assert!(deaths < 5);
    }
    assert_eq!(stage.kernel.dead_letters().count(), 1);
}

#[test]
fn a_lone_delivery_that_ends_clears_its_vat_and_markers_of_older_boots_mean_nothing() {
    let mut stage = Stage::with(&["alice"]);
    stage.ask("alice", "slow");
    let crank = delivered_to(&mut stage, "alice");
    let old = Marker { boot: stage.kernel.boot(), vat: crank.vat, message: crank.message, company: crank.company };
    dies_in(&mut stage, &crank);
    let again = delivered_to(&mut stage, "alice");
    assert_eq!(again.company, Company::Alone);
    stage.turn("alice", |_| {});
    assert_eq!(stage.kernel.suspected().count(), 0);
    stage.ask("alice", "next");
    assert_eq!(delivered_to(&mut stage, "alice").company, Company::Among);
    stage.restart();
    assert_eq!(stage.kernel.suspect(&[old]), []);
    assert_eq!(stage.kernel.suspected().count(), 0);
}
