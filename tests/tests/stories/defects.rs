//! The five worst defects of the system whose ideas this host has: each was seen there to hang callers, to lose objects, or to end the
//! whole host. See docs/behaviours.md.

use std::fs;

use ocap_tests::{Host, Place, eventually};
use serde_json::{Value, json};

use crate::scenes::{long_spinner, queued};

/// A host with a neighbour that must never notice anything, and two couriers.
fn couriers(place: &Place, others: &[&std::path::Path]) -> Host {
    let files = [place.sample("counter"), place.sample_as("courier", "one"), place.sample_as("courier", "two")];
    let files: Vec<_> = files.iter().map(ocap_tests::Sample::file).collect();
    let mut all: Vec<_> = files.iter().map(std::path::PathBuf::as_path).collect();
    all.extend(others);
    let host = place.run(&all);
    assert_eq!(place.call("counter", "increment", &["1"]), 1);
    host
}

/// The neighbour lives in its first heap of this boot, and the host is well.
#[track_caller]
fn the_others_are_well(place: &Place) {
    assert_eq!(place.call("counter", "get", &[]), 1);
    place.ocap(&["status"]).expect(0);
}

/// A courier is to keep a capability.
fn gives(place: &Place, courier: &str, name: &str, cap: &Value) {
    place.call(courier, "keep", &[name, &cap.to_string()]);
}

#[test]
fn a_reply_that_is_under_way_when_its_vat_is_terminated_harms_nobody() {
    let place = Place::new();
    let host = couriers(&place, &[&long_spinner(&place).file()]);
    gives(&place, "one", "spinner", &place.call("misbehaver", "itself", &[]));
    // The courier waits for the answer of a vat that is busy; it is terminated; the answer comes.
    let asking = place.begin(&["call", "one", "ask", "spinner", "spin"]);
    queued(&place, "misbehaver", "misbehaver", 1);
    place.ocap(&["terminate", "one", "--yes"]).expect(0);
    assert_eq!(asking.done().expect(1).json()["code"], "vat-terminated");
    queued(&place, "misbehaver", "misbehaver", 0);
    assert_eq!(place.call("misbehaver", "alive", &[]), true);
    the_others_are_well(&place);
    host.kill9();
    let _host = place.run(&[]);
    assert_eq!(place.call("misbehaver", "alive", &[]), true);
    the_others_are_well(&place);
}

#[test]
fn of_two_importers_one_drops_and_the_other_still_has_the_object() {
    let place = Place::new();
    let writer = place.sample_as("courier", "writer");
    let host = couriers(&place, &[&writer.file()]);
    let letter = place.call("writer", "write", &["hello"]);
    for courier in ["one", "two"] {
        gives(&place, courier, "letter", &letter);
        assert_eq!(place.call(courier, "ask", &["letter", "read"]), "hello");
    }
    // What was shown to a person is held a while, but not over a restart: from here on only the couriers have it.
    host.kill9();
    let _host = place.run(&[]);
    assert_eq!(place.vat("writer", "courier")["exports"], 2, "its root and the letter");
    assert_eq!(place.call("one", "forget", &["letter"]), true);
    assert_eq!(place.call("two", "ask", &["letter", "read"]), "hello");
    assert_eq!(place.vat("writer", "courier")["exports"], 2);
    assert_eq!(place.call("two", "forget", &["letter"]), true);
    eventually("the letter is gone", || (place.vat("writer", "courier")["exports"] == 1).then_some(()));
    assert_eq!(place.vat("writer", "courier")["problem"], Value::Null);
    the_others_are_well(&place);
}

#[test]
fn callers_of_a_dead_vat_are_told_so_whether_they_asked_before_or_after() {
    let place = Place::new();
    let host = couriers(&place, &[&place.sample("pingpong").file()]);
    let pong = place.call("pingpong/pong", "itself", &[]);
    gives(&place, "one", "pong", &pong);
    gives(&place, "two", "pong", &pong);
    let asking = place.begin(&["call", "one", "ask", "pong", "hold"]);
    eventually("pong holds it", || {
        (place.vat("pingpong", "pong")["queued"] == 0 && place.vat("one", "courier")["queued"] == 0).then_some(())
    });
    place.ocap(&["terminate", "pingpong", "--yes"]).expect(0);
    let dead = |answer: Value| assert_eq!(answer["error"]["$error"]["name"], "vat-terminated", "{answer}");
    dead(asking.done().expect(1).json());
    dead(place.ocap(&["call", "two", "ask", "pong", "pong"]).expect(1).json());
    host.kill9();
    let _host = place.run(&[]);
    for courier in ["one", "two"] {
        dead(place.ocap(&["call", courier, "ask", "pong", "pong"]).expect(1).json());
    }
    the_others_are_well(&place);
}

#[test]
fn an_out_of_memory_message_and_an_infinite_loop_are_cut_off_and_not_met_again_at_every_start() {
    let place = Place::new();
    let host = couriers(&place, &[&long_spinner(&place).file()]);
    // A loop that is under way, and behind it a message that asks for more memory than there may be; then the power goes.
    let _looping = place.begin(&["call", "misbehaver", "spin"]);
    queued(&place, "misbehaver", "misbehaver", 1);
    let _greedy = place.begin(&["call", "misbehaver", "grow", "1000000000"]);
    queued(&place, "misbehaver", "misbehaver", 2);
    host.kill9();
    // Both are delivered once more, and cut off; meanwhile everything else works.
    let host = place.run(&[]);
    the_others_are_well(&place);
    queued(&place, "misbehaver", "misbehaver", 0);
    assert_eq!(place.call("misbehaver", "alive", &[]), true);
    assert_eq!(host.stop(&place), 0);
    for _ in 0..3 {
        let host = place.run(&[]);
        assert_eq!(place.vat("misbehaver", "misbehaver")["queued"], 0);
        assert_eq!(place.call("misbehaver", "alive", &[]), true);
        the_others_are_well(&place);
        host.kill9();
    }
}

#[test]
fn one_channel_that_fails_leaves_the_others_of_its_subcluster_as_they_were_and_comes_back_as_it_was() {
    let place = Place::new();
    let matcher = place.sample("matcher");
    let beside = |name: &str| {
        format!(
            "\n[io.{name}]\ntype = \"unix-listen\"\npath = \"run/{name}.sock\"\ndirection = \"inout\"\nframing = \"lines\"\n"
        )
    };
    matcher.declare(&format!("{}{}{}", matcher.text(), beside("before"), beside("other")));
    place.run(&[&matcher.file()]).kill9();
    let state = |channel: &str| place.channel("matcher", channel)["state"].clone();
    let register =
        |id: u64, name: &str| json!({ "id": id, "register": { "name": name, "description": "of the room" } });
    for (round, broken) in ["before", "llm", "other"].into_iter().enumerate() {
        let socket = place.home(&format!("channels/run/{broken}.sock"));
        fs::remove_file(&socket).expect("the killed host left it");
        fs::write(&socket, "in the way").expect("written");
        let host = place.run(&[]);
        for channel in ["before", "llm", "other"] {
            assert_eq!(state(channel), if channel == broken { "down" } else { "open" });
        }
        if broken != "llm" {
            // The vat serves the same object as before: it has heard nothing of it all.
            let id = round as u64;
            assert_eq!(place.client("run/llm.sock").ask(&register(id, broken)), json!({ "id": id, "ok": true }));
        }
        fs::remove_file(&socket).expect("it is the user's");
        eventually("it comes back", || (state(broken) == "open").then_some(()));
        assert_eq!(place.client("run/llm.sock").ask(&register(9, "lamp")), json!({ "id": 9, "ok": true }));
        host.kill9();
    }
}
