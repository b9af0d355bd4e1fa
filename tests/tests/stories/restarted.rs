//! A new incarnation by the hand of the operator: the same state, the same peers, and nothing that waited is lost.

use ocap_tests::{Place, eventually};
use serde_json::{Value, json};

use crate::scenes::{call_that_is_held, long_spinner, queued};

#[test]
fn re1_vats_are_restarted_one_by_one_and_keep_their_state_and_their_peers() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("matcher").file()]);
    assert_eq!(place.call("matcher", "register", &["lamp", "lights the room"]), Value::Null);
    for vat in ["matcher", "index"] {
        let before = place.vat("matcher", vat)["incarnation"].as_u64().expect("a number");
        let restarted = place.ocap(&["restart", &format!("matcher/{vat}")]).expect(0).json();
        assert_eq!(restarted["vats"], json!([{ "vat": format!("matcher/{vat}"), "incarnation": before + 1 }]));
        assert_eq!(place.vat("matcher", vat)["state"], "awake");
        assert_eq!(place.call("matcher", "find", &["room"]), json!(["lamp"]));
    }
    let mut client = place.client("run/llm.sock");
    assert_eq!(client.ask(&json!({ "id": 1, "find": "room" })), json!({ "id": 1, "found": ["lamp"] }));
}

#[test]
fn pe4_a_vat_that_is_restarted_in_a_host_that_was_restarted_keeps_what_it_stored() {
    let place = Place::new();
    let host = place.run(&[&place.sample("counter").file()]);
    assert_eq!(place.call("counter", "increment", &["4"]), 4);
    host.kill9();
    let host = place.run(&[]);
    place.ocap(&["restart", "counter/counter"]).expect(0);
    assert_eq!(place.call("counter", "increment", &["1"]), 5);
    host.kill9();
    let _host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 5);
}

#[test]
fn a_whole_subcluster_is_restarted_without_those_of_its_vats_that_are_in_quarantine() {
    let place = Place::new();
    let matcher = place.sample("matcher");
    matcher.link("index");
    let host = place.run(&[&matcher.file()]);
    let vats = place.ocap(&["restart", "matcher"]).expect(0).json()["vats"].clone();
    assert_eq!(vats.as_array().map(Vec::len), Some(2), "{vats}");
    host.kill9();
    matcher.move_away("index");
    let _host = place.run(&[]);
    let done = place.ocap(&["restart", "matcher"]).expect(3);
    assert_eq!(done.json()["vats"][0]["vat"], "matcher/matcher");
    let problem = place.ocap(&["restart", "matcher/index"]).expect(1).problem("ocap::vat::quarantined");
    assert!(problem["help"].as_str().is_some_and(|help| help.contains("quarantine retry matcher/index")), "{problem}");
    assert!(problem["causes"][0].as_str().is_some_and(|cause| cause.contains("missing")), "{problem}");
}

#[test]
fn a_message_that_is_under_way_at_a_restart_is_delivered_again_and_those_behind_it_wait() {
    let place = Place::new();
    let _host = place.run(&[&long_spinner(&place).file()]);
    let spinning = place.begin(&["call", "misbehaver", "spin"]);
    queued(&place, "misbehaver", "misbehaver", 1);
    let behind = place.begin(&["call", "misbehaver", "grow", "1"]);
    queued(&place, "misbehaver", "misbehaver", 2);
    let before = place.vat("misbehaver", "misbehaver")["incarnation"].as_u64().expect("a number");
    place.ocap(&["restart", "misbehaver/misbehaver"]).expect(0);
    let now = place.vat("misbehaver", "misbehaver");
    assert_eq!((&now["incarnation"], &now["queued"]), (&json!(before + 1), &json!(2)), "both wait still");
    assert_eq!(spinning.done().expect(1).json()["code"], "vat-trapped");
    assert_eq!(behind.done().expect(0).json()["value"], 1);
    assert_eq!(place.call("misbehaver", "deeds", &[]), 1);
}

#[test]
fn what_only_the_heap_of_a_restarted_vat_held_is_lost_and_its_callers_hear_of_it() {
    let place = Place::new();
    let (_host, held) = call_that_is_held(&place);
    place.ocap(&["restart", "pingpong/pong"]).expect(0);
    assert_eq!(held.done().expect(1).json()["code"], "incarnation-lost");
    assert_eq!(place.call("pingpong", "rally", &["3"]), 3);
}

#[test]
fn a_mistyped_name_is_answered_with_the_name_that_may_have_been_meant() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("counter").file()]);
    let commands: [&[&str]; 6] = [
        &["restart", "counter/countr"],
        &["restart", "countr"],
        &["upgrade", "counter/countr"],
        &["terminate", "counter/countr"],
        &["terminate", "countr", "--yes"],
        &["revoke", "counter/countr", "io.llm"],
    ];
    for command in commands {
        let problem = place.ocap(command).expect(1).problem("ocap::target::unknown");
        assert!(problem["help"].as_str().is_some_and(|help| help.contains("did you mean `counter")), "{problem}");
    }
    eventually("it goes on", || (place.call("counter", "get", &[]) == 0).then_some(()));
}
