//! What was damaged in the store after it was written is never used, and costs its owner alone (promises F4 and F6 of the study of
//! reliability).

use std::path::Path;

use ocap_tests::{Host, Place, Sample, eventually};
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use crate::scenes::queued;

const CODE: &str = "ocap::store::row_damaged";

/// Turns over the last bit of a blob in the row of a table that this condition finds, of a host that does not run; the row's sum is left.
fn flip(place: &Place, table: &str, column: &str, condition: &str) {
    let store = Connection::open(place.home("store")).expect("a store");
    let sql = format!("SELECT {column} FROM {table} WHERE {condition} ORDER BY 1 DESC LIMIT 1");
    let before: Vec<u8> = store.query_row(&sql, (), |row| row.get(0)).expect("a row");
    let mut after = before.clone();
    *after.last_mut().expect("it is not empty") ^= 1;
    let sql = format!("UPDATE {table} SET {column} = ?1 WHERE {column} = ?2 AND {condition}");
    assert_eq!(store.execute(&sql, params![after, before]), Ok(1));
}

/// A vat's number as the store has it.
fn number(place: &Place, subcluster: &str, vat: &str) -> String {
    let id = place.vat(subcluster, vat)["id"].as_str().expect("a number").to_owned();
    id.trim_start_matches('v').to_owned()
}

/// Why a vat is set aside, as soon as it is.
#[track_caller]
fn set_aside(place: &Place, label: &str) -> Value {
    let (subcluster, vat) = label.split_once('/').expect("a label");
    let problem = eventually("it is set aside", || {
        let vat = place.vat(subcluster, vat);
        (vat["state"] == "quarantined").then(|| vat["problem"].clone())
    });
    assert_eq!(problem["code"], CODE, "{problem}");
    let help = problem["help"].as_str().expect("what mends it");
    assert!(help.contains("ocap-host db restore") && help.contains(&format!("terminate {label}")), "{help}");
    assert_eq!((&problem["subcluster"], &problem["vat"]), (&json!(subcluster), &json!(vat)));
    assert_eq!(problem["path_resolved"].as_str(), place.home("store").to_str());
    problem
}

fn counter_and_echo(place: &Place, counter: &Sample) -> Host {
    let host = place.run(&[&counter.file(), &place.sample("echo").file()]);
    assert_eq!(place.call("counter", "increment", &["4"]), 4);
    host
}

#[test]
fn g17_a_value_that_was_damaged_in_the_store_sets_its_vat_aside_and_its_neighbour_answers() {
    let place = Place::new();
    let host = counter_and_echo(&place, &place.sample("counter"));
    let vat = number(&place, "counter", "counter");
    assert_eq!(host.stop(&place), 0);
    let condition = format!("vat = {vat}");
    flip(&place, "vat_store", "body", &condition);
    for command in [&["doctor"][..], &["db", "check"]] {
        let looked = place.ocap(command).expect(1).json();
        let findings = looked["findings"].as_array().expect("a list");
        assert_eq!(findings.iter().filter(|finding| finding["code"] == CODE).count(), 1, "{looked}");
    }

    let host = place.run(&[]);
    let caller = place.begin(&["call", "counter", "increment", "1"]);
    let problem = set_aside(&place, "counter/counter");
    let row = format!("a row of the store is damaged: table `vat_store`, row vat {vat}, key \"");
    assert!(problem["causes"][0].as_str().is_some_and(|cause| cause.starts_with(&row)), "{problem}");
    assert_eq!(place.call("echo", "echo", &["1"]), 1);
    let listed = place.ocap(&["quarantine", "show", "counter/counter"]).expect(0).json();
    assert_eq!((&listed["heals_by_itself"], &listed["problem"]), (&json!(false), &problem));
    let checked = place.ocap(&["db", "check"]).expect(1).json();
    assert_eq!(checked["findings"][0]["code"], CODE, "{checked}");
    place.ocap(&["db", "backup", "bad"]).expect(1).problem(CODE);
    // To try again changes nothing.
    place.ocap(&["quarantine", "retry", "counter/counter"]).expect(0);
    assert_eq!(set_aside(&place, "counter/counter")["causes"], problem["causes"]);
    assert_eq!(host.stop(&place), 3);
    drop(caller);

    // What was damaged is well again, and what waited was not lost.
    flip(&place, "vat_store", "body", &condition);
    let host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 5);
    place.ocap(&["db", "check"]).expect(0);
    assert_eq!(host.stop(&place), 0);
    place.ocap(&["doctor"]).expect(0);
}

#[test]
fn values_that_lie_in_each_others_place_set_their_vat_aside() {
    let place = Place::new();
    let host = place.run(&[&place.sample("notes").file(), &place.sample("echo").file()]);
    place.call("notes", "write", &["shopping"]);
    place.call("notes", "write", &["gardens"]);
    let vat = number(&place, "notes", "notes");
    assert_eq!(host.stop(&place), 0);
    let store = Connection::open(place.home("store")).expect("a store");
    let values = [b"shopping", &b"gardens"[..]].map(|text| {
        let sql = "SELECT key, body, slots, sum FROM vat_store WHERE vat = ?1 AND instr(body, ?2)";
        let values = |row: &rusqlite::Row<'_>| -> rusqlite::Result<[rusqlite::types::Value; 4]> {
            Ok([row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?])
        };
        store.query_row(sql, params![vat.parse::<i64>().expect("a number"), text], values).expect("a note")
    });
    for (to, from) in [(0, 1), (1, 0)] {
        let [_, body, slots, sum] = &values[from];
        let sql = "UPDATE vat_store SET body = ?1, slots = ?2, sum = ?3 WHERE key = ?4";
        assert_eq!(store.execute(sql, params![body, slots, sum, values[to][0]]), Ok(1));
    }
    drop(store);
    let host = place.run(&[]);
    let _caller = place.begin(&["call", "notes", "all"]);
    set_aside(&place, "notes/notes");
    assert_eq!(place.call("echo", "echo", &["1"]), 1);
    assert_eq!(host.stop(&place), 3);
}

#[test]
fn a_damaged_value_that_is_read_in_the_middle_of_a_delivery_undoes_it_and_sets_the_vat_aside() {
    const CELLS: u64 = 10;
    let place = Place::new();
    let host = place.run(&[&place.sample("hive").file(), &place.sample("echo").file()]);
    place.call("hive", "hatch", &["10"]);
    let bee = place.call("hive", "bee", &["7"])["$cap"].as_str().expect("a reference").to_owned();
    for cell in 0..CELLS {
        assert_eq!(place.call(&bee, "stuff", &[&cell.to_string(), "200000"]), cell + 1);
    }
    let vat = number(&place, "hive", "hive");
    assert_eq!(host.stop(&place), 0);
    let last =
        format!("vat = {vat} AND key = (SELECT max(key) FROM vat_store WHERE vat = {vat} AND length(body) > 100000)");
    flip(&place, "vat_store", "body", &last);
    let host = place.run(&[]);
    // It wakes, and reads what is well.
    assert_eq!(place.call(&bee, "letters", &["0"]), 200_000);
    let _weighing = place.begin(&["call", &bee, "weigh"]);
    set_aside(&place, "hive/hive");
    assert_eq!(place.vat("hive", "hive")["queued"], 1, "what could not be delivered waits");
    assert_eq!(place.call("echo", "echo", &["1"]), 1);
    assert_eq!(host.stop(&place), 3);
}

/// A host that was killed while two messages waited for a counter whose component is away; `order` under a key.
fn killed_while_messages_wait(place: &Place, counter: &Sample) {
    counter.link("counter");
    let host = counter_and_echo(place, counter);
    host.kill9();
    counter.move_away("counter");
    let host = place.run(&[]);
    let _damaged = place.begin(&["call", "counter", "increment", "1000", "--key", "order"]);
    queued(place, "counter", "counter", 1);
    let _whole = place.begin(&["call", "counter", "increment", "7"]);
    queued(place, "counter", "counter", 2);
    host.kill9();
    counter.move_back("counter");
}

#[test]
fn g17_a_message_that_was_damaged_where_it_waited_is_never_delivered_and_all_others_are() {
    let place = Place::new();
    killed_while_messages_wait(&place, &place.sample("counter"));
    let first = "id = (SELECT min(id) FROM queue WHERE method = 'increment')";
    flip(&place, "queue", "body", first);
    let looked = place.ocap(&["doctor"]).expect(1).json();
    assert!(looked["findings"].as_array().is_some_and(|all| all.iter().any(|one| one["code"] == CODE)), "{looked}");

    let host = place.run(&[]);
    let advice = host.ready()["problems"].as_array().expect("a list").iter().find(|one| one["code"] == CODE).cloned();
    let advice = advice.unwrap_or_else(|| panic!("{}", host.ready()));
    assert_eq!((&advice["level"], &advice["vat"]), (&json!("advice"), &json!("counter")), "{advice}");
    assert_eq!(place.call("counter", "get", &[]), 11);
    let letters = place.ocap(&["dead-letters", "list"]).expect(0).json();
    let letter = &letters["letters"][0];
    assert_eq!((&letter["vat"], &letter["method"]), (&json!("counter/counter"), &json!("increment")));
    assert_eq!(letter["why"], "damaged");
    let told = place.ocap(&["events", "--kind", "dead-letter"]).expect(0).json();
    assert_eq!((&told["vat"], &told["why"]), (&json!("counter"), &json!("damaged")), "{told}");
    // Whoever asked hears that there will be no answer.
    let asked = place.ocap(&["call", "counter", "increment", "1000", "--key", "order"]).expect(1).json();
    assert_eq!(asked["code"], "resolver-dropped", "{asked}");
    assert_eq!(host.stop(&place), 0);
    let host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 11);
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn g17_a_row_that_others_depend_on_ends_the_start_with_its_name_and_changes_nothing() {
    let place = Place::new();
    killed_while_messages_wait(&place, &place.sample("counter"));
    let change = |sql: &str| {
        let store = Connection::open(place.home("store")).expect("a store");
        assert_eq!(store.execute(sql, ()), Ok(1), "{sql}");
    };
    // The message goes somewhere else: to the root of the echo, say.
    let first = "WHERE id = (SELECT min(id) FROM queue WHERE method = 'increment')";
    change(&format!("UPDATE queue SET target = target + 4 {first}"));
    let refused = place.try_run(&[]).expect(1).problem(CODE);
    assert!(refused["message"].as_str().is_some_and(|said| said.contains("table `queue`, row id ")), "{refused}");
    assert!(refused["help"].as_str().is_some_and(|help| help.contains("ocap-host db restore")), "{refused}");
    assert_eq!(refused["path_resolved"].as_str().map(Path::new), Some(&*place.home("store")));
    place.ocap(&["doctor"]).expect(1);
    change(&format!("UPDATE queue SET target = target - 4 {first}"));
    // A reference that leads elsewhere would be somebody else's authority.
    let root = "WHERE vat = (SELECT max(vat) FROM clist) AND slot = 1";
    change(&format!("UPDATE clist SET kref = kref + 400 {root}"));
    place.try_run(&[]).expect(1).problem(CODE);
    change(&format!("UPDATE clist SET kref = kref - 400 {root}"));
    let host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 1_011);
    assert_eq!(host.stop(&place), 0);
}
