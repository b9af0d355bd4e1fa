//! Streams: one vat yields, another takes, and neither runs ahead of the other.

use ocap_tests::{Place, eventually};
use serde_json::{Value, json};

fn source(place: &Place, method: &str) -> Value {
    place.call("stream/source", method, &[])
}

#[test]
fn ag1_a_vat_takes_what_another_yields_until_its_end() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("stream").file()]);
    assert_eq!(place.call("stream", "sum", &["100"]), 4_950);
    assert_eq!(place.call("stream", "sum", &["0"]), 0);
    assert_eq!(source(&place, "given"), 100);
    eventually("the streams have ended", || (source(&place, "running") == 0).then_some(()));
}

#[test]
fn ag1_an_error_of_the_one_who_yields_comes_after_what_was_yielded() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("stream").file()]);
    assert_eq!(place.call("stream", "until_broken", &["3"]), json!([[0, 1, 2], "out-of-numbers"]));
    assert_eq!(place.call("stream", "until_broken", &["0"]), json!([[], "out-of-numbers"]));
}

#[test]
fn ag1_who_yields_waits_when_it_is_a_window_ahead() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("stream").file()]);
    place.call("stream", "pause", &["10", "4"]);
    // It is asked for four at a time: those that were taken, and those that were asked for when the last was.
    let given = || source(&place, "given").as_u64().expect("a number");
    assert_eq!(eventually("it has given what it was asked for", || Some(given()).filter(|given| *given >= 13)), 13);
    for _ in 0..5 {
        source(&place, "running");
    }
    assert_eq!(given(), 13);
    assert_eq!(place.call("stream", "resume", &[]), 10);
    assert_eq!(eventually("it goes on", || Some(given()).filter(|given| *given > 13)), 14);
}

#[test]
fn ag1_who_yields_is_told_when_nobody_takes_any_more() {
    let place = Place::new();
    let host = place.run(&[&place.sample("stream").file()]);
    place.call("stream", "pause", &["3", "2"]);
    assert_eq!(source(&place, "running"), 1);
    place.call("stream", "let_go", &[]);
    eventually("its task is dropped", || (source(&place, "running") == 0).then_some(()));

    // The end of the incarnation of whoever takes is the same.
    place.call("stream", "pause", &["3", "2"]);
    assert_eq!(source(&place, "running"), 1);
    place.ocap(&["restart", "stream/reader"]).expect(0);
    eventually("its task is dropped", || (source(&place, "running") == 0).then_some(()));
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn ag1_a_stream_ends_with_an_error_when_the_vat_that_yields_is_gone() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("stream").file()]);
    place.call("stream", "pause", &["3", "1"]);
    place.ocap(&["restart", "stream/source"]).expect(0);
    let first = place.ocap(&["call", "stream", "resume"]).expect(1).json();
    let name = first["error"]["$error"]["name"].as_str().or(first["code"].as_str());
    assert_eq!(name, Some("incarnation-lost"), "{first}");
    assert_eq!(place.call("stream", "resume", &[]), Value::Null, "an error is the last that comes");
}
