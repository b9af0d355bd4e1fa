//! Thread #437: vats come back when the host starts, a launch makes what is new, and an end leaves no trace.

use std::fs;

use ocap_tests::{Place, eventually};
use serde_json::{Value, json};

/// The ids of all vats that there are, in the order of `status`.
fn ids(place: &Place) -> Vec<String> {
    let status = place.status();
    let subclusters = status["subclusters"].as_array().expect("a list").iter();
    let vats = subclusters.flat_map(|subcluster| subcluster["vats"].as_array().expect("a list"));
    vats.map(|vat| vat["id"].as_str().expect("an id").to_owned()).collect()
}

#[test]
fn issue437_every_vat_that_was_started_and_not_terminated_is_back_after_a_start_that_names_nothing() {
    let place = Place::new();
    let host =
        place.run(&[&place.sample("counter").file(), &place.sample("echo").file(), &place.sample("matcher").file()]);
    place.ocap(&["terminate", "echo", "--yes"]).expect(0);
    let before = ids(&place);
    host.kill9();
    let host = place.run(&[]);
    assert_eq!(host.ready()["vats"], 3);
    assert_eq!(ids(&place), before);
    assert_eq!(place.call("counter", "increment", &["1"]), 1, "and somebody is home");
}

#[test]
fn issue437_messages_that_were_sent_to_a_vat_before_the_stop_find_it_after_the_start() {
    let place = Place::new();
    let counter = place.sample("counter");
    counter.link("counter");
    let host = place.run(&[&counter.file()]);
    host.kill9();
    counter.move_away("counter");
    let host = place.run(&[]);
    let caller = place.begin(&["call", "counter", "increment", "3"]);
    eventually("the message waits", || (place.vat("counter", "counter")["queued"] == 1).then_some(()));
    host.kill9();
    caller.done().expect(1).problem("ocap::daemon::broken_off");
    counter.move_back("counter");
    let _host = place.run(&[]);
    eventually("it was delivered", || (place.call("counter", "get", &[]) == 3).then_some(()));
}

#[test]
fn issue437_a_launch_gives_new_ids_and_a_start_adopts_the_state_that_is_there() {
    let place = Place::new();
    let counter = place.sample("counter");
    let host = place.run(&[&counter.file()]);
    let first = ids(&place);
    assert_eq!(place.call("counter", "increment", &["5"]), 5);
    assert_eq!(host.stop(&place), 0);
    // The same command for a vat that is new and for one that goes on.
    let host = place.run(&[&counter.file()]);
    assert_eq!(ids(&place), first);
    assert_eq!(place.call("counter", "get", &[]), 5);
    place.ocap(&["terminate", "counter", "--yes"]).expect(0);
    assert_eq!(host.stop(&place), 0);
    let _host = place.run(&[&counter.file()]);
    assert_ne!(ids(&place), first, "an identity is never given again");
    assert_eq!(place.call("counter", "get", &[]), 0);
}

#[test]
fn issue437_terminate_leaves_no_trace_of_a_vats_state() {
    let place = Place::new();
    let secret = "a-text-that-only-this-vat-has-kept";
    let matcher = place.sample("matcher");
    let host = place.run(&[&matcher.file()]);
    let register = json!({ "id": 1, "register": { "name": secret, "description": secret } });
    assert_eq!(place.client("run/llm.sock").ask(&register), json!({ "id": 1, "ok": true }));
    place.ocap(&["terminate", "matcher", "--yes"]).expect(0);
    // Large vats end in slices, beside what else the host has to do.
    eventually("it has ended", || (place.ocap(&["doctor"]).expect(0).json()["counts"]["ending"] == 0).then_some(()));
    assert_eq!(host.stop(&place), 0);
    // A vat's own store is removed a piece at a time, and a stop does not wait for that: a later start goes on with it.
    let store = eventually("nothing is left to be removed", || {
        assert_eq!(place.run(&[]).stop(&place), 0);
        let store = rusqlite::Connection::open(place.home("store")).expect("the store");
        let left = store.query_row("SELECT count(*) FROM forgotten", [], |row| row.get::<_, i64>(0)).expect("a count");
        (left == 0).then_some(store)
    });
    let tables = store
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .and_then(|mut tables| tables.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>())
        .expect("tables");
    assert!(tables.len() > 8, "{tables:?}");
    for table in tables {
        let rows = store.query_row(&format!("SELECT count(*) FROM \"{table}\""), [], |row| row.get::<_, i64>(0));
        let rows = rows.expect("a count");
        // What is left is the host's own: its version and its counters.
        let of_the_host = ["meta", "counters"].contains(&table.as_str());
        assert_eq!(rows, i64::from(of_the_host), "rows of {table}");
    }
}

#[test]
fn issue437_all_can_be_terminated_and_the_host_serves_on() {
    let place = Place::new();
    let host = place.run(&[&place.sample("counter").file(), &place.sample("matcher").file()]);
    for name in ["counter", "matcher"] {
        place.ocap(&["terminate", name, "--yes"]).expect(0);
    }
    assert_eq!(place.status()["subclusters"], json!([]));
    host.kill9();
    let host = place.run(&[&place.sample("echo").file()]);
    assert_eq!(host.ready()["vats"], 1);
    assert_eq!(place.call("echo", "echo", &["1"]), 1);
}

#[test]
fn issue437_a_reset_is_a_new_beginning() {
    let place = Place::new();
    let counter = place.sample("counter");
    let host = place.run(&[&counter.file()]);
    let first = ids(&place);
    assert_eq!(place.call("counter", "increment", &["5"]), 5);
    assert_eq!(host.stop(&place), 0);
    place.ocap(&["reset", "--yes"]).expect(0);
    let host = place.run(&[]);
    assert_eq!((&host.ready()["vats"], &host.ready()["boot"]), (&json!(0), &json!(1)));
    assert_eq!(host.stop(&place), 0);
    let _host = place.run(&[&counter.file()]);
    assert_eq!(ids(&place), first, "as on a home where nothing ever was");
    assert_eq!(place.call("counter", "get", &[]), 0);
}

#[test]
fn issue437_a_restart_of_one_vat_keeps_its_identity_and_its_state_on_purpose() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("counter").file()]);
    assert_eq!(place.call("counter", "increment", &["5"]), 5);
    let before = place.vat("counter", "counter");
    place.ocap(&["restart", "counter/counter"]).expect(0);
    assert_eq!(place.call("counter", "get", &[]), 5);
    let after = place.vat("counter", "counter");
    assert_eq!(after["id"], before["id"]);
    assert!(after["incarnation"].as_u64() > before["incarnation"].as_u64(), "{before} {after}");
}

#[test]
fn issue437_a_default_subcluster_is_launched_once_and_then_brought_back() {
    let place = Place::new();
    let steward = place.sample("steward");
    fs::create_dir_all(place.home("")).expect("a home");
    fs::set_permissions(place.home(""), std::os::unix::fs::PermissionsExt::from_mode(0o700)).expect("its owner's");
    let host_toml = format!("[system.steward]\ndeclaration = {:?}\n", steward.word());
    fs::write(place.home("host.toml"), host_toml).expect("a configuration");
    let host = place.run(&[]);
    let first = ids(&place);
    assert_eq!(first.len(), 1);
    host.kill9();
    let host = place.run(&[]);
    assert_eq!(ids(&place), first, "it was not launched a second time");
    assert_eq!(host.stop(&place), 0);
}

/// The states of two vats of one subcluster right after a start.
fn states_after_a_start(place: &Place) -> Vec<Value> {
    let _host = place.run(&[]);
    // A vat that is to be there at once may still be starting.
    eventually("the eager one is awake", || (place.vat("two", "eager")["state"] == "awake").then_some(()));
    ["eager", "lazy"].map(|name| place.vat("two", name)["state"].clone()).to_vec()
}

#[test]
fn issue437_a_vat_is_brought_back_at_once_or_by_its_first_message_as_declared() {
    let place = Place::new();
    let counter = place.sample("counter");
    counter.declare(
        "name = \"two\"\nbootstrap = \"lazy\"\n[vats.lazy]\ncomponent = \"counter.wasm\"\n\
         [vats.eager]\ncomponent = \"counter.wasm\"\nstart = \"eager\"\n",
    );
    let host = place.run(&[&counter.file()]);
    assert_eq!(place.call("two/lazy", "increment", &["2"]), 2);
    assert_eq!(host.stop(&place), 0);
    assert_eq!(states_after_a_start(&place), [json!("awake"), json!("idle")]);
    let _host = place.run(&[]);
    assert_eq!(place.call("two/lazy", "get", &[]), 2, "its first message brings it back");
    assert_eq!(place.vat("two", "lazy")["state"], "awake");
}

#[test]
fn issue437_a_vat_that_is_not_used_leaves_memory_and_comes_back_on_demand() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("counter").file()]);
    assert_eq!(place.call("counter", "increment", &["2"]), 2);
    place.ocap(&["hibernate", "counter/counter"]).expect(0);
    assert_eq!(place.vat("counter", "counter")["state"], "idle");
    assert_eq!(place.call("counter", "increment", &["2"]), 4);
    assert_eq!(place.vat("counter", "counter")["state"], "awake");
}
