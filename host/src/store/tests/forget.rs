//! What ended vats kept: gone for every reader with its commit, and from the disk bit by bit.

use ocap_kernel::{Change, Commit, Payload, Slot, VatId};
use rusqlite::Connection;

use super::{Home, abandon, vat_store, write};
use crate::store::{Store, forget, settings, version};

/// So many entries of a vat, each with a body of so many bytes and with a slot.
pub(super) fn entries(vat: VatId, count: u32, bytes: usize) -> Commit {
    let entry = Payload { body: vec![7; bytes].into(), caps: vec![Slot(1)] };
    let put = |key: u32| Change { key: (vat, key.to_be_bytes().to_vec()), value: Some(entry.clone()) };
    Commit { store: (0..count).map(put).collect(), ..Commit::default() }
}

pub(super) fn forgets(vat: VatId) -> Commit {
    Commit { forgotten: vec![vat], ..Commit::default() }
}

/// How many entries lie in the file, and how many vats are being forgotten, while no store has it open.
pub(super) fn left_in_file(home: &Home) -> (i64, i64) {
    let connection = Connection::open(home.path()).expect("the file opens");
    let count = |sql| connection.query_row(sql, (), |row| row.get(0)).expect("a number");
    (count("SELECT count(*) FROM vat_store"), count("SELECT count(*) FROM forgotten"))
}

/// Opens and closes the store until all that was forgotten is gone from the file.
pub(super) fn until_nothing_is_forgotten(home: &Home) {
    for _ in 0..1_000 {
        let (store, _) = home.open();
        // Nobody asks for anything: entries are removed in such pauses only.
        std::thread::sleep(std::time::Duration::from_millis(50));
        store.close().expect("the store closes");
        if left_in_file(home).1 == 0 {
            return;
        }
    }
    panic!("something stays forgotten: {:?}", left_in_file(home));
}

#[test]
fn a_slice_is_at_most_a_thousand_entries_and_not_many_megabytes() {
    for (count, bytes, slices) in [(2_500, 1, vec![1_500, 500, 0]), (10, 1 << 20, vec![6, 2, 0]), (0, 0, vec![0])] {
        let mut connection = Connection::open_in_memory().expect("memory is there");
        settings::harden(&connection).expect("the settings are known");
        version::migrate(&mut connection, 0, &version::STEPS).expect("the steps are good");
        for commit in [entries(VatId(3), count, bytes), entries(VatId(4), 3, 1), forgets(VatId(3))] {
            crate::store::changes::apply(&connection, &commit, 1).expect("good rows");
        }
        let mut left = Vec::new();
        loop {
            let more = forget::remove_some(&connection).expect("a good statement");
            let sql = "SELECT count(*) FROM vat_store WHERE vat = 3";
            left.push(connection.query_row(sql, (), |row| row.get::<_, i64>(0)).expect("a number"));
            if !more {
                break;
            }
        }
        assert_eq!(left, slices, "{count} entries of {bytes} bytes");
        let neighbour = connection.query_row("SELECT count(*) FROM vat_store", (), |row| row.get::<_, i64>(0));
        assert_eq!(neighbour, Ok(3));
        assert_eq!(forget::remove_some(&connection), Ok(false));
    }
}

#[test]
fn a_slice_removes_what_many_small_vats_kept() {
    let mut connection = Connection::open_in_memory().expect("memory is there");
    settings::harden(&connection).expect("the settings are known");
    version::migrate(&mut connection, 0, &version::STEPS).expect("the steps are good");
    for vat in 1..=1_200 {
        for commit in [entries(VatId(vat), u32::from(vat % 3 != 0), 1), forgets(VatId(vat))] {
            crate::store::changes::apply(&connection, &commit, 1).expect("good rows");
        }
    }
    let noted = |connection: &Connection| {
        let count = connection.query_row("SELECT count(*) FROM forgotten", (), |row| row.get::<_, i64>(0));
        count.expect("a number")
    };
    assert_eq!(forget::remove_some(&connection), Ok(true));
    assert_eq!(noted(&connection), 200);
    assert_eq!(forget::remove_some(&connection), Ok(false));
    assert_eq!(noted(&connection), 0);
}

#[test]
fn what_is_forgotten_is_never_loaded_again_however_much_of_it_is_left() {
    let home = Home::new();
    let (store, _) = home.open();
    for commit in [entries(VatId(3), 5_000, 10), entries(VatId(4), 2, 10), forgets(VatId(3))] {
        assert_eq!(write(&store, commit), Ok(()));
    }
    abandon(store);
    let (store, state) = home.open();
    let owners: Vec<VatId> = state.holdings.iter().map(|((vat, _), _)| *vat).collect();
    assert_eq!(owners, [VatId(4), VatId(4)]);
    store.close().expect("the store closes");
    until_nothing_is_forgotten(&home);
    assert_eq!(left_in_file(&home), (2, 0));
}

#[test]
fn a_store_that_has_nothing_else_to_do_removes_everything() {
    let home = Home::new();
    let (store, _) = home.open();
    for commit in [entries(VatId(3), 3_000, 10), forgets(VatId(3))] {
        assert_eq!(write(&store, commit), Ok(()));
    }
    until_removed(&store, &home);
    abandon(store);
    let (store, _) = home.open();
    store.close().expect("the store closes");
    assert_eq!(left_in_file(&home), (0, 0));
}

/// The log grows with each slice and is moved once there are none: then the file has what is left.
fn until_removed(store: &Store, home: &Home) {
    let reader = store.reader();
    for _ in 0..10_000 {
        // A read does not keep the writer from its slices: they come in the pauses.
        std::thread::sleep(std::time::Duration::from_millis(20));
        if vat_store(&reader, VatId(3)).expect("good rows").is_empty() {
            return;
        }
    }
    panic!("something stays in {}", home.path().display());
}

#[test]
fn a_store_that_never_rests_removes_something_all_the_same() {
    let home = Home::new();
    let (store, _) = home.open();
    for commit in [entries(VatId(3), 3_000, 10), forgets(VatId(3))] {
        assert_eq!(write(&store, commit), Ok(()));
    }
    // Handed over at once, so that the writer always finds one more.
    for number in 0..1_000 {
        store.write(entries(VatId(4), number % 5, 10), |result| assert_eq!(result, Ok(())));
    }
    store.close().expect("the store closes");
    assert_eq!(left_in_file(&home), (4, 0));
}
