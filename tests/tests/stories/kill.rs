//! What a `kill -9` can't undo, and what it ends.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use ocap_tests::{Host, Place, eventually};
use serde_json::json;

use crate::scenes::{call_that_is_held, long_spinner, queued};

#[test]
fn messages_to_a_quarantined_vat_that_were_in_its_queue_at_the_kill_are_processed_after_it() {
    let place = Place::new();
    let counter = place.sample("counter");
    counter.link("counter");
    place.run(&[&counter.file()]).kill9();
    counter.move_away("counter");

    let host = place.run(&[]);
    let callers: Vec<_> = (0..3).map(|_| place.begin(&["call", "counter", "increment", "1"])).collect();
    queued(&place, "counter", "counter", 3);
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
fn pe5_messages_to_a_busy_vat_that_were_in_its_queue_at_the_kill_are_processed_after_it() {
    let place = Place::new();
    let host = place.run(&[&long_spinner(&place).file()]);
    let _spinning = place.begin(&["call", "misbehaver", "spin"]);
    queued(&place, "misbehaver", "misbehaver", 1);
    let _behind: Vec<_> = (0..3).map(|_| place.begin(&["call", "misbehaver", "grow", "1"])).collect();
    queued(&place, "misbehaver", "misbehaver", 4);
    host.kill9();
    let _host = place.run(&[]);
    // The message that span is delivered again first, and is cut off again; those behind it are not harmed.
    assert_eq!(place.call("misbehaver", "deeds", &[]), 3);
}

#[test]
fn g4_a_promise_that_was_pending_at_the_kill_is_broken_with_a_code() {
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
    let (host, caller) = call_that_is_held(&place);
    host.kill9();
    let problem = caller.done().expect(1).problem("ocap::daemon::broken_off");
    assert!(problem["help"].as_str().is_some_and(|help| help.contains("ocap-host status")), "{problem}");
}

#[test]
fn a_call_that_is_in_flight_at_a_stop_is_told_so() {
    let place = Place::new();
    let (host, caller) = call_that_is_held(&place);
    assert_eq!(host.stop(&place), 0);
    caller.done().expect(1).problem("ocap::daemon::stopping");
}

#[test]
fn g1_an_acknowledged_increment_survives_every_kill() {
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
fn increments_until_killed(place: &Place, host: Host, round: u64) -> Seen {
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

#[test]
fn an_acknowledged_registration_survives_every_kill_and_keeps_its_place() {
    let place = Place::new();
    let mut host = place.run(&[&place.sample("matcher").file()]);
    let mut acknowledged: Vec<String> = Vec::new();
    for round in 0..ROUNDS {
        let mut client = place.client("run/llm.sock");
        // One after the other, so that their order is known; then one more, which may or may not come to be.
        for n in 0..round * 31 % 7 {
            let name = format!("thing{round}x{n}");
            let ok = client.ask(&json!({ "id": n, "register": { "name": name, "description": "of the room" } }));
            assert_eq!(ok, json!({ "id": n, "ok": true }));
            acknowledged.push(name);
        }
        let last = json!({ "id": 0, "register": { "name": format!("last{round}"), "description": "of the room" } });
        client.send(&last);
        host.kill9();
        host = place.run(&[]);
        let found = place.client("run/llm.sock").ask(&json!({ "id": 1, "find": "room" }));
        let found: Vec<&str> =
            found["found"].as_array().expect("names").iter().filter_map(|name| name.as_str()).collect();
        let things: Vec<_> = found.iter().filter(|name| name.starts_with("thing")).copied().collect();
        assert_eq!(things, acknowledged, "round {round}");
    }
}

#[test]
fn a_host_that_is_killed_again_and_again_while_it_starts_comes_up_with_everything() {
    let place = Place::new();
    let host = place.run(&[&place.sample("counter").file(), &place.sample("matcher").file()]);
    assert_eq!(place.call("counter", "increment", &["4"]), 4);
    let lamp = json!({ "id": 1, "register": { "name": "lamp", "description": "lights the room" } });
    assert_eq!(place.client("run/llm.sock").ask(&lamp), json!({ "id": 1, "ok": true }));
    host.kill9();
    for round in 0..30 {
        let host = Host::launch(&place, &[]);
        // Each time a little later: before the lock, in the middle of the start, after it.
        thread::sleep(Duration::from_millis(round * 2));
        host.kill9();
    }
    let host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 4);
    assert_eq!(
        place.client("run/llm.sock").ask(&json!({ "id": 2, "find": "room" })),
        json!({ "id": 2, "found": ["lamp"] })
    );
    assert_eq!(host.stop(&place), 0);
}
