//! A launch is all or nothing.

use std::fs;

use ocap_tests::{Place, components};
use serde_json::{Value, json};

/// What a launch could leave behind.
#[derive(Debug, PartialEq)]
struct Traces {
    subclusters: Value,
    blobs: Vec<String>,
    sockets: Vec<String>,
}

fn traces(place: &Place) -> Traces {
    let subclusters = place.status()["subclusters"].clone();
    Traces { subclusters, blobs: place.listing("blobs"), sockets: place.listing("channels/run") }
}

#[test]
fn g12_a_launch_with_one_broken_vat_leaves_nothing() {
    let place = Place::new();
    let matcher = place.sample("matcher");
    let host = place.run(&[&place.sample("echo").file()]);
    let before = traces(&place);
    let index = matcher.component("index");
    let whole = fs::read(&index).expect("a component");
    let faults: [(&str, &[u8]); 3] = [
        ("ocap::component::truncated", &whole[..whole.len() / 2]),
        ("ocap::component::core_module", &components::core_module()),
        ("ocap::component::unknown_import", &components::with_unknown_import()),
    ];
    for (code, bytes) in faults {
        fs::write(&index, bytes).expect("written");
        let problem = place.ocap(&["launch", &matcher.word()]).expect(1).problem(code);
        assert_eq!((&problem["subcluster"], &problem["vat"]), (&json!("matcher"), &json!("index")));
        assert_eq!(traces(&place), before);
    }
    fs::remove_file(&index).expect("it was there");
    place.ocap(&["launch", &matcher.word()]).expect(1).problem("ocap::component::missing");
    assert_eq!(traces(&place), before);

    fs::write(&index, whole).expect("written");
    place.ocap(&["launch", &matcher.word()]).expect(0);
    assert_eq!(place.client("run/llm.sock").ask(&json!({ "id": 1, "find": "room" })), json!({ "id": 1, "found": [] }));
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn a_launch_whose_channel_can_not_be_opened_leaves_nothing() {
    let place = Place::new();
    let matcher = place.sample("matcher");
    let _host = place.run(&[]);
    fs::create_dir(place.home("channels/run")).expect("made");
    let obstacle = place.home("channels/run/llm.sock");
    fs::write(&obstacle, "precious").expect("written");
    place.ocap(&["launch", &matcher.word()]).expect(1).problem("ocap::channel::foreign");
    assert_eq!(place.status()["subclusters"], json!([]));
    assert_eq!(fs::read_to_string(&obstacle).expect("left alone"), "precious");
    place.ocap(&["status"]).expect(0);
    fs::remove_file(&obstacle).expect("it is the user's");
    place.ocap(&["launch", &matcher.word()]).expect(0);
    assert_eq!(place.channel("matcher", "llm")["state"], "open");
}

#[test]
fn a_run_whose_new_declaration_is_broken_ends_with_its_diagnostic_and_harms_nothing() {
    let place = Place::new();
    let counter = place.sample("counter");
    let matcher = place.sample("matcher");
    let host = place.run(&[&counter.file()]);
    assert_eq!(place.call("counter", "increment", &["4"]), 4);
    assert_eq!(host.stop(&place), 0);
    fs::write(matcher.component("index"), "no component").expect("written");
    place.try_run(&[&counter.file(), &matcher.file()]).expect(1).problem("ocap::component::not_wasm");
    assert!(!place.home("control.sock").exists());
    assert_eq!(place.listing("channels/run"), Vec::<String>::new());
    let host = place.run(&[]);
    assert_eq!(host.ready()["vats"], 1);
    assert_eq!(place.call("counter", "get", &[]), 4);
}

#[test]
fn a_kill_in_the_middle_of_a_launch_leaves_all_of_it_or_nothing() {
    let place = Place::new();
    let matcher = place.sample("matcher");
    let mut launched = 0;
    for round in 0..6 {
        let host = place.run(&[]);
        let launching = place.begin(&["launch", &matcher.word()]);
        // Later in each round; in the last ones it is over by then.
        std::thread::sleep(std::time::Duration::from_millis(1 << round));
        host.kill9();
        let acknowledged = launching.done().status == 0;
        let host = place.run(&[]);
        let vats = &host.ready()["vats"];
        assert!(*vats == json!(0) && !acknowledged || *vats == json!(2), "{vats} vats, acknowledged: {acknowledged}");
        if *vats == json!(2) {
            launched += 1;
            let mut client = place.client("run/llm.sock");
            assert_eq!(client.ask(&json!({ "id": 1, "find": "room" })), json!({ "id": 1, "found": [] }));
            place.ocap(&["terminate", "matcher", "--yes"]).expect(0);
        }
        host.kill9();
    }
    let _host = place.run(&[&matcher.file()]);
    assert_eq!(place.channel("matcher", "llm")["state"], "open", "after {launched} launches");
}

#[test]
fn launches_of_one_declaration_at_the_same_time_launch_it_once() {
    let place = Place::new();
    let matcher = place.sample("matcher").word();
    let _host = place.run(&[]);
    let launching: Vec<_> = (0..6).map(|_| place.begin(&["launch", &matcher])).collect();
    let mut origins: Vec<String> = launching
        .into_iter()
        .map(|it| it.done().expect(0).json()["origin"].as_str().expect("a word").to_owned())
        .collect();
    origins.sort();
    assert_eq!(origins, ["known", "known", "known", "known", "known", "new"]);
    assert_eq!(place.status()["subclusters"].as_array().map(Vec::len), Some(1));
    assert_eq!(place.client("run/llm.sock").ask(&json!({ "id": 1, "find": "room" })), json!({ "id": 1, "found": [] }));
}

#[test]
fn two_subclusters_can_not_have_the_same_channel() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("matcher").file()]);
    let other = place.sample_as("matcher", "other");
    place.ocap(&["launch", &other.word()]).expect(1).problem("ocap::channel::in_use");
    assert_eq!(place.status()["subclusters"].as_array().map(Vec::len), Some(1));
    assert_eq!(place.client("run/llm.sock").ask(&json!({ "id": 1, "find": "room" })), json!({ "id": 1, "found": [] }));
}

#[test]
fn a_dry_run_shows_the_code_and_the_authority_of_every_vat_and_leaves_nothing() {
    let place = Place::new();
    let matcher = place.sample("matcher");
    let host = place.run(&[&place.sample("echo").file()]);
    let before = traces(&place);
    let plan = place.ocap(&["launch", "--dry-run", &matcher.word()]).expect(0).json();
    assert_eq!(traces(&place), before);
    assert_eq!((&plan["$type"], &plan["name"], &plan["outcome"]), (&json!("plan"), &json!("matcher"), &json!("new")));
    let socket = place.home("channels/run/llm.sock");
    let index = &plan["vats"][0];
    assert_eq!((&index["name"], &index["grants"]), (&json!("index"), &json!([])));
    let component = &index["component"];
    assert_eq!(component["written"], "index.wasm");
    assert_eq!(component["resolved"], json!(matcher.component("index")));
    assert_eq!(component["bytes"], fs::metadata(matcher.component("index")).expect("it is there").len());
    assert_eq!(
        plan["vats"][1]["grants"],
        json!([
            { "name": "io.llm", "kind": "channel", "direction": "inout", "path_resolved": &socket },
            { "name": "vat.index", "kind": "vat", "vat": "matcher/index" },
        ])
    );
    assert_eq!(plan["channels"][0]["path_resolved"], json!(socket));

    // What was shown is what comes.
    place.ocap(&["launch", &matcher.word()]).expect(0);
    assert!(place.listing("blobs").contains(&component["sha256"].as_str().expect("a digest")[7..].to_owned()));
    assert_eq!(place.ocap(&["launch", "--dry-run", &matcher.word()]).expect(0).json()["outcome"], "known");
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn a_dry_run_finds_what_a_launch_would_fail_at() {
    let place = Place::new();
    let matcher = place.sample("matcher");
    let host = place.run(&[]);
    fs::create_dir(place.home("channels/run")).expect("made");
    let obstacle = place.home("channels/run/llm.sock");
    fs::write(&obstacle, "precious").expect("written");
    let before = traces(&place);
    place.ocap(&["launch", "--dry-run", &matcher.word()]).expect(1).problem("ocap::channel::foreign");
    fs::remove_file(&obstacle).expect("it is the user's");
    let whole = fs::read(matcher.component("index")).expect("a component");
    fs::write(matcher.component("index"), components::core_module()).expect("written");
    let problem =
        place.ocap(&["launch", "--dry-run", &matcher.word()]).expect(1).problem("ocap::component::core_module");
    assert_eq!(problem["vat"], "index");
    assert_eq!(traces(&place), Traces { sockets: Vec::new(), ..before });

    // What runs is in nobody's way when it is to be replaced.
    fs::write(matcher.component("index"), whole).expect("written");
    place.ocap(&["launch", &matcher.word()]).expect(0);
    matcher.replace("[vats.index]", "[vats.index]\nstart = \"eager\"");
    place.ocap(&["launch", "--dry-run", &matcher.word()]).expect(1).problem("ocap::launch::changed");
    let plan = place.ocap(&["launch", "--dry-run", "--if-changed", "replace", &matcher.word()]).expect(0).json();
    assert_eq!(plan["outcome"], "replace");
    assert_eq!(place.channel("matcher", "llm")["state"], "open");
    let other = place.sample_as("matcher", "other");
    place.ocap(&["launch", "--dry-run", &other.word()]).expect(1).problem("ocap::channel::in_use");
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn g12_a_launch_whose_last_of_two_channels_can_not_be_opened_leaves_nothing() {
    let place = Place::new();
    let matcher = place.sample("matcher");
    let host = place.run(&[]);
    let text = matcher.text();
    let (_, channel) = text.split_once("[io.llm]").expect("a channel");
    matcher.declare(&format!("{text}\n[io.other]{}", channel.replace("llm.sock", "other.sock")));
    fs::create_dir_all(place.home("channels/run/other.sock")).expect("made");
    let status = place.status()["subclusters"].clone();
    place.ocap(&["launch", &matcher.word()]).expect(1).problem("ocap::channel::foreign");
    assert_eq!(place.status()["subclusters"], status);
    assert_eq!(place.listing("channels/run"), ["other.sock"], "the first channel's socket is gone again");
    host.kill9();
    let host = place.run(&[]);
    assert_eq!(host.ready()["vats"], 0);
    assert_eq!(place.listing("channels/run"), ["other.sock"]);
}
