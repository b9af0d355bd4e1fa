//! A vat that does what it must not harms itself, and nobody else.

use ocap_tests::{Host, Place};
use serde_json::json;

use crate::scenes::{long_spinner, queued};

/// The misbehaver beside a counter that knows nothing of it.
fn neighbours() -> (Place, Host) {
    let place = Place::new();
    let host = place.run(&[&place.sample("misbehaver").file(), &place.sample("counter").file()]);
    assert_eq!(place.call("counter", "increment", &["1"]), 1);
    (place, host)
}

/// The misbehaver lives, its neighbour never noticed, and nothing is degraded.
fn all_is_well(place: &Place) {
    assert_eq!(place.call("misbehaver", "alive", &[]), true);
    assert_eq!(place.call("counter", "get", &[]), 1);
    assert_eq!(place.vat("counter", "counter")["incarnation"], 1);
    place.ocap(&["status"]).expect(0);
}

#[test]
fn a_trap_costs_one_message_and_leaves_the_durable_state_before_it() {
    let (place, host) = neighbours();
    assert_eq!(place.call("misbehaver", "grow", &["1"]), 1);
    assert_eq!(place.call("misbehaver", "deeds", &[]), 1);
    let before = place.vat("misbehaver", "misbehaver")["incarnation"].as_u64().expect("a number");
    // Before it trapped it had counted a deed and sent a message to itself: neither has happened.
    assert_eq!(place.call_fails("misbehaver", "trap", &[]), "vat-trapped");
    assert_eq!(place.call("misbehaver", "deeds", &[]), 1);
    assert_eq!(place.vat("misbehaver", "misbehaver")["incarnation"], before + 1);
    // The heap is a new one.
    assert_eq!(place.call("misbehaver", "grow", &["1"]), 1);
    all_is_well(&place);
    // The operator sees why, the caller did not.
    let log = place.log();
    assert!(log.iter().any(|line| line["vat"] == "misbehaver/misbehaver" && line.to_string().contains("on purpose")));
    host.kill9();
    let _host = place.run(&[]);
    assert_eq!(place.call("misbehaver", "deeds", &[]), 2);
}

#[test]
fn g2_an_endless_loop_is_cut_off_while_other_vats_go_on() {
    let place = Place::new();
    let _host = place.run(&[&long_spinner(&place).file(), &place.sample("counter").file()]);
    let mut spinning = place.begin(&["call", "misbehaver", "spin"]);
    queued(&place, "misbehaver", "misbehaver", 1);
    assert_eq!(place.call("counter", "increment", &["1"]), 1);
    assert!(spinning.runs(), "the counter has answered meanwhile");
    let outcome = spinning.done().expect(1).json();
    assert_eq!((&outcome["$type"], &outcome["code"]), (&json!("failed"), &json!("vat-trapped")));
    all_is_well(&place);
}

#[test]
fn as_many_endless_loops_as_there_are_workers_do_not_stop_the_others_for_good() {
    let place = Place::new();
    let spinners: Vec<_> = (0..4).map(|n| place.sample_as("misbehaver", &format!("spinner{n}"))).collect();
    let files: Vec<_> = spinners.iter().map(ocap_tests::Sample::file).collect();
    let counter = place.sample("counter").file();
    let mut paths: Vec<_> = files.iter().map(std::path::PathBuf::as_path).collect();
    paths.push(&counter);
    let _host = place.run(&paths);
    let spinning: Vec<_> = (0..4).map(|n| place.begin(&["call", &format!("spinner{n}"), "spin"])).collect();
    assert_eq!(place.call("counter", "increment", &["1"]), 1);
    for caller in spinning {
        assert_eq!(caller.done().expect(1).json()["code"], "vat-trapped");
    }
}

#[test]
fn g3_memory_over_the_limit_is_not_given() {
    let (place, _host) = neighbours();
    assert_eq!(place.call("misbehaver", "grow", &["1000000"]), 1_000_000);
    assert_eq!(place.call_fails("misbehaver", "grow", &["1000000000"]), "vat-trapped");
    assert_eq!(place.call("misbehaver", "deeds", &[]), 1);
    all_is_well(&place);
}

#[test]
fn memory_is_counted_over_all_cranks_of_a_heap() {
    let (place, _host) = neighbours();
    for megabytes in 1..=50 {
        assert_eq!(place.call("misbehaver", "grow", &["1000000"]), megabytes * 1_000_000);
    }
    let code = (0..30).find_map(|_| {
        let done = place.ocap(&["call", "misbehaver", "grow", "1000000"]);
        (done.status == 1).then(|| done.json()["code"].clone())
    });
    assert_eq!(code, Some(json!("vat-trapped")), "64 MiB is the limit");
    all_is_well(&place);
}

#[test]
fn a_flood_of_log_lines_is_cut_short_in_the_log() {
    let (place, _host) = neighbours();
    // Over 10 MB, were all of it written.
    assert_eq!(place.call("misbehaver", "flood", &["100000"]), json!(null));
    let log = place.home("log").metadata().expect("a log").len();
    assert!(log < 1 << 20, "the log has {log} bytes");
    all_is_well(&place);
}

#[test]
fn a_storm_within_the_limit_is_delivered_and_one_beyond_it_is_undone() {
    let (place, _host) = neighbours();
    assert_eq!(place.call("misbehaver", "storm", &["1000"]), json!(null));
    assert_eq!(place.call_fails("misbehaver", "storm", &["100000"]), "vat-trapped");
    queued(&place, "misbehaver", "misbehaver", 0);
    all_is_well(&place);
}

#[test]
fn nothing_can_be_forged() {
    let (place, _host) = neighbours();
    // It stops at the first thing that is a broken rule, in a crank after the one that was asked.
    assert_eq!(place.call_fails("misbehaver", "forge", &[]), "incarnation-lost");
    all_is_well(&place);
    assert_eq!(place.call_fails("misbehaver", "forge_resolver", &[]), "vat-trapped");
    assert_eq!(place.call_fails("misbehaver", "forge_lifetime", &[]), "vat-trapped");
    assert_eq!(place.call_fails("misbehaver", "forge_size", &["2000000"]), "vat-trapped");
    all_is_well(&place);
}

#[test]
fn an_error_that_looks_like_the_kernels_is_told_apart_from_it() {
    let (place, _host) = neighbours();
    let answer = place.ocap(&["call", "misbehaver", "forge_code"]).expect(1).json();
    assert_eq!(answer["$type"], "broken", "{answer}");
    assert_eq!(answer["error"]["$error"]["name"], "vat-terminated");
}

#[test]
fn what_is_not_cbor_is_the_callees_error_and_not_the_hosts() {
    let (place, _host) = neighbours();
    let answer = place.ocap(&["call", "misbehaver", "forge_body"]).expect(1).json();
    assert_eq!(answer["$type"], "broken", "{answer}");
    let answer = place.ocap(&["call", "misbehaver", "forge_capability"]).expect(1).json();
    assert_eq!(answer["$type"], "broken", "{answer}");
    all_is_well(&place);
}
