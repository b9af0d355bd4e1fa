//! What a `kill -9` can't undo, and what it ends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use ocap_tests::{Place, eventually};
use serde_json::json;

#[test]
fn messages_to_a_quarantined_vat_that_were_in_its_queue_at_the_kill_are_processed_after_it() {
    let place = Place::new();
    let counter = place.sample("counter");
    counter.link("counter");
    place.run(&[&counter.file()]).kill9();
    counter.move_away("counter");

    let host = place.run(&[]);
    let callers: Vec<_> = (0..3).map(|_| place.begin(&["call", "counter", "increment", "1"])).collect();
    eventually("all are in the queue", || (place.vat("counter", "counter")["queued"] == 3).then_some(()));
    host.kill9();
    for caller in callers {
        caller.done().expect(1).problem("ocap::daemon::broken_off");
    }

    counter.move_back("counter");
    let _host = place.run(&[]);
    // This call came last, so it is answered last.
    assert_eq!(place.call("counter", "get", &[]), 3);
}

#[test]
fn messages_to_a_busy_vat_that_were_in_its_queue_at_the_kill_are_processed_after_it() {
    let place = Place::new();
    let host = place.run(&[&place.sample("misbehaver").file()]);
    let _spinning = place.begin(&["call", "misbehaver", "spin"]);
    let queued = |messages: u64| {
        eventually("the queue", || (place.vat("misbehaver", "misbehaver")["queued"] == messages).then_some(()));
    };
    queued(1);
    let _behind: Vec<_> = (0..3).map(|_| place.begin(&["call", "misbehaver", "grow", "1"])).collect();
    queued(4);
    host.kill9();
    let _host = place.run(&[]);
    // The message that span is delivered again first, and is cut off again; those behind it are not harmed.
    assert_eq!(place.call("misbehaver", "deeds", &[]), 3);
}

#[test]
fn a_promise_that_was_pending_at_the_kill_is_broken_with_a_code() {
    let place = Place::new();
    let host = place.run(&[&place.sample("pingpong").file()]);
    assert_eq!(place.call("pingpong", "ask_later", &[]), json!(null));
    assert_eq!(place.call("pingpong", "heard", &[]), json!(null), "the answer is still to come");
    // Ended well: pong has taken the message and waits.
    assert_eq!(place.call("pingpong/pong", "pong", &[]), json!(null));
    host.kill9();
    let _host = place.run(&[]);
    let heard = eventually("the end of the promise", || {
        Some(place.call("pingpong", "heard", &[])).filter(|heard| !heard.is_null())
    });
    assert_eq!(heard["broken"]["name"], "incarnation-lost", "{heard}");
}

#[test]
fn a_call_that_was_in_flight_at_the_kill_ends_with_an_error() {
    let place = Place::new();
    let host = place.run(&[&place.sample("pingpong").file()]);
    let mut caller = place.begin(&["call", "pingpong/pong", "hold"]);
    eventually("pong holds it", || (place.vat("pingpong", "pong")["state"] == "awake").then_some(()));
    assert!(caller.runs(), "it is not answered");
    host.kill9();
    let problem = caller.done().expect(1).problem("ocap::daemon::broken_off");
    assert!(problem["help"].as_str().is_some_and(|help| help.contains("ocap-host status")), "{problem}");
}

#[test]
fn a_call_that_is_in_flight_at_a_stop_is_told_so() {
    let place = Place::new();
    let host = place.run(&[&place.sample("pingpong").file()]);
    let caller = place.begin(&["call", "pingpong/pong", "hold"]);
    eventually("pong holds it", || (place.vat("pingpong", "pong")["state"] == "awake").then_some(()));
    assert_eq!(host.stop(&place), 0);
    caller.done().expect(1).problem("ocap::daemon::stopping");
}

#[test]
fn an_acknowledged_increment_survives_every_kill() {
    let place = Place::new();
    let mut host = place.run(&[&place.sample("counter").file()]);
    let (mut acknowledged, mut sent) = (0, 0);
    for round in 0..ROUNDS {
        let seen = increments_until_killed(&place, host, round);
        acknowledged += seen.acknowledged;
        sent += seen.sent;
        host = place.run(&[]);
        let count = place.call("counter", "get", &[]).as_u64().expect("a number");
        assert!((acknowledged..=sent).contains(&count), "round {round}: {acknowledged} <= {count} <= {sent}");
        // What was sent and not acknowledged has happened or will never happen.
        (acknowledged, sent) = (count, count);
    }
}

const ROUNDS: u64 = 20;

/// Connections that increment at the same time, so that several cranks share a commit.
const CLIENTS: u64 = 3;

struct Seen {
    acknowledged: u64,
    sent: u64,
}

/// Kills the host when some number of increments were acknowledged, another one in each round.
fn increments_until_killed(place: &Place, host: ocap_tests::Host, round: u64) -> Seen {
    let enough = round * 7919 % 101;
    let (acknowledged, sent) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            let mut wire = place.wire();
            let (acknowledged, sent) = (&acknowledged, &sent);
            scope.spawn(move || {
                loop {
                    sent.fetch_add(1, Ordering::SeqCst);
                    match wire.call("counter", "increment", &[json!(1)]) {
                        Ok(outcome) => assert_eq!(outcome["$type"], "value", "{outcome}"),
                        Err(_) => return,
                    }
                    acknowledged.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        eventually("enough increments", || (acknowledged.load(Ordering::SeqCst) >= enough).then_some(()));
        host.kill9();
    });
    Seen { acknowledged: acknowledged.into_inner(), sent: sent.into_inner() }
}
