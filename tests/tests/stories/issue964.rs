//! Thread #964: a missing component does not stop the host, and no fault of a start is illegible or goes unseen.

use std::fs;

use ocap_tests::{Background, Host, Place, Sample, eventually};
use rustix::process::Signal;
use serde_json::json;

/// A linked counter among others, launched and stopped, its component gone.
fn one_missing() -> (Place, Sample) {
    let place = Place::new();
    let counter = place.sample("counter");
    counter.link("counter");
    let host = place.run(&[&counter.file(), &place.sample("matcher").file(), &place.sample("echo").file()]);
    assert_eq!(place.call("counter", "increment", &["4"]), 4);
    assert_eq!(host.stop(&place), 0);
    counter.move_away("counter");
    (place, counter)
}

#[test]
fn issue964_a_missing_component_is_quarantined_and_the_others_run() {
    let (place, _counter) = one_missing();
    let host = place.run(&[]);
    assert_eq!((&host.ready()["vats"], &host.ready()["quarantined"]), (&json!(4), &json!(1)));
    let warning = &host.ready()["problems"][0];
    assert_eq!((&warning["subcluster"], &warning["vat"]), (&json!("counter"), &json!("counter")));
    let status = place.ocap(&["status"]).expect(3).json();
    assert_eq!(status["degraded"], true);
    assert_eq!(place.vat("counter", "counter")["state"], "quarantined");
    assert_eq!(place.call("echo", "echo", &["hello"]), "hello");
    assert_eq!(place.client("run/llm.sock").ask(&json!({ "id": 1, "find": "room" })), json!({ "id": 1, "found": [] }));
    assert_eq!(host.stop(&place), 3);
}

#[test]
fn issue964_the_error_names_the_resolved_path() {
    let (place, counter) = one_missing();
    let host = place.run(&[]);
    let resolved = counter.component("counter");
    let resolved = resolved.to_str().expect("UTF-8");
    let listed = place.ocap(&["quarantine", "list"]).expect(0).json();
    let logged = place.log();
    let logged = logged.iter().rev().find(|line| line["code"] == "ocap::component::missing");
    let seen = [
        &host.ready()["problems"][0],
        &place.vat("counter", "counter")["problem"],
        &listed["problems"][0],
        logged.expect("a line of the log"),
    ];
    for problem in seen {
        assert_eq!(problem["code"], "ocap::component::missing");
        assert!(problem["message"].as_str().is_some_and(|message| message.contains(resolved)), "{problem}");
        assert_eq!((&problem["path_written"], &problem["path_resolved"]), (&json!("counter.wasm"), &json!(resolved)));
        assert!(problem["help"].as_str().is_some_and(|help| help.contains(resolved)), "{problem}");
    }
}

#[test]
fn issue964_a_store_with_exactly_one_missing_component_boots_and_answers() {
    let (place, counter) = one_missing();
    let _host = place.run(&[]);
    assert_eq!(place.status()["phase"], "ready");
    assert_eq!(place.call("echo", "echo", &["[1, {\"a\": null}]"]), json!([1, { "a": null }]));
    place.ocap(&["launch", &place.sample("pingpong").word()]).expect(0);
    assert_eq!(place.call("pingpong", "rally", &["2"]), 2);
    // Nothing of the quarantined vat was deleted.
    counter.move_back("counter");
    assert_eq!(place.call("counter", "get", &[]), 4);
}

#[test]
fn issue964_g11_a_fatal_error_of_the_start_is_legible_at_the_caller_and_in_the_log() {
    let place = Place::new();
    let counter = place.sample("counter");
    let host = place.run(&[&counter.file()]);
    assert_eq!(host.stop(&place), 0);
    fs::write(place.home("store"), [0x5a; 8192]).expect("the store is damaged");

    let failed = place.try_run(&[&counter.file()]).expect(1);
    let code = "ocap::store::not_ours";
    let told = failed.problem(code);
    let store = place.home("store");
    assert_eq!(told["path_resolved"].as_str(), store.to_str(), "{told}");
    assert!(told["help"].is_string(), "{told}");
    let logged = place.log();
    let logged = logged.iter().find(|line| line["code"] == code).expect("it is in the log");
    assert_eq!(logged["message"], told["message"]);
    assert_opaque_nowhere(&failed.stderr);

    // Nothing is wedged: no socket, no lock; and the next command knows why.
    assert!(!place.home("control.sock").exists());
    let status = place.ocap(&["status"]).expect(4);
    let told = status.problem("ocap::daemon::unreachable");
    assert!(told["causes"].to_string().contains(code), "{told}");
    place.try_run(&[]).expect(1).problem(code);
}

#[test]
fn issue964_a_fatal_error_in_the_background_is_at_the_caller_and_in_the_log_and_leaves_nothing_wedged() {
    let place = Place::new();
    place.run(&[]).kill9();
    fs::write(place.home("store"), [0x5a; 8192]).expect("the store is damaged");
    let host = Background::on(&place);
    let code = "ocap::store::not_ours";
    let started = host.start(&[]).expect(1);
    let told = started.problem(code);
    assert_eq!(told["path_resolved"].as_str(), place.home("store").to_str(), "{told}");
    let log = place.home("log").display().to_string();
    assert!(told["causes"].to_string().contains(&log), "{told}");
    let logged = place.log();
    let logged = logged.iter().find(|line| line["code"] == code).expect("it is in the log");
    assert_eq!(logged["message"], told["message"]);
    for text in [&started.stderr, &fs::read_to_string(place.home("host.err")).expect("it is there")] {
        assert_opaque_nowhere(text);
    }
    // No process, no socket, no lock, and nobody holds the database.
    host.wait_until_gone();
    assert!(!place.home("control.sock").exists());
    // A host does not take it for nothing that there was a store.
    fs::remove_file(place.home("store")).expect("nobody needs it");
    host.start(&[]).expect(1).problem("ocap::store::gone");
    place.ocap(&["reset", "--yes"]).expect(0);
    host.start(&[]).expect(0);
    place.ocap(&["stop"]).expect(0);
}

#[test]
fn issue964_a_start_that_hangs_is_found_by_the_next_start_which_does_not_collide_with_it() {
    let place = Place::new();
    place.run(&[]).kill9();
    let hold = place.hold_at_host_toml();
    let host = Background::on(&place);
    let starting = host.begin(&[]);
    eventually("it waits for its configuration", || (host.record()?["step"] == "load the kernel").then_some(()));
    let refused = host.start(&[]).expect(5).problem("ocap::daemon::locked");
    let who = format!("process {}, starting (load the kernel) for ", host.pid().expect("it runs"));
    assert!(refused["message"].as_str().is_some_and(|message| message.contains(&who)), "{refused}");
    assert!(refused["help"].as_str().is_some_and(|help| help.contains("stop")), "{refused}");
    hold.release();
    starting.done().expect(0);
    place.ocap(&["stop"]).expect(0);
}

#[test]
fn issue964_the_same_error_is_legible_to_people() {
    let place = Place::new();
    place.run(&[]).kill9();
    fs::write(place.home("store"), [0x5a; 8192]).expect("the store is damaged");
    let failed = place.ocap(&["run", "--format", "text"]).expect(1);
    let store = place.home("store").display().to_string();
    for part in ["ocap::store::not_ours", "this file is not a store of ocap-host", &store, "help"] {
        assert!(failed.stderr.contains(part), "no `{part}` in:\n{}", failed.stderr);
    }
    assert_opaque_nowhere(&failed.stderr);
}

#[test]
fn issue964_a_host_that_died_while_it_started_is_recognised_by_the_next_command() {
    let place = Place::new();
    let host = caught_while_starting(&place);
    let pid = host.pid();
    host.kill9();
    let told = place.ocap(&["status"]).expect(4).problem("ocap::daemon::unreachable");
    let cause = told["causes"][0].as_str().expect("a cause").to_owned();
    assert!(cause.starts_with(&format!("the last one, process {pid}, died while it was starting (")), "{cause}");
    // The next start does not stumble over what the dead one left.
    let host = place.run(&[]);
    assert_eq!(place.call("pingpong", "rally", &["1"]), 1);
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn issue964_a_host_that_hangs_while_it_starts_is_recognised_by_the_next_command() {
    let place = Place::new();
    let host = caught_while_starting(&place);
    let who = format!("process {}, starting (", host.pid());
    let refused = place.try_run(&[]).expect(5).problem("ocap::daemon::locked");
    assert!(refused["message"].as_str().is_some_and(|message| message.contains(&who)), "{refused}");
    let silent = place.ocap(&["status"]).expect(4).problem("ocap::daemon::unreachable");
    assert!(silent["message"].as_str().is_some_and(|message| message.contains(&who)), "{silent}");
    host.signal(Signal::CONT);
    eventually("it goes on", || (place.ocap(&["status"]).status == 0).then_some(()));
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn issue964_a_host_that_is_asked_to_stop_while_it_starts_stops() {
    let place = Place::new();
    let host = caught_while_starting(&place);
    let stopping = place.begin(&["stop"]);
    host.signal(Signal::CONT);
    stopping.done().expect(0);
    assert_eq!(host.ended(), 0);
    assert!(!place.home("control.sock").exists());
    place.ocap(&["status"]).expect(4);

    let host = caught_while_starting(&place);
    host.signal(Signal::TERM);
    host.signal(Signal::CONT);
    assert_eq!(host.ended(), 0);
    let host = place.run(&[]);
    assert_eq!(place.call("pingpong", "rally", &["1"]), 1);
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn issue964_a_start_that_hangs_ends_when_it_is_asked_to_and_takes_its_sockets_along() {
    let place = Place::new();
    place.run(&[]).kill9();
    let sockets = ["control.sock", "token.sock"].map(|name| place.home(name));
    // The thread that starts the host waits for a pipe, as it would for a disk that does not answer; those that serve the sockets go on.
    let _pipe = place.hold_at_host_toml();
    let host = Host::launch(&place, &[]);
    eventually("it hangs", || {
        let record: serde_json::Value = serde_json::from_slice(&fs::read(place.home("status.json")).ok()?).ok()?;
        (record["pid"] == host.pid() && record["step"] == "load the kernel").then_some(())
    });
    assert!(sockets.iter().all(|socket| socket.exists()));
    place.ocap(&["stop"]).expect(0);
    assert_eq!(host.ended(), 0);
    for socket in sockets {
        assert!(!socket.exists(), "{}", socket.display());
    }
    let record = fs::read(place.home("status.json")).expect("its last words");
    let record: serde_json::Value = serde_json::from_slice(&record).expect("a record");
    assert_eq!(record["phase"], "stopped");
}

/// A host that was stopped (as by a debugger, or a disk that does not answer) while it started.
fn caught_while_starting(place: &Place) -> Host {
    if !place.home("store").exists() {
        let files = ["pingpong", "matcher", "misbehaver"].map(|name| place.sample(name).file());
        place.run(&[&files[0], &files[1], &files[2]]).kill9();
    }
    loop {
        // With nothing in the cache of compiled code a start takes a while.
        for name in place.listing("cache") {
            fs::remove_file(place.home("cache").join(name)).expect("losing the cache costs time only");
        }
        let host = Host::launch(place, &[]);
        let phase = || {
            let record: serde_json::Value = serde_json::from_slice(&fs::read(place.home("status.json")).ok()?).ok()?;
            (record["pid"] == host.pid()).then(|| (record["phase"] == "starting" && record["step"].is_string(), record))
        };
        eventually("it says who it is", phase);
        let (starting, _) = eventually("a step or the end of the start", || {
            phase().filter(|(starting, record)| *starting || record["phase"] != "starting")
        });
        host.signal(Signal::STOP);
        // It may have come further between the look and the signal.
        if starting && phase().is_some_and(|(starting, _)| starting) {
            return host;
        }
        host.kill9();
    }
}

fn assert_opaque_nowhere(text: &str) {
    for opaque in ["[object", "Error {", "Problem {", "Some(", "StoreError"] {
        assert!(!text.contains(opaque), "`{opaque}` in:\n{text}");
    }
}
