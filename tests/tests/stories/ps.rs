//! What each vat does and takes, as `ps` shows it.

use ocap_tests::{Place, eventually};
use serde_json::{Value, json};

use crate::scenes::{limited, long_spinner};

/// The line of a vat.
#[track_caller]
pub(crate) fn usage(place: &Place, vat: &str) -> Value {
    let ps = place.ocap(&["ps"]).json();
    let vats = ps["vats"].as_array().expect("a list");
    vats.iter().find(|usage| usage["vat"] == vat).unwrap_or_else(|| panic!("no {vat} in {ps}")).clone()
}

#[test]
fn ps_shows_what_a_vat_takes_and_how_much_it_may() {
    let place = Place::new();
    let _host = place.run(&[&limited(&place, "memory = \"8MiB\", mailbox = 7, store = \"1MiB\"").file()]);
    place.call("misbehaver", "grow", &["1000000"]);
    let misbehaver = usage(&place, "misbehaver/misbehaver");
    assert_eq!(misbehaver["id"], "v1");
    assert_eq!(misbehaver["state"], "awake");
    assert_eq!(misbehaver["incarnation"], 1);
    let memory = misbehaver["memory_bytes"].as_u64().expect("a number");
    assert!((1 << 20..=8 << 20).contains(&memory), "{misbehaver}");
    assert_eq!(misbehaver["memory_max_bytes"], 8 << 20);
    assert_eq!(misbehaver["store_max_bytes"], 1 << 20);
    assert_eq!((&misbehaver["queued"], &misbehaver["mailbox_max"]), (&json!(0), &json!(7)));
    // Its start and the message.
    assert_eq!((&misbehaver["cranks"], &misbehaver["undone"]), (&json!(2), &json!(0)));
    assert!(misbehaver["busy_us"].as_u64() > Some(0), "{misbehaver}");
    assert!(misbehaver["awake_since_ms"].is_u64() && misbehaver["last_error"].is_null(), "{misbehaver}");
}

#[test]
fn ps_shows_the_last_error_with_its_time_and_goes_on_counting() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("misbehaver").file()]);
    let before = place.ocap(&["ps"]).json()["now_ms"].as_u64();
    assert_eq!(place.call_fails("misbehaver", "trap", &[]), "vat-trapped");
    let misbehaver = usage(&place, "misbehaver/misbehaver");
    assert_eq!((&misbehaver["cranks"], &misbehaver["undone"]), (&json!(2), &json!(1)));
    assert!(misbehaver["last_error"]["at_ms"].as_u64() >= before, "{misbehaver}");
    assert!(misbehaver["last_error"]["message"].as_str().is_some_and(|cause| !cause.is_empty()), "{misbehaver}");
    // A trap took its heap.
    assert_eq!((&misbehaver["state"], &misbehaver["memory_bytes"]), (&json!("idle"), &json!(0)));
    let text = place.ocap(&["ps", "--format", "text"]).expect(0).stdout;
    let line = text.lines().find(|line| line.starts_with("misbehaver/misbehaver")).expect("its line");
    assert!(line.contains(" ago: "), "{text}");
    assert!(text.contains("since boot 1"), "{text}");
}

#[test]
fn ps_shows_a_delivery_that_is_under_way_and_for_how_long() {
    let place = Place::new();
    let _host = place.run(&[&long_spinner(&place).file()]);
    let _caller = place.begin(&["call", "misbehaver", "spin"]);
    let running = eventually("the delivery", || {
        Some(usage(&place, "misbehaver/misbehaver")).filter(|usage| usage["running_ms"].as_u64() > Some(0))
    });
    assert_eq!(running["state"], "running");
    assert_eq!(running["queued"], 1, "the message is in the inbox until it is done");
}

#[test]
fn ps_shows_vats_out_of_memory_without_any_and_counts_since_the_boot() {
    let place = Place::new();
    let host = place.run(&[&place.sample("counter").file()]);
    place.call("counter", "increment", &["5"]);
    place.ocap(&["hibernate", "counter/counter"]).expect(0);
    let counter = usage(&place, "counter/counter");
    assert_eq!((&counter["state"], &counter["memory_bytes"]), (&json!("idle"), &json!(0)));
    assert!(counter["awake_since_ms"].is_null(), "{counter}");
    assert_eq!(counter["cranks"], 2);
    assert_eq!(counter["store_entries"], 1);
    host.kill9();
    let _host = place.run(&[]);
    let ps = place.ocap(&["ps"]).expect(0).json();
    assert_eq!(ps["boot"], 2);
    let counter = &ps["vats"][0];
    assert_eq!((&counter["cranks"], &counter["busy_us"]), (&json!(0), &json!(0)));
    assert!(counter["store_bytes"].is_null(), "nobody has looked: {counter}");
}

#[test]
fn ps_says_of_a_quarantined_vat_why_and_ends_with_3() {
    let place = Place::new();
    let counter = place.sample("counter");
    counter.link("counter");
    place.run(&[&counter.file()]).kill9();
    counter.move_away("counter");
    let _host = place.run(&[]);
    let ps = place.ocap(&["ps"]).expect(3).json();
    let vat = &ps["vats"][0];
    assert_eq!(vat["state"], "quarantined");
    assert_eq!(vat["last_error"]["problem"]["code"], "ocap::component::missing");
    assert!(vat["memory_max_bytes"].is_null(), "its limits are not known to the engine: {vat}");
}

#[test]
fn ps_is_of_one_subcluster_and_in_the_order_that_is_asked_for() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("matcher").file(), &place.sample("counter").file()]);
    for amount in ["1", "2", "3"] {
        place.call("counter", "increment", &[amount]);
    }
    let names = |args: &[&str]| -> Vec<Value> {
        let ps = place.ocap(&[&["ps"], args].concat()).expect(0).json();
        ps["vats"].as_array().expect("a list").iter().map(|vat| vat["vat"].clone()).collect()
    };
    assert_eq!(names(&["matcher"]), ["matcher/index", "matcher/matcher"]);
    assert_eq!(names(&["--sort", "name"]), ["counter/counter", "matcher/index", "matcher/matcher"]);
    assert_eq!(names(&["--sort", "cranks"])[0], "counter/counter");
    let problem = place.ocap(&["ps", "mather"]).expect(1).problem("ocap::target::unknown");
    assert!(problem["help"].as_str().is_some_and(|help| help.contains("matcher")), "{problem}");
    place.ocap(&["ps", "a/b"]).expect(2).problem("ocap::usage::subcluster");
    place.ocap(&["ps", "--sort", "beauty"]).expect(2);
}

#[test]
fn status_says_how_long_the_host_runs_and_how_much_there_is() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("matcher").file()]);
    let status = place.status();
    let figures = &status["figures"];
    assert_eq!(figures["vats"]["awake"], 2, "{status}");
    assert_eq!((&figures["subclusters"], &figures["channels_open"]), (&json!(1), &json!(1)));
    for figure in ["store_bytes", "resident_bytes", "heap_bytes", "uptime_ms"] {
        assert!(figures[figure].as_u64() > Some(0), "{figure}: {figures}");
    }
    let text = place.ocap(&["status", "--format", "text"]).expect(0).stdout;
    assert!(text.lines().any(|line| line.starts_with("up ") && line.contains("2 awake")), "{text}");
}
