//! What has ended leaves nothing behind: no descriptor, no thread, no memory (promise E13 of the study of reliability).
//!
//! As many rounds as CI has time for; with `OCAP_LEAKS=full` those of the promise, and the bound that it names.

use std::fs;

use ocap_tests::{Host, Place, eventually};
use serde_json::{Value, json};

/// How much is done.
struct Figures {
    /// Rounds before the first count: until then caches fill and pools grow.
    warm_up: usize,
    launches: usize,
    connections: usize,
    /// What memory may grow by in each round.
    bytes_per_round: usize,
}

/// What it may grow by once, whatever is done: an allocator gives back in large pieces, and the store's cache fills.
const BYTES_ONCE: usize = 4 << 20;

fn figures() -> Figures {
    match std::env::var("OCAP_LEAKS").as_deref() {
        Ok("full") => Figures { warm_up: 500, launches: 1_000, connections: 10_000, bytes_per_round: 1 << 10 },
        _ => Figures { warm_up: 50, launches: 200, connections: 2_000, bytes_per_round: 4 << 10 },
    }
}

/// What a process has of the system.
#[derive(Debug, Clone, Copy)]
struct Footprint {
    descriptors: usize,
    threads: usize,
    resident_bytes: usize,
}

fn footprint(host: &Host) -> Footprint {
    let of = |name: &str| format!("/proc/{}/{name}", host.pid());
    let count = |name: &str| fs::read_dir(of(name)).expect("it runs").count();
    let status = fs::read_to_string(of("status")).expect("it runs");
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("the system says it");
    let kibibytes: usize = resident.trim().trim_end_matches(" kB").parse().expect("a number");
    Footprint { descriptors: count("fd"), threads: count("task"), resident_bytes: kibibytes << 10 }
}

/// Does something again and again, and sees that the host has no more of the system afterwards than when it was warm.
fn leaves_nothing(host: &Host, (warm_up, rounds): (usize, usize), bytes_per_round: usize, mut round: impl FnMut()) {
    (0..warm_up).for_each(|_| round());
    let before = footprint(host);
    (0..rounds).for_each(|_| round());
    // Threads that wait for work that blocks go after a while.
    let after = eventually("as few descriptors and threads as before", || {
        let after = footprint(host);
        (after.descriptors <= before.descriptors && after.threads <= before.threads).then_some(after)
    });
    let grown = after.resident_bytes.saturating_sub(before.resident_bytes);
    eprintln!("{rounds} rounds: {before:?}, then {after:?}: {} bytes a round", grown / rounds);
    assert!(grown < BYTES_ONCE + rounds * bytes_per_round, "{before:?} {after:?}");
}

#[test]
fn launching_and_terminating_again_and_again_leaves_no_descriptor_no_thread_and_no_memory() {
    let place = Place::new();
    let host = place.run(&[]);
    let matcher = place.sample("matcher");
    let Figures { warm_up, launches, bytes_per_round, .. } = figures();
    let launch = json!({ "path": matcher.file() }).to_string();
    let terminate = json!({ "subcluster": "matcher" }).to_string();
    let mut http = place.http();
    leaves_nothing(&host, (warm_up, launches), bytes_per_round, || {
        let launched = http.ask("POST", "/v1/launch", "", &launch);
        assert_eq!(launched.json()["origin"], "new", "{}", launched.body);
        let mut client = place.client("run/llm.sock");
        let answer = client.ask(&json!({ "id": 1, "register": { "name": "lamp", "description": "it shines" } }));
        assert_eq!(answer, json!({ "id": 1, "ok": true }));
        let terminated = http.ask("POST", "/v1/terminate", "", &terminate);
        assert_eq!(terminated.status, 200, "{}", terminated.body);
        assert_eq!(client.receive(), None::<Value>, "its channel has ended");
    });
    let counts = place.ocap(&["doctor"]).expect(0).json()["counts"].clone();
    for what in ["subclusters", "awake", "idle", "ending", "promises", "queued"] {
        assert_eq!(counts[what], 0, "{counts}");
    }
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn connections_that_come_and_go_leave_no_descriptor_no_thread_and_no_memory() {
    let place = Place::new();
    let host = place.run(&[&place.sample("matcher").file()]);
    let Figures { warm_up, connections, bytes_per_round, .. } = figures();
    leaves_nothing(&host, (warm_up, connections), bytes_per_round, || {
        let mut client = place.client("run/llm.sock");
        let found = client.ask(&json!({ "id": 1, "find": "nothing of that kind" }));
        assert_eq!(found["found"], json!([]), "{found}");
    });
    assert_eq!(host.stop(&place), 0);
}
