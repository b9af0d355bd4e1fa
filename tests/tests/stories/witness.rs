//! A store that has lost something of what was acknowledged is never gone on with silently (promise F5 of the study of reliability).

use std::fs::{self, OpenOptions};
use std::sync::mpsc;
use std::thread;

use ocap_tests::{Host, Place};
use serde_json::{Value, json};

/// One page of the database in its log.
const FRAME: u64 = 4096 + 24;

/// Kills a host while its counter counts, so that the last commits are in the log alone; the last count that was acknowledged.
fn killed_while_it_counts(place: &Place, host: Host) -> u64 {
    let mut wire = place.wire();
    let (heard, counts) = mpsc::channel();
    thread::spawn(move || {
        while let Ok(answer) = wire.call("counter", "increment", &[json!(1)]) {
            heard.send(answer["value"].as_u64().expect("a count")).expect("the test waits");
        }
    });
    let before = counts.iter().take(20).last().expect("it counts");
    host.kill9();
    counts.iter().last().unwrap_or(before)
}

fn counter(place: &Place) -> Host {
    place.run(&[&place.sample("counter").file()])
}

/// How many commits a start that refuses says that were lost.
#[track_caller]
fn refused(place: &Place) -> u64 {
    let problem = place.try_run(&[]).expect(1).problem("ocap::store::behind");
    let said = problem["message"].as_str().expect("a message");
    assert!(problem["help"].as_str().is_some_and(|help| help.contains("ocap-host db accept")), "{problem}");
    assert_eq!(problem["path_resolved"].as_str(), place.home("store").to_str());
    let by = said.strip_prefix("the store is behind its witness by ").and_then(|rest| rest.split(' ').next());
    by.and_then(|by| by.parse().ok()).unwrap_or_else(|| panic!("{problem}"))
}

#[track_caller]
fn accepted(place: &Place) -> Value {
    let refused = place.ocap(&["db", "accept"]).expect(2).problem("ocap::usage::unconfirmed");
    assert!(refused["help"].as_str().is_some_and(|help| help.contains("db accept --yes")), "{refused}");
    place.ocap(&["db", "accept", "--yes"]).expect(0).json()
}

#[test]
fn a_store_whose_log_is_lost_or_cut_is_refused_until_somebody_accepts_that() {
    let place = Place::new();
    assert_eq!(counter(&place).stop(&place), 0);
    let acknowledged = killed_while_it_counts(&place, place.run(&[]));
    let log = place.home("store-wal");
    let file = OpenOptions::new().write(true).open(&log).expect("a killed host leaves a log");
    let length = file.metadata().expect("a file").len();
    file.set_len(length - FRAME).expect("cut");
    let tail = refused(&place);
    assert!(tail >= 1);
    fs::remove_file(&log).expect("a log");
    let all = refused(&place);
    assert!(all > tail, "{all} {tail}");
    // Whoever looks is told the same, and nothing changes by it.
    for command in [&["doctor"][..], &["db", "check"]] {
        let looked = place.ocap(command).expect(1).json();
        assert_eq!(looked["findings"][0]["code"], "ocap::store::behind", "{looked}");
    }
    assert_eq!(refused(&place), all);

    let accepted = accepted(&place);
    assert_eq!((&accepted["$type"], &accepted["lost"]["code"]), (&json!("accepted"), &json!("ocap::store::behind")));
    let host = place.run(&[]);
    assert!(host.ready()["boot"].as_u64() > Some(1 << 20), "no number is given twice: {}", host.ready());
    assert!(place.call("counter", "get", &[]).as_u64() < Some(acknowledged));
    assert_eq!(host.stop(&place), 0);
    let nothing = place.ocap(&["db", "accept", "--yes"]).expect(0).json();
    assert_eq!(nothing["lost"], Value::Null);
    assert_eq!(place.run(&[]).stop(&place), 0);
}

#[test]
fn an_older_copy_of_the_store_that_was_put_back_is_refused_until_somebody_accepts_that() {
    let place = Place::new();
    let host = counter(&place);
    assert_eq!(place.call("counter", "increment", &["5"]), 5);
    assert_eq!(host.stop(&place), 0);
    let older = fs::read(place.home("store")).expect("a store");
    let host = place.run(&[]);
    assert_eq!(place.call("counter", "increment", &["1"]), 6);
    place.ocap(&["launch", &place.sample("echo").word()]).expect(0);
    let given = place.vat("echo", "echo")["id"].clone();
    assert_eq!(host.stop(&place), 0);
    let newer = fs::read(place.home("store")).expect("a store");

    fs::write(place.home("store"), &older).expect("written");
    assert!(refused(&place) > 0);
    fs::write(place.home("store"), newer).expect("written");
    assert_eq!(place.run(&[]).stop(&place), 0, "the right one needs nobody's word");
    fs::write(place.home("store"), older).expect("written");
    refused(&place);
    accepted(&place);
    let host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 5);
    place.ocap(&["launch", &place.root().join("echo/subcluster.toml").display().to_string()]).expect(0);
    assert_ne!(place.vat("echo", "echo")["id"], given);
    assert_eq!(host.stop(&place), 0);
    place.ocap(&["doctor"]).expect(0);
}

#[test]
fn the_store_of_another_home_and_none_at_all_are_refused_too() {
    let (place, other) = (Place::new(), Place::new());
    for place in [&place, &other] {
        let host = counter(place);
        assert_eq!(place.call("counter", "increment", &["1"]), 1);
        assert_eq!(host.stop(place), 0);
    }
    let own = fs::read(place.home("store")).expect("a store");
    fs::copy(other.home("store"), place.home("store")).expect("copied");
    place.try_run(&[]).expect(1).problem("ocap::store::exchanged");
    fs::remove_file(place.home("store")).expect("removed");
    for command in [&["run"][..], &["doctor"], &["db", "accept", "--yes"]] {
        let done = place.ocap(command).expect(1);
        assert!((done.stdout + &done.stderr).contains("ocap::store::gone"), "{command:?}");
    }
    fs::write(place.home("store"), &own).expect("written");
    let host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 1);
    assert_eq!(host.stop(&place), 0);
    fs::copy(other.home("store"), place.home("store")).expect("copied");
    accepted(&place);
    assert_eq!(place.run(&[]).stop(&place), 0);
    fs::remove_file(place.home("store")).expect("removed");
    place.ocap(&["reset", "--yes"]).expect(0);
    let declared = place.root().join("counter/subcluster.toml");
    assert_eq!(place.run(&[&declared]).ready()["boot"], 1);
}

#[test]
fn a_witness_that_was_lost_or_spoiled_hinders_nobody_and_is_made_anew() {
    let place = Place::new();
    assert_eq!(counter(&place).stop(&place), 0);
    for round in 1..=4 {
        match round {
            1 => fs::remove_file(place.home("witness")).expect("it was there"),
            2 => fs::write(place.home("witness"), [0x5a; 4096]).expect("written"),
            3 => fs::write(place.home("witness"), "").expect("written"),
            _ => {}
        }
        let host = place.run(&[]);
        assert_eq!(place.call("counter", "increment", &["1"]), round);
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(place.home("witness")).expect("a witness"));
        assert_eq!(mode & 0o777, 0o600);
        host.kill9();
    }
}
