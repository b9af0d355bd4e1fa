//! Deliveries that kill the process: who is suspected, who runs alone, and what is set aside (kernel-rules D).

mod world;

use ocap_kernel::*;
use world::*;

/// The process dies while these are being delivered, and comes back.
fn die_during(stage: &mut Stage, vats: &[&str]) -> Vec<Consequence> {
    let markers: Vec<_> = vats.iter().map(|vat| marker(stage, vat)).collect();
    stage.crash();
    let consequences = stage.kernel.suspect(&markers);
    stage.check();
    stage.commit();
    consequences
}

fn marker(stage: &Stage, vat: &str) -> Marker {
    let crank = &stage.flying[&stage.id(vat)];
    Marker { boot: stage.kernel.boot(), vat: crank.vat, message: crank.message, company: crank.company }
}

/// Whatever is delivered is handled by doing nothing, until this is begun; everything before it is durable.
fn serve_until(stage: &mut Stage, vat: &str, what: &str) -> Company {
    loop {
        let crank = stage.kernel.begin().unwrap_or_else(|| panic!("{what} is never delivered to {vat}"));
        let (id, company, told) = (crank.vat, crank.company, told(&crank.delivery));
        stage.flying.insert(id, crank);
        if (id, told.as_str()) == (stage.id(vat), what) {
            stage.commit();
            return company;
        }
        let name = stage.vats.iter().find(|(_, known)| **known == id).expect("a vat of the scene").0.clone();
        stage.turn(&name, |_| {});
    }
}

#[test]
fn a9_g3_a_message_that_kills_the_process_three_times_alone_is_set_aside_and_its_vat_lives_on() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("bob", |bob| {
        let answer = bob.call(bob.peer("alice"), "poison", vec![]);
        bob.listen(answer, bob.worker.exports.get(&0).map_or(Slot(1), |(slot, _)| *slot));
    });
    stage.ask("alice", "harmless");
    stage.commit();
    assert_eq!(stage.begin("alice"), "0.poison");
    assert_eq!(stage.flying[&stage.id("alice")].company, Company::Among);
    assert_eq!(die_during(&mut stage, &["alice"]), [], "the first death may be anybody's");
    for death in 1..=3 {
        assert_eq!(serve_until(&mut stage, "alice", "0.poison"), Company::Alone);
        let consequences = die_during(&mut stage, &["alice"]);
        assert_eq!(consequences.len(), usize::from(death == 3), "after death {death}: {consequences:?}");
    }
    let letters: Vec<_> = stage.kernel.dead_letters().map(|(_, letter)| (letter.method.clone(), letter.why)).collect();
    assert_eq!(letters, [("poison".to_owned(), Why::KilledTheProcess)]);
    assert_eq!(serve_until(&mut stage, "alice", "0.harmless"), Company::Alone);
    stage.turn("alice", |_| {});
    // Whoever waited for an answer hears.
    serve_until(&mut stage, "bob", "0.break");
    assert_eq!(stage.kernel.suspected().count(), 0);
}

#[test]
fn an_innocent_delivery_beside_a_deadly_one_is_never_set_aside() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.ask("alice", "poison");
    stage.ask("bob", "slow");
    stage.commit();
    stage.begin("alice");
    stage.begin("bob");
    die_during(&mut stage, &["alice", "bob"]);
    for _ in 0..3 {
        assert_eq!(serve_until(&mut stage, "alice", "0.poison"), Company::Alone);
        die_during(&mut stage, &["alice"]);
    }
    let letters: Vec<_> = stage.kernel.dead_letters().map(|(_, letter)| letter.vat).collect();
    assert_eq!(letters, [stage.id("alice")]);
    assert_eq!(serve_until(&mut stage, "bob", "0.slow"), Company::Alone);
    stage.turn("bob", |_| {});
    assert_eq!(stage.kernel.suspected().count(), 1, "alice, until she has finished something");
}

#[test]
fn a_lone_delivery_runs_while_nothing_else_does() {
    let mut stage = Stage::with(&["alice", "bob", "carol"]);
    stage.ask("alice", "poison");
    stage.commit();
    stage.begin("alice");
    die_during(&mut stage, &["alice"]);
    stage.ask("bob", "busy");
    assert_eq!(stage.turn("alice", |_| {}), "start");
    assert!(stage.is_told("bob"));
    assert!(!stage.is_told("alice"), "bob's start is under way");
    stage.turn("bob", |_| {});
    assert!(stage.is_told("alice"));
    stage.ask("carol", "waits");
    assert!(!stage.is_told("bob") && !stage.is_told("carol"), "alice's lone delivery is under way");
    stage.turn("alice", |_| {});
    assert!(stage.is_told("bob") && stage.is_told("carol"));
}

#[test]
fn poison_that_was_born_in_a_lost_batch_is_set_aside_too() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("bob", |bob| bob.put(b"alice", vec![bob.peer("alice")]));
    stage.ask("bob", "poison her");
    stage.commit();
    let poison = |stage: &mut Stage| {
        stage.turn("bob", |bob| bob.send(bob.peer("alice"), "poison", vec![], None));
    };
    // Bob's crank and what it sent never reach the store: the process dies first.
    poison(&mut stage);
    assert_eq!(stage.begin("alice"), "0.poison");
    die_during(&mut stage, &["alice"]);
    let suspicion = stage.kernel.suspected().next().map(|(_, suspicion)| suspicion.left);
    assert_eq!(suspicion, Some(limits::LONE_DELIVERIES));
    assert_eq!(stage.turn("bob", |_| {}), "start");
    poison(&mut stage);
    for _ in 0..3 {
        assert_eq!(serve_until(&mut stage, "alice", "0.poison"), Company::Alone);
        die_during(&mut stage, &["alice"]);
    }
    assert_eq!(stage.kernel.dead_letters().count(), 1);
}

#[test]
fn a_start_that_kills_the_process_three_times_alone_quarantines_the_vat() {
    let mut stage = Stage::of(launch("scene", &["alice"]));
    stage.commit();
    let mut consequences = Vec::new();
    for _ in 0..4 {
        assert_eq!(stage.begin("alice"), "start");
        consequences.extend(die_during(&mut stage, &["alice"]));
    }
    assert_eq!(consequences, [Consequence::Quarantined(stage.id("alice"))]);
    assert!(!stage.is_told("alice"));
}

#[test]
fn new_code_whose_start_kills_the_process_gives_way_to_the_old() {
    let mut stage = Stage::with(&["alice"]);
    stage.kernel.upgrade(stage.id("alice"), Body::from(*b"new")).expect("she lives");
    stage.commit();
    let mut consequences = Vec::new();
    for _ in 0..4 {
        assert_eq!(stage.begin("alice"), "start");
        consequences.extend(die_during(&mut stage, &["alice"]));
    }
    assert_eq!(consequences, [Consequence::RolledBack(stage.id("alice"))]);
    assert_eq!(stage.turn("alice", |_| {}), "start");
}

#[test]
fn a_vat_that_kills_the_process_with_one_message_after_another_is_quarantined() {
    let mut stage = Stage::with(&["alice"]);
    stage.ask("alice", "one");
    stage.ask("alice", "two");
    stage.commit();
    stage.begin("alice");
    let mut consequences = die_during(&mut stage, &["alice"]);
    for message in ["0.one", "0.one", "0.one", "0.two"] {
        serve_until(&mut stage, "alice", message);
        consequences.extend(die_during(&mut stage, &["alice"]));
    }
    let alice = stage.id("alice");
    assert!(
        matches!(consequences[..], [Consequence::SetAside(aside, _), Consequence::Quarantined(stopped)]
        if aside == alice && stopped == alice),
        "{consequences:?}"
    );
}

#[test]
fn markers_of_another_boot_or_of_a_vat_that_is_gone_mean_nothing() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.ask("alice", "hello");
    stage.commit();
    stage.begin("alice");
    let old = marker(&stage, "alice");
    stage.crash();
    stage.restart();
    assert_eq!(stage.kernel.suspect(&[old]), []);
    let gone = Marker { boot: stage.kernel.boot() - 1, vat: VatId(77), ..old };
    assert_eq!(stage.kernel.suspect(&[gone]), []);
    assert_eq!(stage.kernel.suspected().count(), 0);
}

#[test]
fn g3_a_dead_letter_keeps_labels_and_bytes_and_holds_no_reference() {
    let mut stage = Stage::with(&["alice", "bob"]);
    stage.act("bob", |bob| {
        let five = bob.expose(5, Lifetime::Durable);
        bob.send(bob.peer("alice"), "deadly", vec![five], None);
        bob.drop(five);
    });
    stage.commit();
    for _ in 0..4 {
        serve_until(&mut stage, "alice", "0.deadly");
        die_during(&mut stage, &["alice"]);
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
