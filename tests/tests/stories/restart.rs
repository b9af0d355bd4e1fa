//! State and references last longer than the process, whether it is stopped or killed.

use ocap_tests::{Host, Place, eventually};
use serde_json::json;

use crate::scenes::{long_spinner, queued};

/// The two ways in which a host ends.
const ENDS: [fn(Host, &Place); 2] = [|host, place| assert_eq!(host.stop(place), 0), |host, _| host.kill9()];

#[test]
fn pe1_a_vats_state_is_kept_over_stop_and_kill() {
    for end in ENDS {
        let place = Place::new();
        let counter = place.sample("counter");
        let host = place.run(&[&counter.file()]);
        assert_eq!(host.ready()["boot"], 1);
        assert_eq!(place.call("counter", "increment", &["5"]), 5);
        assert_eq!(place.call("counter/counter", "increment", &["2"]), 7);
        end(host, &place);

        let host = place.run(&[]);
        assert_eq!(host.ready()["boot"], 2);
        assert_eq!(place.call("counter", "get", &[]), 7);
        assert_eq!(place.call("counter", "increment", &["1"]), 8);
        end(host, &place);

        // What was kept once is kept again, with a declaration that is known by now.
        let host = place.run(&[&counter.file()]);
        assert_eq!((&host.ready()["boot"], &host.ready()["vats"]), (&json!(3), &json!(1)));
        assert_eq!(place.call("counter", "get", &[]), 8);
    }
}

#[test]
fn a_registry_behind_a_channel_is_kept_over_stop_and_kill() {
    for end in ENDS {
        let place = Place::new();
        let host = place.run(&[&place.sample("matcher").file()]);
        let mut client = place.client("run/llm.sock");
        let lamp = json!({ "id": 1, "register": { "name": "lamp", "description": "lights the room" } });
        assert_eq!(client.ask(&lamp), json!({ "id": 1, "ok": true }));
        end(host, &place);
        assert_eq!(client.receive(), None, "the connection ends with the host");

        let host = place.run(&[]);
        let mut client = place.client("run/llm.sock");
        // The capability from one vat to the other and the channel's object are the same as before: the first line is answered.
        assert_eq!(client.ask(&json!({ "id": 2, "find": "room" })), json!({ "id": 2, "found": ["lamp"] }));
        let heater = json!({ "id": 3, "register": { "name": "heater", "description": "warms the room" } });
        assert_eq!(client.ask(&heater), json!({ "id": 3, "ok": true }));
        end(host, &place);

        let _host = place.run(&[]);
        let mut client = place.client("run/llm.sock");
        assert_eq!(client.ask(&json!({ "id": 4, "find": "room" })), json!({ "id": 4, "found": ["lamp", "heater"] }));
    }
}

#[test]
fn re2_a_capability_that_one_vat_was_granted_to_another_works_after_a_restart() {
    for end in ENDS {
        let place = Place::new();
        let host = place.run(&[&place.sample("pingpong").file()]);
        assert_eq!(place.call("pingpong", "rally", &["3"]), 3);
        end(host, &place);
        let _host = place.run(&[]);
        assert_eq!(place.call("pingpong", "rally", &["4"]), 4);
    }
}

#[test]
fn the_socket_is_live_before_the_first_vat_instruction() {
    let place = Place::new();
    let host = place.run(&[&place.sample("matcher").file()]);
    place.client("run/llm.sock").ask(&json!({ "id": 1, "find": "room" }));
    let before = ["matcher", "index"].map(|vat| place.vat("matcher", vat)["incarnation"].clone());
    host.kill9();

    let _host = place.run(&[]);
    let mut client = place.client("run/llm.sock");
    // It was connected to, and no vat has run since the boot: none has a heap, none has begun another incarnation.
    let vats = ["matcher", "index"].map(|vat| place.vat("matcher", vat));
    assert_eq!(vats.each_ref().map(|vat| vat["incarnation"].clone()), before);
    assert_eq!(vats.map(|vat| vat["state"].clone()), ["idle", "idle"]);
    assert_eq!(client.ask(&json!({ "id": 2, "find": "room" })), json!({ "id": 2, "found": [] }));
    assert_eq!(place.vat("matcher", "matcher")["incarnation"], before[0].as_u64().expect("a number") + 1);
}

#[test]
fn pe5_what_a_stopping_host_has_taken_over_is_done_after_the_start() {
    let place = Place::new();
    let host = place.run(&[&long_spinner(&place).file()]);
    let spinning = place.begin(&["call", "misbehaver", "spin"]);
    queued(&place, "misbehaver", "misbehaver", 1);
    let behind = place.begin(&["call", "misbehaver", "grow", "1"]);
    queued(&place, "misbehaver", "misbehaver", 2);
    assert_eq!(host.stop(&place), 0);
    // The callers hear of the stop; they did not have to wait for it.
    for caller in [spinning, behind] {
        assert_ne!(caller.done().status, 0);
    }
    let _host = place.run(&[]);
    assert_eq!(place.call("misbehaver", "deeds", &[]), 1);
}

#[test]
fn an_eager_vat_is_awake_without_a_message() {
    let place = Place::new();
    let counter = place.sample("counter");
    counter.declare(&format!("{}start = \"eager\"\n", counter.text()));
    place.run(&[&counter.file(), &place.sample("echo").file()]).kill9();
    let _host = place.run(&[]);
    eventually("it is awake", || (place.vat("counter", "counter")["state"] == "awake").then_some(()));
    assert_eq!(place.vat("echo", "echo")["state"], "idle");
}
