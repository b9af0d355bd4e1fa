//! A vat that floods the host gets its turns, and no more.

use std::path::PathBuf;
use std::thread::available_parallelism;

use ocap_tests::{Place, eventually};
use serde_json::{Value, json};

use crate::scenes::limited;

#[test]
fn a_vat_that_sends_to_itself_for_ever_keeps_nobody_from_being_served() {
    let place = Place::new();
    let host = place.run(&[&place.sample("misbehaver").file(), &place.sample("counter").file()]);
    place.call("misbehaver", "chatter", &[]);
    for count in 1..=20 {
        assert_eq!(place.call("counter", "increment", &["1"]), count);
    }
    // It is still at it: there is always one more message.
    assert_eq!(place.vat("misbehaver", "misbehaver")["queued"], 1);
    assert_eq!(place.call("misbehaver", "alive", &[]), true);
    let launched = place.ocap(&["launch", &place.sample("echo").word()]).expect(0).json();
    assert_eq!(launched["origin"], "new");
    assert_eq!(place.call("echo", "echo", &["1"]), 1);
    assert_eq!(host.stop(&place), 0);
    // A message is durable, and so is a flood.
    let host = place.run(&[]);
    assert_eq!(place.call("counter", "increment", &["1"]), 21);
    assert_eq!(place.vat("misbehaver", "misbehaver")["queued"], 1);
    place.ocap(&["terminate", "misbehaver", "--yes"]).expect(0);
    assert_eq!(place.call("counter", "increment", &["1"]), 22);
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn a_call_is_served_while_as_many_vats_as_the_machine_has_processors_compute_without_end() {
    let place = Place::new();
    let processors = available_parallelism().expect("a machine").get();
    let spinners: Vec<_> = (0..processors)
        .map(|number| {
            let spinner = place.sample_as("misbehaver", &format!("spinner{number}"));
            spinner.declare(&format!("{}limits = {{ crank = \"10s\" }}\n", spinner.text()));
            spinner.file()
        })
        .collect();
    let counter = place.sample("counter").file();
    let files: Vec<_> = spinners.iter().chain([&counter]).map(PathBuf::as_path).collect();
    let host = place.run(&files);
    let spinning: Vec<_> =
        (0..processors).map(|number| place.begin(&["call", &format!("spinner{number}"), "spin"])).collect();
    let running = || {
        let vats = place.ocap(&["ps"]).expect(0).json()["vats"].clone();
        vats.as_array().expect("vats").iter().filter(|vat| vat["state"] == "running").cloned().collect::<Vec<Value>>()
    };
    eventually("they all compute", || (running().len() == processors).then_some(()));
    assert_eq!(place.call("counter", "increment", &["1"]), 1);
    // None of them had to end for that.
    let still = running();
    assert!(still.len() == processors && still.iter().all(|vat| vat["undone"] == 0), "{still:?}");
    assert_eq!(host.stop(&place), 0, "what they are at is cut, and delivered again after the next start");
    drop(spinning);
}

#[test]
fn a_vat_that_floods_its_own_mailbox_fills_that_and_nothing_else() {
    let place = Place::new();
    let _host = place.run(&[&limited(&place, "mailbox = 50").file(), &place.sample("counter").file()]);
    place.call("misbehaver", "breed", &[]);
    eventually("a full mailbox", || (place.call("misbehaver", "refused", &[]).as_u64() > Some(100)).then_some(()));
    for count in 1..=10 {
        assert_eq!(place.call("counter", "increment", &["1"]), count);
    }
    let flooding = place.vat("misbehaver", "misbehaver");
    assert_eq!(
        (&flooding["state"], &flooding["incarnation"]),
        (&json!("awake"), &json!(1)),
        "it is no fault of its own"
    );
}

#[test]
fn a_vat_holds_as_many_references_as_it_declares_and_no_more() {
    let place = Place::new();
    let lamps = place.sample("lamps");
    let _host = place.run(&[&limited(&place, "references = 20").file(), &lamps.file()]);
    place.call("misbehaver", "hoard", &["0", "10"]);
    // Its own fault: the crank that took too many is undone, and what it stored with it.
    assert_eq!(place.call_fails("misbehaver", "hoard", &["10", "20"]), "vat-trapped");
    assert_eq!(place.call("misbehaver", "hoarded", &[]), 10);
    // The sender's answer: the vat never sees the message.
    let names: Vec<String> = (0..20).map(|lamp| format!("lamp-{lamp}")).collect();
    let caps: Vec<String> = names.iter().map(|name| place.call("lamps/house", "lamp", &[name]).to_string()).collect();
    let caps: Vec<&str> = caps.iter().map(String::as_str).collect();
    let incarnation = place.vat("misbehaver", "misbehaver")["incarnation"].clone();
    assert_eq!(place.call_fails("misbehaver", "alive", &caps), "too-large");
    assert_eq!(place.call("misbehaver", "alive", &[]), true);
    place.call("misbehaver", "hoard", &["10", "3"]);
    assert!(place.vat("misbehaver", "misbehaver")["incarnation"].as_u64() <= incarnation.as_u64().map(|one| one + 1));
}

#[test]
fn a_vat_that_traps_again_and_again_waits_a_little_and_is_served_again() {
    let place = Place::new();
    let flooder = place.sample_as("misbehaver", "flooder");
    let _host = place.run(&[&place.sample("misbehaver").file(), &place.sample("counter").file(), &flooder.file()]);
    // The host never comes to rest meanwhile.
    place.call("flooder", "chatter", &[]);
    for trap in 1..=5 {
        // From the second on it waits before its next delivery, and only the host's own clock ends that.
        assert_eq!(place.call_fails("misbehaver", "trap", &[]), "vat-trapped");
        assert_eq!(place.call("counter", "increment", &["1"]), trap);
    }
    assert_eq!(place.call("misbehaver", "alive", &[]), true);
    assert_eq!(
        place.vat("misbehaver", "misbehaver")["state"],
        "awake",
        "one sender's poison is no reason for quarantine"
    );
}
