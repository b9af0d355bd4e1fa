//! The end of a vat with very much to let go of: others go on meanwhile, and nothing of it stays.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use ocap_tests::{Host, Place, eventually};
use rusqlite::{Connection, OpenFlags};
use serde_json::json;

/// A misbehaver with 20,000 entries in its store, each with a reference of its own, beside a counter.
fn hoarder(place: &Place) -> (Host, i64) {
    let host = place.run(&[&place.sample("misbehaver").file(), &place.sample("counter").file()]);
    let mut wire = place.wire();
    for thousand in 0..20 {
        let hoarded = wire.call("misbehaver", "hoard", &[json!(1_000 * thousand), json!(1_000)]).expect("an answer");
        assert_eq!(hoarded["$type"], "value", "{hoarded}");
    }
    let vat = place.vat("misbehaver", "misbehaver")["id"].as_str().expect("a name").to_owned();
    (host, vat.trim_start_matches('v').parse().expect("a number"))
}

/// How many rows of the store name the vat, beside its tombstone.
fn rows_of(place: &Place, vat: i64) -> i64 {
    let store = Connection::open_with_flags(place.home("store.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a store");
    let count = |sql: &str| -> i64 { store.query_row(sql, [vat], |row| row.get(0)).expect("a count") };
    ["progress", "objects", "clist", "vat_store"]
        .map(|table| count(&format!("SELECT count(*) FROM {table} WHERE vat = ?")))
        .iter()
        .sum::<i64>()
        + count("SELECT count(*) FROM queue WHERE place = 'inbox' AND place_id = ?")
}

fn is_entombed(place: &Place, vat: i64) -> bool {
    let store = Connection::open_with_flags(place.home("store.db"), OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a store");
    let status = store.query_row("SELECT status FROM vats WHERE id = ?", [vat], |row| row.get::<_, String>(0));
    status.is_ok_and(|status| status == "terminated") && rows_of(place, vat) == 0
}

#[test]
fn others_are_served_while_a_vat_with_20000_references_ends() {
    let place = Place::new();
    let (host, vat) = hoarder(&place);
    assert!(rows_of(&place, vat) > 20_000);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let calling = scope.spawn(|| {
            let mut wire = place.wire();
            let mut calls = 0;
            while !over.load(Ordering::Relaxed) {
                calls += 1;
                assert_eq!(wire.call("counter", "increment", &[json!(1)]).expect("an answer")["value"], calls);
            }
            calls
        });
        place.ocap(&["terminate", "misbehaver", "--yes"]).expect(0);
        place.ocap(&["call", "misbehaver", "alive"]).expect(1).problem("ocap::target::unknown");
        eventually("the tombstone", || is_entombed(&place, vat).then_some(()));
        over.store(true, Ordering::Relaxed);
        assert!(calling.join().expect("no panic") > 0);
    });
    assert_eq!(host.stop(&place), 0);
    assert!(is_entombed(&place, vat));
}

#[test]
fn an_ending_that_the_hosts_death_cut_short_goes_on_after_the_next_start() {
    let place = Place::new();
    let (host, vat) = hoarder(&place);
    place.ocap(&["terminate", "misbehaver", "--yes"]).expect(0);
    host.kill9();
    let host = place.run(&[]);
    assert_eq!(host.ready()["vats"], 1, "what has ended is not served again");
    assert_eq!(place.call("counter", "increment", &["1"]), 1);
    eventually("the tombstone", || is_entombed(&place, vat).then_some(()));
    host.kill9();
    let _host = place.run(&[]);
    assert!(is_entombed(&place, vat));
    assert_eq!(place.call("counter", "get", &[]), 1);
}
