//! Whether a home is in order, running or not.

use std::fs;

use ocap_tests::Place;
use serde_json::json;

#[test]
fn a_home_in_order_is_said_to_be_so_running_and_stopped() {
    let place = Place::new();
    let host = place.run(&[&place.sample("counter").file(), &place.sample("pingpong").file()]);
    assert_eq!(place.call("counter", "increment", &["1"]), 1);
    assert_eq!(place.call("pingpong", "ask_later", &[]), json!(null));
    let running = place.ocap(&["doctor"]).expect(0).json();
    assert_eq!((&running["subject"], &running["findings"]), (&json!("running"), &json!([])));
    assert_eq!(running["counts"]["subclusters"], 2);
    assert_eq!(running["counts"]["awake"], 3);
    assert!(running["counts"]["promises"].as_u64() > Some(0), "{running}");
    assert_eq!(host.stop(&place), 0);

    let stopped = place.ocap(&["doctor"]).expect(0).json();
    assert_eq!((&stopped["subject"], &stopped["findings"]), (&json!("stopped"), &json!([])));
    assert_eq!((&stopped["counts"]["subclusters"], &stopped["counts"]["idle"]), (&json!(2), &json!(3)));
}

#[test]
fn a_look_at_a_stopped_home_changes_nothing_in_it() {
    let place = Place::new();
    let host = place.run(&[&place.sample("counter").file()]);
    assert_eq!(place.call("counter", "increment", &["1"]), 1);
    let contents = || {
        let names = place.listing("");
        names.iter().filter_map(|name| Some((name.clone(), fs::read(place.home(name)).ok()?))).collect::<Vec<_>>()
    };
    assert_eq!(host.stop(&place), 0);
    let before = contents();
    place.ocap(&["doctor"]).expect(0);
    assert_eq!(contents(), before);

    // With what a killed host leaves, too.
    let host = place.run(&[]);
    assert_eq!(place.call("counter", "increment", &["1"]), 2);
    host.kill9();
    let before = contents();
    assert!(before.iter().any(|(name, _)| name == "store-wal"));
    place.ocap(&["doctor"]).expect(0);
    assert_eq!(contents(), before);
    let _host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 2);
}

#[test]
fn a_damaged_store_is_found_with_what_to_do_about_it() {
    let place = Place::new();
    let host = place.run(&[&place.sample("counter").file()]);
    assert_eq!(host.stop(&place), 0);
    let good = fs::read(place.home("store")).expect("a store");
    for damaged in [
        good[..good.len() / 2].to_vec(),
        good.iter().enumerate().map(|(at, byte)| if at / 4096 == 4 { 0x5a } else { *byte }).collect(),
        b"not a store".to_vec(),
    ] {
        fs::write(place.home("store"), damaged).expect("the home is writable");
        let checkup = place.ocap(&["doctor"]).expect(1).json();
        let finding = &checkup["findings"][0];
        assert!(finding["code"].as_str().is_some_and(|code| code.starts_with("ocap::store::")), "{checkup}");
        assert!(finding["help"].as_str().is_some_and(|help| !help.is_empty()), "{checkup}");
    }
}

#[test]
fn a_vat_in_quarantine_is_a_finding_running_and_stopped() {
    let place = Place::new();
    let counter = place.sample("counter");
    counter.link("counter");
    let host = place.run(&[&counter.file()]);
    assert_eq!(host.stop(&place), 0);
    counter.move_away("counter");
    let host = place.run(&[]);
    let running = place.ocap(&["doctor"]).expect(1).json();
    assert_eq!(running["findings"][0]["code"], "ocap::component::missing", "{running}");
    assert_eq!(running["counts"]["quarantined"], 1);
    host.kill9();
    let stopped = place.ocap(&["doctor"]).expect(1).json();
    assert_eq!(stopped["findings"], running["findings"]);
}

#[test]
fn there_is_nothing_to_find_where_nothing_is() {
    let place = Place::new();
    place.ocap(&["doctor"]).expect(4);
    place.run(&[]).kill9();
    place.ocap(&["doctor"]).expect(0);
}
