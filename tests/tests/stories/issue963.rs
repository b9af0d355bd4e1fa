//! Thread #963: channels of persisted subclusters are opened again at the start, before any vat is brought back.

use std::fs;

use ocap_tests::{Place, Sample};
use serde_json::{Value, json};

fn matcher_at(place: &Place, name: &str) -> Sample {
    let matcher = place.sample_as("matcher", name);
    matcher.replace("run/llm.sock", &format!("run/{name}.sock"));
    matcher
}

fn answers(place: &Place, name: &str) -> Value {
    place.client(&format!("run/{name}.sock")).ask(&json!({ "id": 1, "find": "room" }))
}

const NOTHING_FOUND: &str = r#"{"found":[],"id":1}"#;

#[test]
fn issue963_the_channels_of_several_subclusters_are_restored() {
    let place = Place::new();
    let [one, two, three] = ["one", "two", "three"].map(|name| matcher_at(&place, name));
    let host = place.run(&[&one.file(), &two.file(), &three.file()]);
    assert_eq!(host.stop(&place), 0);
    let _host = place.run(&[]);
    for name in ["one", "two", "three"] {
        assert_eq!(place.channel(name, "llm")["state"], "open");
        assert_eq!(answers(&place, name).to_string(), NOTHING_FOUND);
    }
}

#[test]
fn issue963_the_first_registration_after_a_restart_succeeds() {
    let place = Place::new();
    let host = place.run(&[&place.sample("matcher").file()]);
    assert_eq!(host.stop(&place), 0);
    let _host = place.run(&[]);
    let lamp = json!({ "id": 1, "register": { "name": "lamp", "description": "lights the room" } });
    assert_eq!(place.client("run/llm.sock").ask(&lamp), json!({ "id": 1, "ok": true }));
}

#[test]
fn issue963_one_channel_that_fails_does_not_stop_the_others() {
    let place = Place::new();
    let [one, two, three] = ["one", "two", "three"].map(|name| matcher_at(&place, name));
    let host = place.run(&[&one.file(), &two.file(), &three.file()]);
    assert_eq!(host.stop(&place), 0);
    fs::write(place.home("channels/run/two.sock"), "in the way").expect("written");
    let _host = place.run(&[]);
    assert_eq!(answers(&place, "one").to_string(), NOTHING_FOUND);
    assert_eq!(answers(&place, "three").to_string(), NOTHING_FOUND);
    assert_eq!(place.channel("two", "llm")["state"], "down");
    // It is logged, for that subcluster.
    let logged = place.log();
    let line = logged.iter().find(|line| line["code"] == "ocap::channel::foreign");
    let line = line.unwrap_or_else(|| panic!("no line for it in {logged:#?}"));
    assert_eq!(line["subcluster"], "two");
}

#[test]
fn issue963_a_subcluster_without_channels_is_restored_like_any_other() {
    let place = Place::new();
    let files = [place.sample("counter").file(), matcher_at(&place, "one").file()];
    let host = place.run(&[&files[0], &files[1]]);
    assert_eq!(place.call("counter", "increment", &["1"]), 1);
    assert_eq!(host.stop(&place), 0);
    let _host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 1);
    assert_eq!(answers(&place, "one").to_string(), NOTHING_FOUND);
    let status = place.status();
    assert_eq!(status["subclusters"][0]["channels"], json!([]));
}

#[test]
fn issue963_without_any_channel_there_is_nothing_to_do() {
    let place = Place::new();
    let host = place.run(&[&place.sample("counter").file()]);
    assert_eq!(host.stop(&place), 0);
    let _host = place.run(&[]);
    place.ocap(&["status"]).expect(0);
    assert_eq!(place.listing("channels"), Vec::<String>::new());
}
