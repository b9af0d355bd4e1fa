//! The end of a vat in slices: nobody waits for a large one, and the process may die between any two.

mod world;

use ocap_kernel::limits::ENDING_SLICE_ROWS_MAX;
use ocap_kernel::*;
use world::*;

const MANY: usize = 2 * ENDING_SLICE_ROWS_MAX;

/// Alice holds, stores, exposes, watches and is sent far more than fits into one slice; the host waits for answers from her.
fn large() -> (Stage, Vec<AskId>) {
    let mut launch = launch("scene", &["alice", "bob"]);
    launch.vats.iter_mut().for_each(|vat| vat.mailbox_max = 10_000);
    let mut stage = Stage::of(launch);
    stage.turn("alice", |_| {});
    stage.turn("bob", |_| {});
    for _ in 0..2 {
        stage.act("alice", |alice| {
            for number in 0..MANY / 2 {
                let key = 1 + alice.worker.exports.len() as u64;
                let own = alice.expose(key, Lifetime::Durable);
                let answer = alice.call(alice.peer("bob"), "remember", vec![own]);
                alice.watch(answer, key);
                alice.put(&[&key.to_be_bytes()[..], &number.to_be_bytes()].concat(), vec![own, answer]);
            }
        });
        while stage.is_told("bob") {
            stage.turn("bob", |_| {});
        }
    }
    let asked = (0..40).map(|_| stage.ask("alice", "question")).collect();
    stage.commit();
    (stage, asked)
}

fn names_alice(state: &State, alice: VatId) -> Vec<String> {
    let mut rows = Vec::new();
    rows.extend(state.progress.iter().filter(|(vat, _)| *vat == alice).map(|row| format!("{row:?}")));
    rows.extend(state.clist.iter().filter(|((vat, _), _)| *vat == alice).map(|row| format!("{row:?}")));
    rows.extend(state.queue.iter().filter(|(_, row)| row.queue == Queue::Inbox(alice)).map(|row| format!("{row:?}")));
    rows.extend(state.holdings.iter().filter(|((vat, _), _)| *vat == alice).map(|row| format!("{row:?}")));
    let exported = |row: &Object| matches!(row.owner, Owner::Vat(vat, _) if vat == alice) && row.fate == Fate::Live;
    rows.extend(state.objects.iter().filter(|(_, row)| exported(row)).map(|row| format!("{row:?}")));
    rows
}

#[test]
fn d5_vl1_a_large_vat_ends_in_slices_and_a_kill_between_any_two_of_them_changes_nothing() {
    let (mut stage, asked) = large();
    let alice = stage.id("alice");
    stage.kernel.terminate_vat(alice).expect("she lives");
    assert_eq!(stage.kernel.vat(alice).map(|view| view.id), None, "she has ended at once");
    let mut slices = 1;
    while stage.kernel.has_ending() {
        stage.restart();
        stage.kernel.end_slice();
        stage.check();
        slices += 1;
    }
    assert!(slices > 3, "{slices} slices");
    stage.commit();
    assert_eq!(names_alice(&stage.disk.state, alice), Vec::<String>::new());
    assert!(stage.disk.state.vats.iter().all(|(vat, _)| *vat != alice), "no row of her is left");
    assert!(stage.disk.store.keys().all(|(vat, _)| *vat != alice), "her store is gone");
    drop(asked);
}

#[test]
fn everybody_who_waits_for_a_large_vat_hears_and_its_importers_are_answered_from_the_first_slice_on() {
    let (mut stage, asked) = large();
    stage.kernel.terminate_vat(stage.id("alice")).expect("she lives");
    assert!(stage.kernel.has_ending());
    let of_alice = |kref: &Kref| {
        let Kref::Object(object) = kref else { return false };
        matches!(stage.kernel.object(*object), Some(Object { owner: Owner::Vat(vat, _), .. }) if *vat == stage.id("alice"))
    };
    let imported = stage.kernel.references(stage.id("bob")).filter(|(_, kref)| of_alice(kref)).last();
    let (imported, _) = imported.expect("bob remembers");
    stage.act("bob", |bob| {
        let answer = bob.call(imported, "hello", vec![]);
        bob.watch(answer, 1);
    });
    assert_eq!(stage.turn("bob", |_| {}), "settled 1=failed vat-terminated");
    while stage.kernel.end_slice() {
        stage.check();
    }
    for ask in asked {
        assert_eq!(stage.answer(ask).as_deref(), Some("failed vat-terminated"));
    }
}

#[test]
fn sc5_one_vat_ends_and_the_rest_of_its_subcluster_goes_on() {
    let mut stage = Stage::with(&["alice", "bob", "carol"]);
    stage.kernel.terminate_vat(stage.id("bob")).expect("he lives");
    stage.check();
    let left: Vec<_> = stage.kernel.vats().map(|vat| vat.row.name.clone()).collect();
    assert_eq!(left, ["alice", "carol"]);
    stage.act("alice", |alice| {
        let (gone, there) = (alice.peer("bob"), alice.peer("carol"));
        let answer = alice.call(gone, "hello", vec![]);
        alice.watch(answer, 1);
        alice.send(there, "hello", vec![], None);
    });
    assert_eq!(stage.turn("carol", |_| {}), "0.hello");
    assert_eq!(stage.turn("alice", |_| {}), "settled 1=failed vat-terminated");
    assert_eq!(stage.kernel.terminate_vat(stage.id("bob")), Err(Refusal::NoSuchVat(stage.id("bob"))));
}
