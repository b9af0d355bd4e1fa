//! A call under a key is done once, however often it is asked for and whatever happens between.

use std::thread::{scope, sleep};
use std::time::Duration;

use ocap_tests::{Place, eventually};
use serde_json::json;

use crate::scenes::queued;

#[test]
fn the_same_call_with_the_same_key_is_done_once_and_has_the_recorded_answer() {
    let place = Place::new();
    let host = place.run(&[&place.sample("counter").file()]);
    let once = ["call", "counter", "increment", "3", "--key", "order-17"];
    assert_eq!(place.ocap(&once).expect(0).json()["value"], 3);
    assert_eq!(place.call("counter", "increment", &["1"]), 4);
    assert_eq!(place.ocap(&once).expect(0).json()["value"], 3, "as it was recorded");
    host.kill9();
    let host = place.run(&[]);
    assert_eq!(place.ocap(&once).expect(0).json()["value"], 3);
    assert_eq!(host.stop(&place), 0);
    let _host = place.run(&[]);
    assert_eq!(place.ocap(&once).expect(0).json()["value"], 3);
    assert_eq!(place.call("counter", "get", &[]), 4);
}

#[test]
fn a_key_stands_for_one_target_method_and_arguments() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("counter").file(), &place.sample("echo").file()]);
    assert_eq!(place.ocap(&["call", "counter", "increment", "3", "--key", "k"]).expect(0).json()["value"], 3);
    for other in [
        ["call", "counter", "increment", "4", "--key", "k"],
        ["call", "counter", "decrement", "3", "--key", "k"],
        ["call", "counter/counter", "increment", "3", "--key", "k"],
        ["call", "echo", "increment", "3", "--key", "k"],
    ] {
        place.ocap(&other).expect(1).problem("ocap::call::key_reused");
    }
    assert_eq!(place.ocap(&["call", "counter", "increment", "4", "--key", "other"]).expect(0).json()["value"], 7);
    place.ocap(&["call", "counter", "get", "--key", ""]).expect(2).problem("ocap::usage::key");
    place.ocap(&["call", "nobody", "get", "--key", "n"]).expect(1).problem("ocap::target::unknown");
}

#[test]
fn errors_are_recorded_too_each_with_its_kind() {
    let place = Place::new();
    let host = place.run(&[&place.sample("misbehaver").file(), &place.sample("counter").file()]);
    let trap = ["call", "misbehaver", "trap", "--key", "t"];
    let nonsense = ["call", "counter", "increment", "\"much\"", "--key", "b"];
    let before = [&trap[..], &nonsense].map(|args| place.ocap(args).expect(1).json());
    assert_eq!((&before[0]["$type"], &before[0]["code"]), (&json!("failed"), &json!("vat-trapped")));
    assert_eq!(before[1]["$type"], "broken");
    host.kill9();
    let _host = place.run(&[]);
    let after = [&trap[..], &nonsense].map(|args| place.ocap(args).expect(1).json());
    assert_eq!((&after[0]["$type"], &after[0]["code"]), (&before[0]["$type"], &before[0]["code"]));
    assert_eq!(after[1], before[1]);
}

#[test]
fn who_asks_again_for_an_unfinished_call_waits_for_its_one_answer_also_over_a_kill() {
    let place = Place::new();
    let counter = place.sample("counter");
    counter.link("counter");
    place.run(&[&counter.file()]).kill9();
    counter.move_away("counter");
    let host = place.run(&[]);
    let once = ["call", "counter", "increment", "5", "--key", "k"];
    let first = place.begin(&once);
    queued(&place, "counter", "counter", 1);
    let mut second = place.begin(&once);
    host.kill9();
    first.done().expect(1);
    // It may have come before the kill, or not have been heard at all.
    second.runs();
    drop(second);
    let _host = place.run(&[]);
    let third = place.begin(&once);
    let fourth = place.begin(&once);
    queued(&place, "counter", "counter", 1);
    counter.move_back("counter");
    for waiting in [third, fourth] {
        assert_eq!(waiting.done().expect(0).json()["value"], 5);
    }
    assert_eq!(place.call("counter", "get", &[]), 5);
}

#[test]
fn a_client_that_repeats_each_call_until_it_is_answered_counts_each_once_through_kills() {
    let place = Place::new();
    let mut host = place.run(&[&place.sample("counter").file()]);
    for round in 0..12_u64 {
        let key = format!("round-{round}");
        let once = ["call", "counter", "increment", "1", "--key", &key];
        let calling = place.begin(&once);
        // Later and later, around the time at which the call is accepted, done and answered.
        sleep(Duration::from_millis(round * 2));
        host.kill9();
        let heard = calling.done();
        host = place.run(&[]);
        let answer = place.ocap(&once).expect(0).json()["value"].clone();
        assert_eq!(answer, round + 1);
        if heard.status == 0 {
            assert_eq!(heard.json()["value"], answer);
        }
    }
    assert_eq!(place.call("counter", "get", &[]), 12);
}

#[test]
fn many_who_ask_at_once_share_one_call() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("counter").file()]);
    scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let done = place.ocap(&["call", "counter", "increment", "1", "--key", "k"]);
                assert_eq!(done.expect(0).json()["value"], 1);
            });
        }
    });
    assert_eq!(place.call("counter", "get", &[]), 1);
}

#[test]
fn a_call_that_does_not_wait_is_durable_when_it_is_acknowledged() {
    let place = Place::new();
    let mut host = place.run(&[&place.sample("counter").file()]);
    let mut sent = 0;
    for round in 0..4 {
        for _ in 0..5 {
            let accepted = place.ocap(&["call", "counter", "increment", "1", "--no-wait"]).expect(0);
            assert_eq!(accepted.json(), json!({ "$type": "accepted" }), "round {round}");
            sent += 1;
        }
        host.kill9();
        host = place.run(&[]);
    }
    eventually("all of them are counted", || (place.call("counter", "get", &[]) == sent).then_some(()));
    // With a key its answer can be had afterwards.
    let later = ["call", "counter", "increment", "1", "--key", "later"];
    let accepted = place.ocap(&[&later[..], &["--no-wait"]].concat()).expect(0).json();
    assert_eq!(accepted["$type"], "accepted");
    assert_eq!(place.ocap(&later).expect(0).json()["value"], sent + 1);
    place.ocap(&["call", "counter", "get", "--no-wait", "--timeout", "1s"]).expect(2);
}

#[test]
fn a_time_out_ends_the_waiting_and_not_the_call() {
    let place = Place::new();
    let counter = place.sample("counter");
    counter.link("counter");
    place.run(&[&counter.file()]).kill9();
    counter.move_away("counter");
    let _host = place.run(&[]);
    let once = ["call", "counter", "increment", "5", "--key", "k"];
    let late = place.ocap(&[&once[..], &["--timeout", "50ms"]].concat()).expect(1);
    assert!(late.problem("ocap::call::timeout")["help"].as_str().is_some_and(|help| help.contains("--key")));
    counter.move_back("counter");
    assert_eq!(place.ocap(&once).expect(0).json()["value"], 5);
    assert_eq!(place.call("counter", "get", &[]), 5);
}
