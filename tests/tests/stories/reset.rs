//! PE3: after a reset everything begins anew.

use std::fs;
use std::os::unix::fs::FileTypeExt;

use ocap_tests::{Host, Place};
use serde_json::json;

/// A counter at 4, and a channel that clients can reach.
fn used(place: &Place) -> Host {
    let host = place.run(&[&place.sample("counter").file(), &place.sample("matcher").file()]);
    assert_eq!(place.call("counter", "increment", &["4"]), 4);
    host
}

/// The counter begins at nothing, in the first boot of a new kernel.
fn begins_anew(place: &Place) {
    let host = place.run(&[&place.home("../counter/subcluster.toml")]);
    assert_eq!(host.ready()["boot"], 1);
    assert_eq!(place.call("counter", "get", &[]), 0);
    assert_eq!(place.vat("counter", "counter")["id"], "v1");
    place.ocap(&["doctor"]).expect(0);
    assert_eq!(host.stop(place), 0);
}

#[test]
fn pe3_after_a_reset_the_counter_begins_anew_and_what_is_the_operators_stays() {
    let place = Place::new();
    let host = used(&place);
    let problem = place.ocap(&["reset", "--yes"]).expect(5).problem("ocap::daemon::locked");
    assert!(problem["help"].as_str().is_some_and(|help| help.contains("stop")), "{problem}");
    assert_eq!(host.stop(&place), 0);
    fs::write(place.home("host.toml"), "# mine\n").expect("the home is writable");
    let (log, cache) = (place.log(), place.listing("cache"));
    assert!(!cache.is_empty());

    let preview = place.ocap(&["reset"]).expect(2).problem("ocap::usage::unconfirmed");
    let said = preview["message"].as_str().expect("words");
    assert!(said.contains("counter, matcher") && said.contains("3 vats"), "{said}");
    let host = place.run(&[]);
    assert_eq!(place.call("counter", "get", &[]), 4, "nothing was done yet");
    assert_eq!(host.stop(&place), 0);

    let gone = place.ocap(&["reset", "--yes"]).expect(0).json();
    assert_eq!((&gone["subclusters"], &gone["vats"]), (&json!(["counter", "matcher"]), &json!(3)));
    assert_eq!(fs::read_to_string(place.home("host.toml")).expect("it is there"), "# mine\n");
    assert_eq!(place.log()[..log.len()], log);
    assert_eq!(place.listing("cache"), cache);
    begins_anew(&place);
}

#[test]
fn a_reset_leaves_nothing_of_a_host_that_was_killed() {
    let place = Place::new();
    used(&place).kill9();
    let socket = place.home("channels/run/llm.sock");
    assert!(fs::symlink_metadata(&socket).expect("a socket").file_type().is_socket());
    fs::write(place.home("channels/run/mine"), "not a socket").expect("the home is writable");
    place.ocap(&["reset", "--yes"]).expect(0);
    assert!(!socket.exists());
    assert!(place.home("channels/run/mine").exists(), "what is not the host's stays");
    let left = place.listing("");
    assert_eq!(left, ["apps", "cache", "cache-key", "channels", "lock", "log"]);
    begins_anew(&place);
    place.ocap(&["reset", "--yes"]).expect(0);
    place.ocap(&["reset", "--yes"]).expect(0);
    begins_anew(&place);
}

#[test]
fn a_reset_that_was_cut_off_after_its_first_step_left_a_fresh_kernel() {
    let place = Place::new();
    used(&place).kill9();
    for gone in ["witness", "store"] {
        fs::remove_file(place.home(gone)).expect("it is there");
    }
    assert!(place.home("store-wal").exists(), "the log of a killed host is left");
    begins_anew(&place);
}

#[test]
fn a_store_that_can_not_be_read_can_be_reset() {
    let place = Place::new();
    assert_eq!(used(&place).stop(&place), 0);
    fs::write(place.home("store"), b"spoiled").expect("the home is writable");
    let preview = place.ocap(&["reset"]).expect(2).problem("ocap::usage::unconfirmed");
    assert!(preview["message"].as_str().is_some_and(|said| said.contains("can't be read")), "{preview}");
    place.ocap(&["reset", "--yes"]).expect(0);
    begins_anew(&place);
}

#[test]
fn vats_that_begin_anew_do_not_draw_the_same_random_again() {
    let place = Place::new();
    assert_eq!(used(&place).stop(&place), 0);
    let before = fs::read(place.home("key")).expect("a key");
    place.ocap(&["reset", "--yes"]).expect(0);
    begins_anew(&place);
    assert_ne!(fs::read(place.home("key")).expect("a key"), before);
}

#[test]
fn there_is_nothing_to_reset_where_no_home_is() {
    let place = Place::new();
    place.ocap(&["reset", "--yes"]).expect(1).problem("ocap::home::absent");
}
