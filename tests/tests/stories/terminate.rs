//! A terminated subcluster leaves no trace.

use std::os::unix::net::UnixStream;

use ocap_tests::Place;
use serde_json::json;

use crate::scenes::{call_that_is_held, long_spinner, queued};

#[test]
fn vl1_a_terminated_subcluster_is_gone_and_a_new_one_of_its_name_starts_fresh() {
    let place = Place::new();
    let counter = place.sample("counter");
    let host = place.run(&[&counter.file(), &place.sample("echo").file()]);
    assert_eq!(place.call("counter", "increment", &["4"]), 4);
    let old = place.vat("counter", "counter")["id"].clone();
    let terminated = place.ocap(&["terminate", "counter", "--yes"]).expect(0).json();
    assert_eq!((&terminated["name"], &terminated["vats"]), (&json!("counter"), &json!(["counter"])));
    let gone = || {
        let status = place.ocap(&["status"]).expect(0);
        assert!(!status.stdout.contains("counter"), "{}", status.stdout);
        place.ocap(&["call", "counter", "get"]).expect(1).problem("ocap::target::unknown");
        place.ocap(&["terminate", "counter", "--yes"]).expect(1).problem("ocap::target::unknown");
        assert_eq!(place.call("echo", "echo", &["1"]), 1);
    };
    gone();
    host.kill9();
    let host = place.run(&[]);
    assert_eq!(host.ready()["vats"], 1);
    gone();

    assert_eq!(place.ocap(&["launch", &counter.word()]).expect(0).json()["origin"], "new");
    assert_eq!(place.call("counter", "get", &[]), 0);
    assert_ne!(place.vat("counter", "counter")["id"], old, "an id is never given again");
}

#[test]
fn a_terminated_channel_takes_its_socket_and_its_clients_along() {
    let place = Place::new();
    let matcher = place.sample("matcher");
    let host = place.run(&[&matcher.file()]);
    let mut client = place.client("run/llm.sock");
    let lamp = json!({ "id": 1, "register": { "name": "lamp", "description": "lights the room" } });
    assert_eq!(client.ask(&lamp), json!({ "id": 1, "ok": true }));
    place.ocap(&["terminate", "matcher", "--yes"]).expect(0);
    assert_eq!(client.receive(), None);
    let socket = place.home("channels/run/llm.sock");
    assert!(!socket.exists());
    UnixStream::connect(&socket).expect_err("nobody listens");
    host.kill9();
    let _host = place.run(&[&matcher.file()]);
    assert_eq!(place.client("run/llm.sock").ask(&json!({ "id": 2, "find": "room" })), json!({ "id": 2, "found": [] }));
}

#[test]
fn g4_callers_of_a_terminated_vat_hear_of_it() {
    let place = Place::new();
    let (_host, held) = call_that_is_held(&place);
    place.ocap(&["terminate", "pingpong", "--yes"]).expect(0);
    assert_eq!(held.done().expect(1).json()["code"], "vat-terminated");
    assert_eq!(place.status()["subclusters"], json!([]));
}

#[test]
fn g6_a_vat_is_terminated_in_the_middle_of_a_crank_and_its_queue_is_answered() {
    let place = Place::new();
    let _host = place.run(&[&long_spinner(&place).file(), &place.sample("counter").file()]);
    let spinning = place.begin(&["call", "misbehaver", "spin"]);
    queued(&place, "misbehaver", "misbehaver", 1);
    let behind = place.begin(&["call", "misbehaver", "alive"]);
    queued(&place, "misbehaver", "misbehaver", 2);
    place.ocap(&["terminate", "misbehaver", "--yes"]).expect(0);
    for caller in [spinning, behind] {
        assert_eq!(caller.done().expect(1).json()["code"], "vat-terminated");
    }
    assert_eq!(place.call("counter", "get", &[]), 0);
}

#[test]
fn a_quarantined_subcluster_can_be_terminated() {
    let place = Place::new();
    let counter = place.sample("counter");
    counter.link("counter");
    place.run(&[&counter.file()]).kill9();
    counter.move_away("counter");
    let host = place.run(&[]);
    let parked = place.begin(&["call", "counter", "get"]);
    queued(&place, "counter", "counter", 1);
    place.ocap(&["terminate", "counter", "--yes"]).expect(0);
    assert_eq!(parked.done().expect(1).json()["code"], "vat-terminated");
    place.ocap(&["status"]).expect(0);
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn without_yes_a_termination_only_says_what_it_would_end() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("matcher").file()]);
    let before = place.status();
    let done = place.ocap(&["terminate", "matcher"]).expect(2);
    let ending = done.json();
    assert_eq!((&ending["$type"], &ending["scope"]), (&json!("ending"), &json!("subcluster")));
    assert_eq!(ending["channels"], json!(["llm"]));
    let names: Vec<_> = ending["vats"].as_array().expect("vats").iter().map(|vat| vat["name"].clone()).collect();
    assert_eq!(names, ["index", "matcher"]);
    let problem = done.problem("ocap::usage::unconfirmed");
    assert!(
        problem["help"].as_str().is_some_and(|help| help.contains("ocap-host terminate matcher --yes")),
        "{problem}"
    );
    let one = place.ocap(&["terminate", "matcher/index"]).expect(2).json();
    assert_eq!((&one["scope"], one["vats"].as_array().map(Vec::len)), (&json!("vat"), Some(1)));
    assert_eq!(place.status()["subclusters"], before["subclusters"]);
}

#[test]
fn vl1_one_vat_is_terminated_and_the_rest_of_its_subcluster_goes_on() {
    let place = Place::new();
    let host = place.run(&[&place.sample("matcher").file()]);
    let mut client = place.client("run/llm.sock");
    let terminated = place.ocap(&["terminate", "matcher/index", "--yes"]).expect(0).json();
    assert_eq!((&terminated["scope"], &terminated["vats"]), (&json!("vat"), &json!(["index"])));
    let gone = || {
        let vats = place.status()["subclusters"][0]["vats"].clone();
        assert_eq!((vats.as_array().map(Vec::len), &vats[0]["name"]), (Some(1), &json!("matcher")));
        place.ocap(&["call", "matcher/index", "find", "room"]).expect(1).problem("ocap::target::unknown");
        assert_eq!(place.call_fails("matcher", "find", &["room"]), "vat-terminated");
    };
    gone();
    let line = client.ask(&json!({ "id": 1, "find": "room" }));
    assert!(line["error"].as_str().is_some_and(|error| error.contains("vat-terminated")), "{line}");
    host.kill9();
    let host = place.run(&[]);
    gone();
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn a_subcluster_whose_bootstrap_vat_was_terminated_can_still_be_asked_about_and_ended() {
    let place = Place::new();
    let matcher = place.sample("matcher");
    let host = place.run(&[&matcher.file()]);
    let preview = place.ocap(&["terminate", "matcher/matcher"]).expect(2).problem("ocap::usage::unconfirmed");
    let causes = preview["causes"].to_string();
    assert!(causes.contains("the vat that answers for `matcher`"), "{causes}");
    place.ocap(&["terminate", "matcher/matcher", "--yes"]).expect(0);
    place.ocap(&["call", "matcher", "find", "room"]).expect(1).problem("ocap::target::gone");
    host.kill9();
    let host = place.run(&[&matcher.file()]);
    assert_eq!(host.ready()["vats"], 1);
    assert_eq!(place.call("matcher/index", "find", &["room"]), json!([]));
    place.ocap(&["status"]).expect(0);
    place.ocap(&["terminate", "matcher", "--yes"]).expect(0);
    assert_eq!(place.status()["subclusters"], json!([]));
}
