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

/// The store of a host that does not run: while it does, it is that host's alone.
fn opened(place: &Place) -> Connection {
    Connection::open_with_flags(place.home("store"), OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a store")
}

/// How many rows of the store name the vat, beside its own.
fn rows_of(store: &Connection, vat: i64) -> i64 {
    let count = |sql: &str| -> i64 { store.query_row(sql, [vat], |row| row.get(0)).expect("a count") };
    let of_table = |table| count(&format!("SELECT count(*) FROM {table} WHERE vat = ?"));
    ["progress", "objects", "clist", "vat_store"].map(of_table).iter().sum::<i64>()
        + count("SELECT count(*) FROM vats WHERE id = ?")
        + count("SELECT count(*) FROM queue WHERE place = 'inbox' AND place_id = ?")
}

/// Starts the host again until nothing is left of the vat: a stop does not wait for that.
fn has_no_trace_in_the_end(place: &Place, host: Host, vat: i64) {
    let mut running = Some(host);
    eventually("nothing is left", || {
        let host = running.take().unwrap_or_else(|| place.run(&[]));
        assert_eq!(host.stop(place), 0);
        (rows_of(&opened(place), vat) == 0).then_some(())
    });
}

#[test]
fn others_are_served_while_a_vat_with_20000_references_ends() {
    let place = Place::new();
    let (host, vat) = hoarder(&place);
    assert_eq!(host.stop(&place), 0);
    assert!(rows_of(&opened(&place), vat) > 40_000, "an entry and a line of its c-list each");
    let host = place.run(&[]);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let calling = scope.spawn(|| {
            let mut wire = place.wire();
            let mut calls = 0;
            while !over.load(Ordering::Relaxed) {
                calls += 1;
                let outcome = wire.call("counter", "increment", &[json!(1)]).expect("an answer");
                assert_eq!(outcome["value"], calls);
            }
        });
        place.ocap(&["terminate", "misbehaver", "--yes"]).expect(0);
        place.ocap(&["call", "misbehaver", "alive"]).expect(1).problem("ocap::target::unknown");
        place.ocap(&["status"]).expect(0);
        over.store(true, Ordering::Relaxed);
        calling.join().expect("every call was answered");
    });
    has_no_trace_in_the_end(&place, host, vat);
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
    host.kill9();
    let host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 1);
    has_no_trace_in_the_end(&place, host, vat);
}
