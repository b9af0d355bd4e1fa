//! Whether a home is in order, running or not.

use std::fs;
use std::os::unix::fs::PermissionsExt;

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

#[test]
fn what_a_dead_host_left_is_mended_without_asking_and_nothing_else_is_touched() {
    let place = Place::new();
    let host = place.run(&[&place.sample("counter").file()]);
    assert_eq!(place.call("counter", "increment", &["1"]), 1);
    host.kill9();
    let code = place.listing("cache").remove(0);
    let damaged: Vec<u8> = fs::read(place.home("cache").join(&code)).expect("code").iter().rev().copied().collect();
    fs::write(place.home("cache").join(&code), damaged).expect("written");
    for left in ["key.next", "blobs/unfinished-7", "cache/x.code.3.tmp"] {
        fs::write(place.home(left), "half").expect("written");
    }
    fs::write(place.home("notes.txt"), "the operator's").expect("written");
    fs::set_permissions(place.home("notes.txt"), PermissionsExt::from_mode(0o644)).expect("set");

    let told = place.ocap(&["doctor"]).expect(0).json();
    assert_eq!((&told["findings"], &told["mended"]), (&json!([]), &json!([])), "none of it hinders anything");
    let mut codes: Vec<&str> =
        told["treatments"].as_array().expect("a list").iter().filter_map(|one| one["of"].as_str()).collect();
    codes.sort_unstable();
    let expected = [
        "ocap::home::cache_damaged",
        "ocap::home::file_open_to_others",
        "ocap::home::left_over",
        "ocap::home::left_over",
        "ocap::home::left_over",
        "ocap::home::stale_socket",
    ];
    assert!(expected.iter().all(|code| codes.contains(code)), "{told:#}");
    let before = place.listing("");
    let fixed = place.ocap(&["doctor", "--fix"]).expect(0).json();
    assert_eq!((&fixed["mended"], &fixed["treatments"]), (&told["treatments"], &json!([])));
    let gone: Vec<String> = before.iter().filter(|name| !place.listing("").contains(name)).cloned().collect();
    assert_eq!(gone, ["control.sock", "key.next"]);
    let mode = fs::metadata(place.home("notes.txt")).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let again = place.ocap(&["doctor"]).expect(0).json();
    assert_eq!(again["treatments"], json!([]));
    let _host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 1);
}

#[test]
fn a_damaged_component_is_a_finding_of_a_running_host_and_put_back_from_its_source() {
    let place = Place::new();
    let counter = place.sample("counter");
    let host = place.run(&[&counter.file()]);
    let blob = place.home("blobs").join(place.listing("blobs").remove(0));
    fs::remove_file(&blob).expect("removed");
    fs::write(&blob, "rot").expect("written");
    let told = place.ocap(&["doctor"]).expect(1).json();
    assert_eq!(told["findings"][0]["code"], "ocap::component::blob_damaged", "{told}");
    let away = counter.move_away("counter");
    let fixed = place.ocap(&["doctor", "--fix"]).expect(1).json();
    let help = fixed["findings"][0]["help"].as_str().unwrap_or_default().to_owned();
    assert!(help.contains("quarantine repair VAT --from PATH"), "{fixed}");
    let from = away.to_str().expect("UTF-8");
    let repaired = place.ocap(&["quarantine", "repair", "counter/counter", "--from", from]).expect(0).json();
    assert_eq!(repaired["outcome"], "unchanged", "it is served all the time");
    place.ocap(&["doctor"]).expect(0);
    counter.move_back("counter");
    fs::remove_file(&blob).expect("removed");
    place.ocap(&["doctor"]).expect(1);
    let fixed = place.ocap(&["doctor", "--fix"]).expect(0).json();
    assert_eq!(fixed["mended"][0]["of"], "ocap::component::blob_damaged", "{fixed}");
    assert_eq!(host.stop(&place), 0);
    place.ocap(&["doctor"]).expect(0);
}
