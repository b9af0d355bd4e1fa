//! How subclusters and vats begin, live side by side, come back and end. The ids are those of docs/behaviours.md.

use std::fs;

use ocap_tests::{Done, Host, Place, Sample, components, eventually};
use serde_json::{Value, json};

/// A misbehaver that begins in this way.
fn beginning(place: &Place, start: &str) -> Sample {
    let misbehaver = place.sample("misbehaver");
    misbehaver.declare(&format!("{}parameters = {{ start = \"{start}\" }}\n", misbehaver.text()));
    misbehaver
}

/// A launch whose one vat can not begin: the launch says so, the vat is quarantined with this code, and its neighbour knows nothing.
#[track_caller]
fn can_not_begin(place: &Place, sample: &Sample, code: &str) -> Value {
    let _host = place.run(&[&place.sample("echo").file()]);
    place.ocap(&["launch", &sample.word()]).expect(3);
    let vat = place.vat("misbehaver", "misbehaver");
    assert_eq!(vat["state"], "quarantined", "{vat}");
    let problem = vat["problem"].clone();
    assert_eq!((&problem["code"], &problem["vat"]), (&json!(code), &json!("misbehaver")), "{problem}");
    assert!(problem["help"].is_string(), "{problem}");
    assert_eq!(place.call("echo", "echo", &["1"]), 1);
    problem
}

#[test]
fn cl1_a_component_that_traps_while_it_is_instantiated_is_quarantined_and_its_launch_says_so() {
    let place = Place::new();
    let misbehaver = place.sample("misbehaver");
    let whole = fs::read(misbehaver.component("misbehaver")).expect("a component");
    fs::write(misbehaver.component("misbehaver"), components::that_traps_when_instantiated(&whole)).expect("written");
    let problem = can_not_begin(&place, &misbehaver, "ocap::component::start_failed");
    assert!(problem["causes"].to_string().contains("unreachable"), "{problem}");
}

#[test]
fn cl2_a_vat_whose_start_traps_is_quarantined_and_its_launch_says_so() {
    let place = Place::new();
    let problem = can_not_begin(&place, &beginning(&place, "trap"), "ocap::component::start_failed");
    assert!(problem["causes"].to_string().contains("unreachable"), "{problem}");
    // Its last words are in the log, as the help says.
    assert!(
        place
            .log()
            .iter()
            .any(|line| line["vat"] == "misbehaver/misbehaver" && line.to_string().contains("at the start"))
    );
}

#[test]
fn cl5_what_a_start_left_to_fail_later_costs_one_crank_and_neither_the_vat_nor_its_launch() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("echo").file()]);
    place.ocap(&["launch", &beginning(&place, "later").word()]).expect(0);
    assert_eq!(place.call("echo", "echo", &["1"]), 1);
    // It may come at any time after the launch; each start leaves it anew.
    let fails = |line: &&Value| line["vat"] == "misbehaver/misbehaver" && line.to_string().contains("after the start");
    eventually("it fails", || place.log().iter().find(fails).map(|_| ()));
    assert_ne!(place.vat("misbehaver", "misbehaver")["state"], "quarantined");
    place.ocap(&["status"]).expect(0);
}

/// Lamps and a counter, each of which has been used.
fn used(place: &Place) -> Host {
    let host = place.run(&[&place.sample("lamps").file(), &place.sample("counter").file()]);
    assert_eq!(place.call("lamps", "press", &[]), 80);
    assert_eq!(place.call("counter", "increment", &["2"]), 2);
    host
}

#[test]
fn pe2_several_vats_that_hold_each_other_each_go_on_from_their_own_state() {
    let place = Place::new();
    used(&place).kill9();
    let host = place.run(&[]);
    // The switch counts its presses, the house keeps the lamp, the counter its count: none has lost or mixed up anything.
    assert_eq!(place.call("lamps", "press", &[]), 0);
    assert_eq!(place.call("lamps", "presses", &[]), 2);
    assert_eq!(place.call("lamps/house", "names", &[]), json!(["hall"]));
    assert_eq!(place.call("counter", "increment", &["1"]), 3);
    assert_eq!(host.stop(&place), 0);
    let _host = place.run(&[]);
    assert_eq!(place.call("lamps", "press", &[]), 80);
    assert_eq!(place.call("lamps", "presses", &[]), 3);
    assert_eq!(place.call("counter", "get", &[]), 3);
}

#[test]
fn re2_after_a_restart_of_the_host_kept_references_to_vats_of_other_subclusters_still_work() {
    let place = Place::new();
    let host = place.run(&[&place.sample("lamps").file(), &place.sample("courier").file()]);
    let lamp = place.call("lamps/house", "lamp", &["hall"]);
    place.call("courier", "keep", &["lamp", &lamp.to_string()]);
    assert_eq!(place.call("courier", "ask", &["lamp", "percent"]), 0);
    host.kill9();
    let _host = place.run(&[]);
    assert_eq!(place.call("lamps", "press", &[]), 80);
    assert_eq!(place.call("courier", "ask", &["lamp", "percent"]), 80);
    for (subcluster, vat) in [("lamps", "house"), ("lamps", "switch"), ("courier", "courier")] {
        assert_eq!(place.vat(subcluster, vat)["incarnation"], 2, "{subcluster}/{vat}");
    }
}

/// The names of the subclusters that are listed, each with those of its vats.
fn listed(place: &Place) -> Vec<(String, Vec<String>)> {
    let names = |list: &Value| {
        let list = list.as_array().expect("a list").iter();
        list.map(|entry| entry["name"].as_str().expect("a name").to_owned()).collect::<Vec<_>>()
    };
    let status = place.status();
    let vats = status["subclusters"].as_array().expect("a list").iter().map(|subcluster| names(&subcluster["vats"]));
    names(&status["subclusters"]).into_iter().zip(vats).collect()
}

fn named(name: &str, vats: &[&str]) -> (String, Vec<String>) {
    (name.to_owned(), vats.iter().map(|vat| (*vat).to_owned()).collect())
}

#[test]
fn sc1_sc3_subclusters_live_side_by_side_and_are_listed_with_their_own_vats() {
    let place = Place::new();
    let host = used(&place);
    place.ocap(&["launch", &place.sample_as("counter", "second").word()]).expect(0);
    let all = [named("lamps", &["switch", "house"]), named("counter", &["counter"]), named("second", &["counter"])];
    let sorted = |mut all: Vec<(String, Vec<String>)>| {
        all.iter_mut().for_each(|(_, vats)| vats.sort());
        all.sort();
        all
    };
    assert_eq!(sorted(listed(&place)), sorted(all.to_vec()));
    // Two of one kind are two: neither counts for the other.
    assert_eq!(place.call("second", "increment", &["5"]), 5);
    assert_eq!(place.call("counter", "get", &[]), 2);
    host.kill9();
    let _host = place.run(&[]);
    assert_eq!(sorted(listed(&place)), sorted(all.to_vec()));
    assert_eq!(place.call("second/counter", "get", &[]), 5);
}

#[test]
fn sc2_when_one_subcluster_is_terminated_the_others_work_on() {
    let place = Place::new();
    let _host = used(&place);
    place.ocap(&["terminate", "lamps", "--yes"]).expect(0);
    assert_eq!(listed(&place), [named("counter", &["counter"])]);
    assert_eq!(place.call("counter", "increment", &["1"]), 3);
}

#[test]
fn sc4_what_is_asked_of_a_subcluster_that_does_not_exist_is_refused_with_its_name() {
    let place = Place::new();
    let _host = used(&place);
    let commands: [&[&str]; 3] =
        [&["call", "nowhere", "get"], &["call", "nowhere/counter", "get"], &["terminate", "nowhere", "--yes"]];
    for command in commands {
        let problem = place.ocap(command).expect(1).problem("ocap::target::unknown");
        assert!(problem["message"].as_str().is_some_and(|message| message.contains("nowhere")), "{problem}");
    }
    // Nothing has changed.
    assert_eq!(listed(&place).len(), 2);
    assert_eq!(place.call("counter", "get", &[]), 2);
}

#[test]
fn g7_the_database_is_no_larger_after_many_round_trips_than_after_some() {
    let place = Place::new();
    let mut host = place.run(&[&place.sample("pingpong").file()]);
    let mut sizes = Vec::new();
    for round_trips in ["2000", "20000", "20000"] {
        assert_eq!(place.call("pingpong", "rally", &[round_trips]).to_string(), round_trips);
        // A stopped host has merged its log into the one file.
        assert_eq!(host.stop(&place), 0);
        sizes.push(fs::metadata(place.home("store")).expect("a store").len());
        host = place.run(&[]);
    }
    assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
}

#[test]
fn rj1_an_error_of_a_method_reaches_its_caller_as_it_was_through_other_vats_too() {
    let place = Place::new();
    let lamps = place.sample("lamps");
    lamps.replace("percent = 80", "percent = 180");
    let _host = place.run(&[&lamps.file(), &place.sample("courier").file()]);
    let too_bright = |done: Done| {
        let answer = done.expect(1).json();
        assert_eq!((&answer["$type"], &answer["error"]["$error"]["name"]), (&json!("broken"), &json!("too-bright")));
        assert!(answer.to_string().contains("180 percent are more than 100"), "{answer}");
    };
    let lamp = place.call("lamps/house", "lamp", &["hall"]);
    too_bright(place.ocap(&["call", lamp["$cap"].as_str().expect("a reference"), "set", "180"]));
    // The switch asks the lamp, and says what the lamp said.
    too_bright(place.ocap(&["call", "lamps", "press"]));
    // And so does the courier.
    place.call("courier", "keep", &["lamp", &lamp.to_string()]);
    let answer = place.ocap(&["call", "courier", "ask", "lamp", "set"]).expect(1).json();
    assert_eq!(answer["error"]["$error"]["name"], "bad-arguments", "{answer}");
    // An error costs nobody anything.
    for (subcluster, vat) in [("lamps", "house"), ("lamps", "switch"), ("courier", "courier")] {
        assert_eq!(place.vat(subcluster, vat)["incarnation"], 1, "{subcluster}/{vat}");
    }
}
