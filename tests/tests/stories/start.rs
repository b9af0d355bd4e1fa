//! `start` and `stop`: a host in the background, begun, heard, and ended.

use std::fs;
use std::path::Path;

use ocap_tests::{Background, Halted, Place, eventually};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

#[test]
fn start_answers_as_run_does_when_the_host_serves_and_leaves_it_in_the_background() {
    let place = Place::new();
    let host = Background::on(&place);
    let counter = place.sample("counter");
    let started = host.start(&[&counter.file()]).expect(0);
    let ready = started.json();
    assert_eq!((&ready["$type"], &ready["vats"], &ready["quarantined"]), (&json!("ready"), &json!(1), &json!(0)));
    assert_eq!(started.stderr, "", "nobody at a terminal watches");
    // It is a session of its own, away from the terminal and from whoever started it.
    let pid = host.pid().expect("it runs");
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let fields: Vec<&str> = stat.rsplit_once(')').expect("a name").1.split_ascii_whitespace().collect();
    let (group, session, terminal) = (fields[2], fields[3], fields[4]);
    assert_eq!((group, session, terminal), (&*pid.to_string(), &*pid.to_string(), "0"));
    assert_eq!(fs::read_link(format!("/proc/{pid}/fd/0")).expect("a stdin"), Path::new("/dev/null"));
    assert_eq!(fs::read_link(format!("/proc/{pid}/fd/2")).expect("a stderr"), place.home("host.err"));
    assert_eq!(place.call("counter", "increment", &["2"]), 2);
    let stopped = place.ocap(&["stop"]).expect(0).json();
    assert_eq!(stopped, json!({ "$type": "stopped", "pid": pid, "by": "request" }));
    host.wait_until_gone();
    assert!(!place.home("control.sock").exists());
    // And again, with what it was launched with.
    host.start(&[]).expect(0);
    assert_eq!(place.call("counter", "get", &[]), 2);
    place.ocap(&["stop"]).expect(0);
}

#[test]
fn start_of_what_runs_already_says_who_is_there() {
    let place = Place::new();
    let host = Background::on(&place);
    host.start(&[]).expect(0);
    let pid = host.pid().expect("it runs");
    let refused = host.start(&[]).expect(5);
    let problem = refused.problem("ocap::daemon::locked");
    let who = format!("process {pid}, ready for ");
    assert!(problem["message"].as_str().is_some_and(|message| message.contains(&who)), "{problem}");
    assert_eq!(refused.stdout, "");
    assert_eq!(host.pid(), Some(pid), "the first has not noticed");
    place.ocap(&["stop"]).expect(0);
}

#[test]
fn start_tells_of_a_quarantined_vat_and_says_so_by_its_status() {
    let place = Place::new();
    let counter = place.sample("counter");
    counter.link("counter");
    place.run(&[&counter.file()]).kill9();
    counter.move_away("counter");
    let host = Background::on(&place);
    let started = host.start(&[]).expect(3);
    assert_eq!(started.json()["quarantined"], 1);
    started.problem("ocap::component::missing");
    // The host before died without a word, and nobody else has said so.
    let died = started.problem("ocap::daemon::died_before");
    assert!(died["message"].as_str().is_some_and(|message| message.contains("died while it was ready")), "{died}");
    assert!(place.log().iter().any(|line| line["code"] == "ocap::daemon::died_before"));
    place.ocap(&["stop"]).expect(0);
}

#[test]
fn start_repeats_the_hosts_own_diagnostic_with_its_place_in_the_text() {
    let place = Place::new();
    let counter = place.sample("counter");
    counter.replace("bootstrap", "bootsrap");
    let foreground = place.try_run(&[&counter.file()]).expect(1).problems().remove(0);
    let host = Background::on(&place);
    let mut background = host.start(&[&counter.file()]).expect(1).problems().remove(0);
    // The same, but for the last cause, which says who said it and where its log is.
    let log = place.home("log").display().to_string();
    let last = background["causes"].as_array_mut().and_then(Vec::pop).expect("a cause");
    assert!(
        last.as_str().is_some_and(|last| last.contains("which ended with status 1") && last.contains(&log)),
        "{last}"
    );
    if background["causes"] == json!([]) {
        background.as_object_mut().expect("an object").remove("causes");
    }
    assert_eq!(background, foreground);
    assert!(background["span"].is_object(), "{background}");
    let people = place.ocap(&["start", "--format", "text", &counter.word()]).expect(1).stderr;
    assert!(people.contains("bootsrap") && people.contains(&log), "{people}");
}

#[test]
fn control_c_ends_the_waiting_and_not_the_host() {
    let place = Place::new();
    place.run(&[]).kill9();
    let pipe = place.hold_at_host_toml();
    let host = Background::on(&place);
    let starting = host.begin(&[]);
    eventually("it waits for its configuration", || (host.record()?["step"] == "load the kernel").then_some(()));
    let pid = host.pid().expect("it runs");
    kill_process(Pid::from_raw(i32::try_from(pid).expect("a pid")).expect("a pid"), Signal::WINCH).expect("it runs");
    kill_process(Pid::from_raw(i32::try_from(starting.pid()).expect("a pid")).expect("a pid"), Signal::INT)
        .expect("it runs");
    let left = starting.done().expect(130).problem("ocap::daemon::still_starting");
    assert!(left["message"].as_str().is_some_and(|message| message.contains("goes on")), "{left}");
    assert_eq!(host.pid(), Some(pid));
    pipe.release();
    eventually("it serves", || (place.status()["phase"] == "ready").then_some(()));
    place.ocap(&["stop"]).expect(0);
}

#[test]
fn a_start_that_takes_long_is_waited_for_and_says_what_it_waits_for() {
    let place = Place::new();
    place.run(&[]).kill9();
    let pipe = place.hold_at_host_toml();
    let host = Background::on(&place);
    let starting = host.begin(&[]);
    eventually("it waits for its configuration", || (host.record()?["step"] == "load the kernel").then_some(()));
    host.signal(Signal::STOP);
    let told = starting.hear("ocap::daemon::still_starting");
    let message = told["message"].as_str().expect("a message");
    assert!(message.contains("starting (load the kernel) for "), "{told}");
    assert!(told["causes"].to_string().contains("halted"), "{told}");
    host.signal(Signal::CONT);
    pipe.release();
    assert_eq!(starting.done().expect(0).json()["$type"], "ready");
    place.ocap(&["stop"]).expect(0);
}

#[test]
fn a_host_that_hangs_while_it_starts_shows_its_step_and_age_and_stops_when_it_is_told_to() {
    let place = Place::new();
    place.run(&[]).kill9();
    let _pipe = place.hold_at_host_toml();
    let host = Background::on(&place);
    let starting = host.begin(&[]);
    eventually("it waits for its configuration", || (host.record()?["step"] == "load the kernel").then_some(()));
    let status = place.status();
    assert_eq!((&status["phase"], &status["step"]), (&json!("starting"), &json!("load the kernel")));
    eventually("its age grows", || (place.status()["for_ms"].as_u64()? > 50).then_some(()));
    let text = place.ocap(&["status", "--format", "text"]).expect(0).stdout;
    assert!(text.starts_with("starting (load the kernel) for "), "{text}");
    // The thread that starts waits for a disk (here: a pipe) that does not answer. The rest of the host does answer.
    place.ocap(&["stop"]).expect(0);
    host.wait_until_gone();
    let told = starting.done().expect(1).problem("ocap::daemon::died");
    assert!(
        told["message"].as_str().is_some_and(|message| message.contains("told to stop before it served")),
        "{told}"
    );
    assert_eq!(place.ocap(&["status"]).expect(4).problem("ocap::daemon::unreachable")["causes"], json!(null));
}

#[test]
fn stop_with_force_ends_a_host_that_answers_nobody() {
    let place = Place::new();
    let host = Background::on(&place);
    host.start(&[]).expect(0);
    let pid = host.pid().expect("it runs");
    host.signal(Signal::STOP);
    let killed = place.ocap(&["stop", "--force"]).expect(0).json();
    assert_eq!(killed, json!({ "$type": "stopped", "pid": pid, "by": "sigkill" }));
    host.wait_until_gone();
    // What it left is in nobody's way.
    host.start(&[]).expect(0);
    let stopped = place.ocap(&["stop", "--force"]).expect(0).json();
    assert_eq!(stopped["by"], "sigterm");
    assert!(!place.home("control.sock").exists());
    place.ocap(&["stop", "--force"]).expect(4).problem("ocap::daemon::unreachable");
}

#[test]
fn stop_with_force_never_touches_a_process_that_does_not_hold_the_lock() {
    let place = Place::new();
    let host = place.run(&[]);
    assert_eq!(host.stop(&place), 0);
    // A living process, unmistakably itself, in the record of a host that is said to serve.
    let mut record: serde_json::Value =
        serde_json::from_slice(&fs::read(place.home("status.json")).expect("a record")).expect("JSON");
    let stat = fs::read_to_string("/proc/self/stat").expect("this process");
    let started = stat.rsplit_once(')').expect("a name").1.split_ascii_whitespace().nth(19).expect("a field");
    record["pid"] = json!(std::process::id());
    record["started_ticks"] = json!(started.parse::<u64>().expect("a number"));
    record["phase"] = json!("ready");
    fs::write(place.home("status.json"), record.to_string()).expect("written");
    place.ocap(&["stop", "--force"]).expect(4).problem("ocap::daemon::unreachable");
    // A host that does start is told that somebody is there who says so of himself, and leaves him alone.
    place.try_run(&[]).expect(5).problem("ocap::daemon::locked");
}

#[test]
fn a_question_to_a_host_that_is_halted_is_answered_with_who_holds_the_home() {
    let place = Place::new();
    let host = place.run(&[&place.sample("counter").file()]);
    host.signal(Signal::STOP);
    let asked = [["status"], ["ps"]].map(|words| place.begin(&words));
    for asked in asked {
        let problem = asked.done().expect(4).problem("ocap::daemon::unreachable");
        assert!(problem["message"].as_str().is_some_and(|said| said.contains(&host.pid().to_string())), "{problem}");
    }
    host.signal(Signal::CONT);
    place.ocap(&["status"]).expect(0);
}

#[test]
fn a_question_whose_answer_takes_long_is_answered_all_the_same() {
    let place = Place::new();
    let host = place.run(&[&place.sample("counter").file()]);
    let halted = Halted::thread(host.pid(), "kernel");
    let asked = place.begin(&["ps"]);
    // Longer than the client waits before it sees whether anybody is there.
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    drop(halted);
    assert_eq!(asked.done().expect(0).json()["vats"][0]["vat"], "counter/counter");
}
