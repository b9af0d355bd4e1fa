//! What is in quarantine is looked at, repaired from elsewhere, or given up; nothing else deletes it.

use std::fs;
use std::path::{Path, PathBuf};

use ocap_tests::{Host, Place, Sample, sample_component};
use serde_json::{Value, json};

use crate::scenes::queued;

/// How many messages wait for the vat that is repaired.
const WAITING: u64 = 100;

fn word(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// A linked counter at 4 in quarantine, because its component was moved away while the host was down, and where that is now.
fn linked_counter(place: &Place) -> (Host, Sample, PathBuf) {
    let counter = place.sample("counter");
    counter.link("counter");
    let host = place.run(&[&counter.file(), &place.sample("echo").file()]);
    assert_eq!(place.call("counter", "increment", &["4"]), 4);
    host.kill9();
    let away = counter.move_away("counter");
    let host = place.run(&[]);
    assert_eq!(place.vat("counter", "counter")["state"], "quarantined");
    (host, counter, away)
}

/// A stored counter at 4 in quarantine: its blob has other bytes and its source is elsewhere, where the path that is returned leads.
fn damaged_counter(place: &Place) -> (Host, Sample, PathBuf) {
    let counter = place.sample("counter");
    let host = place.run(&[&counter.file(), &place.sample("echo").file()]);
    assert_eq!(place.call("counter", "increment", &["4"]), 4);
    host.kill9();
    let digest = blob_of(place, &counter.component("counter"));
    let away = counter.move_away("counter");
    fs::remove_file(&digest).expect("a blob");
    fs::write(&digest, b"rot").expect("written");
    let host = place.run(&[]);
    assert_eq!(place.vat("counter", "counter")["problem"]["code"], "ocap::component::digest_mismatch");
    (host, counter, away)
}

/// The file in the content store that holds the same bytes.
fn blob_of(place: &Place, component: &Path) -> PathBuf {
    let bytes = fs::read(component).expect("a component");
    let blobs = place.listing("blobs").into_iter().map(|name| place.home("blobs").join(name));
    blobs.into_iter().find(|blob| fs::read(blob).is_ok_and(|found| found == bytes)).expect("it was stored")
}

#[test]
fn all_messages_that_wait_for_a_vat_are_answered_in_order_when_it_is_repaired_from_elsewhere() {
    let place = Place::new();
    let (host, _, away) = linked_counter(&place);
    // More than the control socket lets wait at once: their answers are asked for afterwards, by their keys.
    let keys: Vec<String> = (1..=WAITING).map(|number| format!("message-{number}")).collect();
    for key in &keys {
        place.ocap(&["call", "counter", "increment", "1", "--no-wait", "--key", key]).expect(0);
    }
    queued(&place, "counter", "counter", WAITING);
    let repaired = place.ocap(&["quarantine", "repair", "counter/counter", "--from", word(&away)]).expect(0).json();
    assert_eq!((&repaired["$type"], &repaired["outcome"]), (&json!("repaired"), &json!("relinked")));
    for (key, count) in keys.iter().zip(5_u64..) {
        assert_eq!(place.call("counter", "increment", &["1", "--key", key]), count);
    }
    place.ocap(&["status"]).expect(0);
    host.kill9();
    let _host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 4 + WAITING);
    assert_eq!(place.vat("counter", "counter")["component"]["resolved"].as_str(), away.to_str());
}

#[test]
fn a_repair_can_be_repeated_and_a_vat_that_is_served_from_elsewhere_is_left_alone() {
    let place = Place::new();
    let (_host, counter, away) = linked_counter(&place);
    let repair = ["quarantine", "repair", "counter/counter", "--from", word(&away)];
    place.ocap(&repair).expect(0);
    assert_eq!(place.ocap(&repair).expect(0).json()["outcome"], "unchanged");
    let other = counter.component("counter");
    fs::copy(&away, &other).expect("copied");
    let problem = place.ocap(&["quarantine", "repair", "counter/counter", "--from", word(&other)]).expect(1);
    problem.problem("ocap::vat::not_quarantined");
    assert_eq!(place.call("counter", "get", &[]), 4);
}

#[test]
fn a_repair_is_checked_like_an_upgrade_and_a_bad_component_changes_nothing() {
    let place = Place::new();
    let (_host, counter, away) = linked_counter(&place);
    let bad = counter.component("bad");
    fs::write(&bad, "no component").expect("written");
    let repair = |from: &Path| place.ocap(&["quarantine", "repair", "counter/counter", "--from", word(from)]);
    let problem = repair(&bad).expect(1).problem("ocap::component::not_wasm");
    assert_eq!(problem["path_resolved"].as_str(), bad.to_str());
    repair(&counter.component("nowhere")).expect(1).problem("ocap::component::missing");
    let vat = place.vat("counter", "counter");
    assert_eq!((&vat["state"], &vat["component"]["written"]), (&json!("quarantined"), &json!("counter.wasm")));
    repair(&away).expect(0);
    assert_eq!(place.call("counter", "get", &[]), 4);
}

#[test]
fn a_repair_with_the_vats_own_component_refills_the_content_store_and_keeps_the_record() {
    let place = Place::new();
    let (_host, _, away) = damaged_counter(&place);
    let before = place.vat("counter", "counter")["component"].clone();
    let shown = place.ocap(&["quarantine", "show", "counter/counter"]).expect(0).json();
    assert_eq!((&shown["$type"], &shown["vat"]), (&json!("quarantined"), &json!("counter/counter")));
    assert_eq!((&shown["stored"], &shown["source"]), (&json!("other"), &json!("missing")));
    assert_eq!((&shown["component"], &shown["heals_by_itself"]), (&before, &json!(true)));
    let repaired = place.ocap(&["quarantine", "repair", "counter/counter", "--from", word(&away)]).expect(0).json();
    assert_eq!((&repaired["outcome"], &repaired["component"]), (&json!("refilled"), &before));
    assert_eq!(place.call("counter", "get", &[]), 4);
    assert_eq!(place.vat("counter", "counter")["component"], before);
    assert!(blob_of(&place, &away).exists());
    place.ocap(&["quarantine", "show", "counter/counter"]).expect(1).problem("ocap::vat::not_quarantined");
}

#[test]
fn other_code_for_a_vat_in_quarantine_is_called_an_upgrade_and_done_only_as_one() {
    let place = Place::new();
    let (_host, counter, _) = damaged_counter(&place);
    let next = counter.component("next");
    fs::copy(sample_component("counter_next"), &next).expect("a component was built");
    let repair = ["quarantine", "repair", "counter/counter", "--from", word(&next)];
    let problem = place.ocap(&repair).expect(1).problem("ocap::repair::other_component");
    assert!(problem["help"].as_str().is_some_and(|help| help.contains("--as-upgrade")), "{problem}");
    assert_eq!(place.vat("counter", "counter")["state"], "quarantined");
    let repaired = place.ocap(&[&repair[..], &["--as-upgrade"]].concat()).expect(0).json();
    assert_eq!(repaired["outcome"], "upgraded");
    assert_eq!(place.call("counter", "decrement", &["1"]), 3);
}

#[test]
fn a_repair_takes_the_component_from_a_bundle_too() {
    let place = Place::new();
    let counter = place.sample("counter");
    place.ocap(&["bundle", "pack", &counter.word(), "-o", "counter.ocap"]).expect(0);
    let bundle = place.root().join("counter.ocap");
    let host = place.run(&[&bundle]);
    assert_eq!(place.call("counter", "increment", &["4"]), 4);
    host.kill9();
    fs::remove_file(blob_of(&place, &counter.component("counter"))).expect("a blob");
    let elsewhere = place.root().join("elsewhere.ocap");
    fs::rename(&bundle, &elsewhere).expect("moved");
    let _host = place.run(&[]);
    assert_eq!(place.vat("counter", "counter")["problem"]["code"], "ocap::component::not_stored");
    let repaired =
        place.ocap(&["quarantine", "repair", "counter/counter", "--from", word(&elsewhere)]).expect(0).json();
    assert_eq!(repaired["outcome"], "refilled");
    assert_eq!(place.call("counter", "get", &[]), 4);
}

#[test]
fn a_kill_in_the_middle_of_a_repair_leaves_a_vat_that_the_next_repair_serves() {
    let place = Place::new();
    let (mut host, _, away) = damaged_counter(&place);
    let blob = blob_after_repair(&place, &away);
    host.kill9();
    host = place.run(&[]);
    for round in 0..5 {
        let repairing = place.begin(&["quarantine", "repair", "counter/counter", "--from", word(&away)]);
        // Later in each round; in the last ones it is over by then.
        std::thread::sleep(std::time::Duration::from_millis(1 << round));
        host.kill9();
        let acknowledged = repairing.done().status == 0;
        host = place.run(&[]);
        let vat = place.vat("counter", "counter");
        assert!(vat["state"] != "quarantined" || !acknowledged, "round {round}: {vat}");
        place.ocap(&["quarantine", "repair", "counter/counter", "--from", word(&away)]).expect(0);
        assert_eq!(place.call("counter", "get", &[]), 4);
        host.kill9();
        fs::remove_file(&blob).expect("a blob");
        host = place.run(&[]);
        assert_eq!(place.vat("counter", "counter")["state"], "quarantined");
    }
}

/// Where the component's blob is once there is one; nothing is there when it is returned.
fn blob_after_repair(place: &Place, away: &Path) -> PathBuf {
    place.ocap(&["quarantine", "repair", "counter/counter", "--from", word(away)]).expect(0);
    let blob = blob_of(place, away);
    fs::remove_file(&blob).expect("a blob");
    blob
}

#[test]
fn prune_gives_up_what_is_in_quarantine_after_a_preview_and_nothing_else() {
    let place = Place::new();
    let (host, _, _) = linked_counter(&place);
    place.ocap(&["quarantine", "prune", "echo", "--yes"]).expect(1).problem("ocap::vat::not_quarantined");
    place.ocap(&["quarantine", "prune", "echo/echo"]).expect(1).problem("ocap::vat::not_quarantined");
    let waiting = place.begin(&["call", "counter", "increment", "1"]);
    queued(&place, "counter", "counter", 1);
    let refused = place.ocap(&["quarantine", "prune", "counter/counter"]).expect(2);
    let preview = refused.json();
    assert_eq!(preview["$type"], "ending");
    assert_eq!((&preview["vats"][0]["name"], &preview["vats"][0]["queued"]), (&json!("counter"), &json!(1)));
    refused.problem("ocap::usage::unconfirmed");
    assert_eq!(place.vat("counter", "counter")["state"], "quarantined");

    let pruned = place.ocap(&["quarantine", "prune", "counter/counter", "--yes"]).expect(0).json();
    assert_eq!((&pruned["scope"], &pruned["vats"]), (&json!("subcluster"), &json!(["counter"])));
    assert_eq!(waiting.done().expect(1).json()["code"], "vat-terminated");
    assert_eq!(place.ocap(&["quarantine", "list"]).expect(0).json()["problems"], json!([]));
    host.kill9();
    let host = place.run(&[]);
    assert_eq!((&host.ready()["vats"], &host.ready()["quarantined"]), (&json!(1), &json!(0)));
    place.ocap(&["quarantine", "prune", "counter/counter", "--yes"]).expect(1).problem("ocap::target::unknown");
    assert_eq!(place.status()["problems"], Value::Array(vec![]));
}
