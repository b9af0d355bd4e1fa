//! Other code, the same vat: state, references and what waits stay; what does not start well never takes over.

use std::fs;

use ocap_tests::{Host, Place, Sample, components, eventually, sample_component};
use serde_json::{Value, json};

use crate::scenes::queued;

/// A counter that has counted to this on a host that runs, with its next version put where its component was.
fn counted(place: &Place, count: u64) -> (Host, Sample) {
    let counter = place.sample("counter");
    let host = place.run(&[&counter.file()]);
    assert_eq!(place.call("counter", "increment", &[&count.to_string()]), count);
    put_next(&counter);
    (host, counter)
}

fn put_next(counter: &Sample) {
    fs::copy(sample_component("counter_next"), counter.component("counter")).expect("a component was built");
}

fn digest_of(vat: &Value, which: &str) -> String {
    vat[which]["sha256"].as_str().unwrap_or_else(|| panic!("no {which} in {vat}")).to_owned()
}

/// The first version can't count down.
#[track_caller]
fn is_first_version(place: &Place) {
    let answer = place.ocap(&["call", "counter", "decrement", "1"]).expect(1).json();
    assert_eq!(
        answer["error"]["$error"]["name"].as_str().or(answer["code"].as_str()),
        Some("no-such-method"),
        "{answer}"
    );
}

#[test]
fn an_upgraded_vat_keeps_its_state_and_knows_what_it_was_upgraded_from() {
    let place = Place::new();
    let (host, _) = counted(&place, 5);
    let before = place.vat("counter", "counter");
    let old = digest_of(&before, "component");
    assert_eq!(before["kept"], Value::Null);
    is_first_version(&place);
    let upgraded = place.ocap(&["upgrade", "counter/counter"]).expect(0).json();
    assert_eq!((&upgraded["$type"], &upgraded["outcome"]), (&json!("upgraded"), &json!("upgraded")));
    assert_eq!(digest_of(&upgraded, "before"), old);
    let new = digest_of(&upgraded, "after");
    assert_eq!(place.call("counter", "get", &[]), 5);
    assert_eq!(place.call("counter", "decrement", &["2"]), 3);
    assert_eq!(place.call("counter", "upgraded_from", &[]), json!(&old[7..]));
    let after = place.vat("counter", "counter");
    assert_eq!((digest_of(&after, "component"), digest_of(&after, "kept")), (new.clone(), old));
    assert_eq!(after["incarnation"].as_u64(), before["incarnation"].as_u64().map(|incarnation| incarnation + 1));

    // The next incarnation is of the same code.
    place.ocap(&["restart", "counter/counter"]).expect(0);
    assert_eq!(place.call("counter", "upgraded_from", &[]), Value::Null);
    host.kill9();
    let _host = place.run(&[]);
    assert_eq!(place.call("counter", "decrement", &["1"]), 2);
    assert_eq!(digest_of(&place.vat("counter", "counter"), "component"), new);
}

#[test]
fn an_upgrade_that_was_acknowledged_survives_a_kill() {
    let place = Place::new();
    let (host, _) = counted(&place, 5);
    place.ocap(&["upgrade", "counter/counter"]).expect(0);
    host.kill9();
    let _host = place.run(&[]);
    assert_eq!(place.call("counter", "decrement", &["1"]), 4);
}

#[test]
fn a_kill_in_the_middle_of_an_upgrade_leaves_one_version_or_the_other() {
    let place = Place::new();
    let (mut host, counter) = counted(&place, 5);
    for round in 0..6 {
        let upgrading = place.begin(&["upgrade", "counter/counter"]);
        // Later in each round; in the last ones it is over by then.
        std::thread::sleep(std::time::Duration::from_millis(1 << round));
        host.kill9();
        let acknowledged = upgrading.done().status == 0;
        host = place.run(&[]);
        let new = place.ocap(&["call", "counter", "upgraded_from"]).status == 0;
        assert!(new || !acknowledged, "round {round}");
        assert_eq!(place.call("counter", "get", &[]), 5);
        if new {
            fs::copy(sample_component("counter"), counter.component("counter")).expect("a component was built");
            place.ocap(&["upgrade", "counter/counter"]).expect(0);
            put_next(&counter);
        }
    }
}

#[test]
fn new_code_whose_start_fails_never_takes_over() {
    let place = Place::new();
    let (host, counter) = counted(&place, 1_001);
    let before = place.vat("counter", "counter");
    let next = counter.component("counter");
    let problem = place
        .ocap(&["upgrade", "counter/counter", next.to_str().expect("UTF-8")])
        .expect(1)
        .problem("ocap::upgrade::start_failed");
    assert!(problem["causes"][0].as_str().is_some_and(|cause| cause.contains("1001 is more than 1000")), "{problem}");
    let after = place.vat("counter", "counter");
    assert_eq!((&after["component"], &after["kept"]), (&before["component"], &Value::Null));
    is_first_version(&place);
    assert_eq!(place.call("counter", "increment", &["1"]), 1_002);
    place.ocap(&["status"]).expect(0);
    host.kill9();
    let _host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 1_002);
}

#[test]
fn an_upgrade_can_be_rolled_back_and_forth() {
    let place = Place::new();
    let (host, _) = counted(&place, 5);
    let problem = place.ocap(&["upgrade", "counter/counter", "--rollback"]).expect(1);
    problem.problem("ocap::upgrade::nothing_kept");
    place.ocap(&["upgrade", "counter/counter"]).expect(0);
    assert_eq!(place.call("counter", "decrement", &["1"]), 4);
    host.kill9();
    let _host = place.run(&[]);
    place.ocap(&["upgrade", "counter/counter", "--rollback"]).expect(0);
    is_first_version(&place);
    assert_eq!(place.call("counter", "increment", &["2"]), 6);
    place.ocap(&["upgrade", "counter/counter", "--rollback"]).expect(0);
    assert_eq!(place.call("counter", "decrement", &["1"]), 5);
}

#[test]
fn an_upgrade_to_the_same_component_says_so_and_does_nothing() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("counter").file()]);
    assert_eq!(place.call("counter", "increment", &["5"]), 5);
    let before = place.vat("counter", "counter");
    let unchanged = place.ocap(&["upgrade", "counter/counter"]).expect(0).json();
    assert_eq!(unchanged["outcome"], "unchanged");
    assert_eq!(place.vat("counter", "counter"), before);
}

#[test]
fn a_component_that_would_not_load_is_refused_and_a_dry_run_changes_nothing() {
    let place = Place::new();
    let (_host, counter) = counted(&place, 5);
    let before = place.vat("counter", "counter");
    let plan = place.ocap(&["upgrade", "counter/counter", "--dry-run"]).expect(0).json();
    assert_eq!(plan["outcome"], "planned");
    assert_eq!(place.vat("counter", "counter"), before);
    let broken = counter.component("broken");
    let word = broken.to_str().expect("UTF-8").to_owned();
    let faults: [(&str, Vec<u8>); 3] = [
        ("ocap::component::core_module", components::core_module()),
        ("ocap::component::unknown_import", components::with_unknown_import()),
        ("ocap::component::empty", Vec::new()),
    ];
    for (code, bytes) in faults {
        fs::write(&broken, bytes).expect("written");
        for more in [&["--dry-run"][..], &[]] {
            let problem = place.ocap(&[&["upgrade", "counter/counter", &word], more].concat()).expect(1).problem(code);
            assert_eq!((&problem["subcluster"], &problem["vat"]), (&json!("counter"), &json!("counter")));
            assert_eq!(problem["path_resolved"], json!(word));
        }
    }
    fs::remove_file(&broken).expect("it was there");
    place.ocap(&["upgrade", "counter/counter", &word]).expect(1).problem("ocap::component::missing");
    assert_eq!(place.vat("counter", "counter"), before);
    assert_eq!(place.call("counter", "get", &[]), 5);
}

#[test]
fn a_quarantined_vat_is_healed_by_an_upgrade_and_what_waited_reaches_the_new_code() {
    let place = Place::new();
    let (host, _) = counted(&place, 5);
    let stored = digest_of(&place.vat("counter", "counter"), "component");
    host.kill9();
    // The stored component is lost, and its source is another one by now.
    fs::remove_file(place.home("blobs").join(&stored[7..])).expect("it was there");
    let _host = place.run(&[]);
    assert_eq!(place.vat("counter", "counter")["state"], "quarantined");
    let waiting = place.begin(&["call", "counter", "decrement", "2"]);
    queued(&place, "counter", "counter", 1);
    place.ocap(&["restart", "counter/counter"]).expect(1).problem("ocap::vat::quarantined");
    place.ocap(&["upgrade", "counter/counter"]).expect(0);
    assert_eq!(waiting.done().expect(0).json()["value"], 3);
    place.ocap(&["status"]).expect(0);
}

#[test]
fn an_upgraded_vat_keeps_its_grants_and_its_callers() {
    let place = Place::new();
    let matcher = place.sample("matcher");
    let _host = place.run(&[&matcher.file()]);
    assert_eq!(place.call("matcher", "register", &["lamp", "lights the room"]), Value::Null);
    // Other bytes of the same behaviour: a custom section more.
    for vat in ["matcher", "index"] {
        let mut bytes = fs::read(matcher.component(vat)).expect("a component");
        bytes.extend([0, 2, 1, b'x']);
        fs::write(matcher.component(vat), bytes).expect("written");
        let upgraded = place.ocap(&["upgrade", &format!("matcher/{vat}")]).expect(0).json();
        assert_eq!(upgraded["outcome"], "upgraded");
        let names: Vec<&Value> =
            upgraded["grants"].as_array().expect("grants").iter().map(|grant| &grant["name"]).collect();
        assert_eq!(names, if vat == "matcher" { vec!["io.llm", "vat.index"] } else { vec![] });
        assert_eq!(place.call("matcher", "find", &["room"]), json!(["lamp"]));
    }
    let mut client = place.client("run/llm.sock");
    assert_eq!(client.ask(&json!({ "id": 1, "find": "room" })), json!({ "id": 1, "found": ["lamp"] }));
}

#[test]
fn a_launch_of_changed_components_upgrades_their_vats_if_it_is_told_to() {
    let place = Place::new();
    let (host, counter) = counted(&place, 5);
    // Not told, the vat goes on with what it has.
    assert_eq!(place.ocap(&["launch", &counter.word()]).expect(0).json()["origin"], "known");
    is_first_version(&place);
    let upgrade = ["launch", "--if-changed", "upgrade", &counter.word()];
    let plan = place.ocap(&[&upgrade[..], &["--dry-run"]].concat()).expect(0).json();
    assert_eq!(plan["outcome"], json!({ "upgrade": ["counter"] }));
    let launched = place.ocap(&upgrade).expect(0).json();
    assert_eq!((&launched["origin"], &launched["upgraded"]), (&json!("upgraded"), &json!(["counter"])));
    assert_eq!(place.call("counter", "decrement", &["1"]), 4);
    assert_eq!(place.ocap(&upgrade).expect(0).json()["origin"], "known");
    // Anything but a component is no upgrade.
    counter.replace("[vats.counter]", "[vats.counter]\nstart = \"eager\"");
    place.ocap(&upgrade).expect(1).problem("ocap::launch::changed");
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn a_launch_whose_new_component_does_not_start_well_says_so_and_the_vat_goes_on() {
    let place = Place::new();
    let (host, counter) = counted(&place, 1_001);
    let upgrade = ["launch", "--if-changed", "upgrade", &counter.word()];
    place.ocap(&upgrade).expect(1).problem("ocap::upgrade::start_failed");
    is_first_version(&place);
    assert_eq!(place.call("counter", "get", &[]), 1_001);
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn a_vat_can_be_upgraded_to_any_component_that_is_stored() {
    let place = Place::new();
    let (_host, _) = counted(&place, 5);
    let old = digest_of(&place.vat("counter", "counter"), "component");
    place.ocap(&["upgrade", "counter/counter"]).expect(0);
    place.ocap(&["upgrade", "counter/counter", &old]).expect(0);
    is_first_version(&place);
    assert_eq!(place.call("counter", "get", &[]), 5);
    let unknown = format!("sha256:{}", "0".repeat(64));
    place.ocap(&["upgrade", "counter/counter", &unknown]).expect(1).problem("ocap::component::not_stored");
}

#[test]
fn a_launch_that_replaces_notices_a_changed_component() {
    let place = Place::new();
    let (_host, counter) = counted(&place, 5);
    let replaced = place.ocap(&["launch", "--yes", "--if-changed", "replace", &counter.word()]).expect(0).json();
    assert_eq!(replaced["origin"], "replaced");
    assert_eq!(place.call("counter", "decrement", &["1"]), 0);
    assert_eq!(
        place.ocap(&["launch", "--yes", "--if-changed", "replace", &counter.word()]).expect(0).json()["origin"],
        "known"
    );
}

#[test]
fn a_bundle_of_the_next_version_upgrades_and_is_read_again_by_its_path() {
    let place = Place::new();
    let counter = place.sample("counter");
    let bundle = place.root().join("counter.ocap");
    let word = bundle.to_str().expect("UTF-8");
    let pack = || place.ocap(&["bundle", "pack", &counter.word(), "--output", word]).expect(0);
    pack();
    let _host = place.run(&[&bundle]);
    assert_eq!(place.call("counter", "increment", &["5"]), 5);
    assert_eq!(place.ocap(&["upgrade", "counter/counter"]).expect(0).json()["outcome"], "unchanged");
    put_next(&counter);
    pack();
    assert_eq!(place.ocap(&["upgrade", "counter/counter"]).expect(0).json()["outcome"], "upgraded");
    assert_eq!(place.call("counter", "decrement", &["1"]), 4);
}

#[test]
fn a_linked_vat_takes_its_new_component_at_a_restart() {
    let place = Place::new();
    let counter = place.sample("counter");
    counter.link("counter");
    let _host = place.run(&[&counter.file()]);
    assert_eq!(place.call("counter", "increment", &["5"]), 5);
    put_next(&counter);
    let problem = place.ocap(&["upgrade", "counter/counter"]).expect(1).problem("ocap::upgrade::linked");
    assert!(
        problem["help"].as_str().is_some_and(|help| help.contains("ocap-host restart counter/counter")),
        "{problem}"
    );
    place.ocap(&["restart", "counter/counter"]).expect(0);
    assert_eq!(place.call("counter", "decrement", &["1"]), 4);
    eventually("it is awake", || (place.vat("counter", "counter")["state"] == "awake").then_some(()));
}
