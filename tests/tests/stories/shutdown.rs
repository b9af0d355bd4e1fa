//! The end of a host: in good order, in time, with nothing left behind; at once for those who insist; and when it may serve no longer.

use std::fs;
use std::time::Instant;

use ocap_tests::{Background, Place, Sample, eventually};
use rustix::process::Signal;
use serde_json::json;

/// A misbehaver whose deliveries may last three seconds.
fn patient(place: &Place) -> Sample {
    let sample = place.sample("misbehaver");
    let text = sample.text();
    let limited =
        text.replace("component = \"misbehaver.wasm\"", "component = \"misbehaver.wasm\"\nlimits = { crank = \"3s\" }");
    assert_ne!(limited, text);
    sample.declare(&limited);
    sample
}

/// Begins a delivery that does not end by itself, and waits until the vat is in it.
fn spin(place: &Place) -> ocap_tests::Pending {
    let spinning = place.begin(&["call", "misbehaver", "spin"]);
    eventually("the vat is in its delivery", || {
        let marks = fs::read(place.home("markers")).ok()?;
        marks.iter().any(|byte| *byte != 0).then_some(())
    });
    spinning
}

#[test]
fn e9_stop_works_while_a_vat_does_not_come_back() {
    let place = Place::new();
    let host = Background::on(&place);
    host.start(&[&patient(&place).file()]).expect(0);
    assert_eq!(place.call("misbehaver", "deeds", &[]), 0);
    let spinning = spin(&place);
    let began = Instant::now();
    place.ocap(&["stop"]).expect(0);
    eprintln!("stopped in {} ms beside a delivery that may last 3 s and does not end", began.elapsed().as_millis());
    host.wait_until_gone();
    spinning.done().expect(1).problem("ocap::daemon::stopping");
    // What was under way never happened, and comes again: the vat has it before it still, and is charged with nothing.
    host.start(&[]).expect(0);
    let after = place.begin(&["call", "misbehaver", "alive"]);
    assert_eq!(after.done().expect(0).json()["value"], true);
    assert_eq!(place.vat("misbehaver", "misbehaver")["incarnation"], 3, "it spun again, and was cut at its limit");
    assert_eq!(place.ocap(&["dead-letters", "list"]).expect(0).json()["letters"], json!([]));
    place.ocap(&["stop"]).expect(0);
}

#[test]
fn e12_after_a_stop_nothing_lingers() {
    let place = Place::new();
    let host = Background::on(&place);
    let files = [place.sample("matcher").file(), place.sample("counter").file()];
    host.start(&[&files[0], &files[1]]).expect(0);
    for round in 0..10 {
        if round > 0 {
            host.start(&[]).expect(0);
        }
        assert_eq!(place.call("counter", "increment", &["1"]), round + 1);
        let mut client = place.client("run/llm.sock");
        assert_eq!(client.ask(&json!({ "id": 1, "find": "room" }))["id"], 1);
        host.signal(Signal::TERM);
        host.wait_until_gone();
        for socket in ["control.sock", "channels/run/llm.sock"] {
            assert!(!place.home(socket).exists(), "{socket}");
        }
        assert_eq!(place.listing("channels/run"), Vec::<String>::new());
        let names = place.listing("");
        let stays = [
            "apps",
            "blobs",
            "cache",
            "channels",
            "host.err",
            "key",
            "lock",
            "log",
            "markers",
            "status.json",
            "store",
            "witness",
        ];
        assert_eq!(names, stays, "round {round}");
        assert_eq!(host.record().expect("a record")["phase"], "stopped");
    }
}

#[test]
fn e12_a_second_signal_ends_the_host_at_once_and_says_so() {
    let place = Place::new();
    let sample = patient(&place);
    let host = place.run(&[&sample.file()]);
    let _spinning = spin(&place);
    host.signal(Signal::TERM);
    eventually("it stops", || {
        let record: serde_json::Value = serde_json::from_slice(&fs::read(place.home("status.json")).ok()?).ok()?;
        (record["phase"] == "stopping").then_some(())
    });
    host.signal(Signal::TERM);
    assert_eq!(host.ended(), 1);
    let told = place.ocap(&["status"]).expect(4).problem("ocap::daemon::unreachable");
    assert!(told["causes"].to_string().contains("ocap::daemon::ended_at_once"), "{told}");
    let host = place.run(&[]);
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn a_host_whose_lock_is_taken_away_serves_no_longer() {
    let place = Place::new();
    let host = place.run(&[&place.sample("counter").file()]);
    assert_eq!(place.call("counter", "increment", &["1"]), 1);
    fs::remove_file(place.home("lock")).expect("it is there");
    // Nothing keeps another host out but that the first is still there.
    let refused = place.try_run(&[]);
    let pid = host.pid();
    assert_eq!(host.ended(), 1);
    let told = place.log();
    let told = told.iter().rev().find(|line| line["code"] == "ocap::daemon::lock_lost").expect("it is in the log");
    assert!(told["message"].as_str().is_some_and(|message| message.contains("was taken away")), "{told}");
    if refused.status == 5 {
        let problem = refused.problem("ocap::daemon::locked");
        assert!(
            problem["message"].as_str().is_some_and(|message| message.contains(&format!("process {pid}"))),
            "{problem}"
        );
    }
    let host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 1);
    assert_eq!(host.stop(&place), 0);
}
