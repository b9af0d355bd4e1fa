//! Vats leave memory when others need the room, and come back with nothing lost.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;

use ocap_tests::{Host, Pending, Place, Wire, eventually, sample_component};
use serde_json::{Value, json};

/// A home that is not there yet gets this `host.toml`.
fn configured(place: &Place, host_toml: &str) {
    DirBuilder::new().mode(0o700).create(place.home("")).expect("a new home");
    fs::write(place.home("host.toml"), host_toml).expect("a home is writable");
}

/// A subcluster `many` of so many counters, `c0` and so on. `more` is added to the first one's declaration.
fn many(place: &Place, counters: usize, more: &str) -> Host {
    let component = sample_component("counter");
    let mut text = "name = \"many\"\nbootstrap = \"c0\"\n".to_owned();
    for counter in 0..counters {
        text += &format!("[vats.c{counter}]\ncomponent = {component:?}\n");
        if counter == 0 {
            text += more;
        }
    }
    let file = place.root().join("many.toml");
    fs::write(&file, text).expect("a place is writable");
    place.run(&[&file])
}

fn called(wire: &mut Wire, counter: usize, method: &str, args: &[Value]) -> Value {
    wire.call(&format!("many/c{counter}"), method, args).expect("an answer")["value"].clone()
}

/// How many vats the host says are in memory.
fn awake(place: &Place) -> usize {
    let status = place.status();
    let subclusters = status["subclusters"].as_array().expect("a list").iter();
    let vats = subclusters.flat_map(|subcluster| subcluster["vats"].as_array().expect("a list"));
    vats.filter(|vat| vat["state"] == "awake").count()
}

/// How many linear memories there are in the process: each reserves an address range of 4 GiB, most of which can't be touched.
fn linear_memories(host: &Host) -> usize {
    let maps = fs::read_to_string(format!("/proc/{}/maps", host.pid())).expect("it runs");
    let untouchable = maps.lines().filter_map(|line| line.split_once(' ')).filter(|(_, rest)| rest.starts_with("---p"));
    let bytes = untouchable.filter_map(|(range, _)| {
        let (from, to) = range.split_once('-')?;
        Some(u64::from_str_radix(to, 16).ok()? - u64::from_str_radix(from, 16).ok()?)
    });
    bytes.filter(|bytes| *bytes > 3 << 30).count()
}

#[test]
fn two_hundred_vats_share_a_memory_for_ten_and_lose_nothing() {
    let place = Place::new();
    configured(&place, "[memory]\nawake_vats = 10\n");
    let host = many(&place, 200, "");
    let mut wire = place.wire();
    for round in 1..=2 {
        for counter in 0..200 {
            assert_eq!(called(&mut wire, counter, "increment", &[json!(counter)]), round * counter);
        }
        assert!(awake(&place) <= 10, "{} vats are awake", awake(&place));
        assert!(linear_memories(&host) <= 10, "{} heaps are in the process", linear_memories(&host));
    }
    assert!(place.vat("many", "c0")["incarnation"].as_u64() > Some(1));
    host.kill9();
    let _host = place.run(&[]);
    let mut wire = place.wire();
    for counter in 0..200 {
        assert_eq!(called(&mut wire, counter, "get", &[]), 2 * counter);
    }
    assert!(awake(&place) <= 10);
}

#[test]
fn a_budget_in_bytes_counts_whole_heaps() {
    let place = Place::new();
    // A counter's heap is a little more than a mebibyte.
    configured(&place, "[memory]\nheaps = \"4MiB\"\n");
    let _host = many(&place, 10, "");
    let mut wire = place.wire();
    (0..10).for_each(|counter| assert_eq!(called(&mut wire, counter, "increment", &[json!(1)]), 1));
    assert!((1..=4).contains(&awake(&place)), "{} vats are awake", awake(&place));
    assert_eq!(called(&mut wire, 0, "increment", &[json!(1)]), 2);
}

#[test]
fn a_vat_that_is_declared_to_stay_in_memory_stays() {
    let place = Place::new();
    configured(&place, "[memory]\nawake_vats = 1\n");
    let _host = many(&place, 10, "hibernate = \"never\"\n");
    let mut wire = place.wire();
    (1..10).for_each(|counter| assert_eq!(called(&mut wire, counter, "increment", &[json!(1)]), 1));
    assert_eq!(place.vat("many", "c0")["state"], "awake");
    assert_eq!(place.vat("many", "c0")["incarnation"], 1);
    // Only its operator can say otherwise.
    let hibernated = place.ocap(&["hibernate", "many/c0"]).expect(0).json();
    assert_eq!(hibernated, json!({ "$type": "hibernated", "vat": "many/c0", "was": "awake" }));
    assert_eq!(place.vat("many", "c0")["state"], "idle");
    assert_eq!(place.ocap(&["hibernate", "many/c0"]).expect(0).json()["was"], "idle");
}

/// A host with room for one vat, and a call that pong keeps waiting.
fn held(place: &Place) -> (Host, Pending) {
    configured(place, "[memory]\nawake_vats = 1\n");
    let host = many(place, 10, "");
    place.ocap(&["launch", &place.sample("pingpong").word()]).expect(0);
    let caller = place.begin(&["call", "pingpong/pong", "hold"]);
    eventually("pong holds it", || {
        let refused = place.ocap(&["hibernate", "pingpong/pong"]);
        (refused.status == 1 && refused.problem("ocap::vat::not_at_rest").to_string().contains("1 promise"))
            .then_some(())
    });
    (host, caller)
}

#[test]
fn a_vat_that_waits_for_something_is_not_sent_out_of_memory_and_its_answer_arrives() {
    let place = Place::new();
    let (_host, mut caller) = held(&place);
    let before = place.vat("pingpong", "pong")["incarnation"].clone();
    let mut wire = place.wire();
    for round in 1..=3 {
        (0..10).for_each(|counter| assert_eq!(called(&mut wire, counter, "increment", &[json!(1)]), round));
    }
    let pong = place.vat("pingpong", "pong");
    assert_eq!((&pong["state"], &pong["incarnation"]), (&json!("awake"), &before));
    assert!(caller.runs());
    place.call("pingpong/pong", "release", &["7"]);
    assert_eq!(caller.done().expect(0).json()["value"], 7);
    // Now it is at rest, and the others need the room.
    assert_eq!(called(&mut wire, 0, "increment", &[json!(1)]), 4);
    eventually("pong's leaving", || (place.vat("pingpong", "pong")["state"] == "idle").then_some(()));
}

#[test]
fn what_a_vat_waits_for_is_said_and_lost_only_if_its_operator_insists() {
    let place = Place::new();
    let (_host, caller) = held(&place);
    let refused = place.ocap(&["hibernate", "pingpong/pong"]).expect(1).problem("ocap::vat::not_at_rest");
    let causes = refused["causes"].to_string();
    assert!(causes.contains("waits for the end of 1 promise"), "{refused}");
    assert!(causes.contains("references that its store does not have"), "{refused}");
    assert!(refused["help"].to_string().contains("ocap-host hibernate pingpong/pong --force"), "{refused}");
    let hibernated = place.ocap(&["hibernate", "pingpong/pong", "--force"]).expect(0).json();
    assert_eq!(hibernated["was"], "awake");
    assert_eq!(caller.done().expect(1).json()["code"], "incarnation-lost");
    assert_eq!(place.vat("pingpong", "pong")["state"], "idle");
    assert_eq!(place.call("pingpong/pong", "pong", &[]), Value::Null);
}
