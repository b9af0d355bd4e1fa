//! Capabilities as operators see them: references like `ko7`, answered and used again.

use ocap_tests::Place;
use serde_json::json;

#[test]
fn an_object_that_was_answered_can_be_called_by_its_reference_and_lasts_as_long_as_a_vat_keeps_it() {
    let place = Place::new();
    let host = place.run(&[&place.sample("lamps").file()]);
    let lamp = place.call("lamps/house", "lamp", &["hall"]);
    let reference = lamp["$cap"].as_str().expect("a reference").to_owned();
    assert_eq!(place.call(&reference, "percent", &[]), 0);
    assert_eq!(place.call("lamps", "press", &[]), 80);
    assert_eq!(place.call(&reference, "percent", &[]), 80);
    // Whoever asks again is given the same one.
    assert_eq!(place.call("lamps/house", "lamp", &["hall"]), lamp);
    assert_ne!(place.call("lamps/house", "lamp", &["cellar"]), lamp);
    host.kill9();

    let _host = place.run(&[]);
    assert_eq!(place.call(&reference, "percent", &[]), 80);
    assert_eq!(place.call("lamps", "press", &[]), 0);
    assert_eq!(place.call(&reference, "percent", &[]), 0);
    assert_eq!(place.call("lamps/house", "names", &[]), json!(["cellar", "hall"]));
    assert_eq!(place.call("lamps", "presses", &[]), 2);
}

#[test]
fn a_reference_passes_through_a_vat_and_comes_back_the_same() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("lamps").file(), &place.sample("echo").file()]);
    let lamp = place.call("lamps/house", "lamp", &["hall"]);
    assert_eq!(place.call("echo", "echo", &[&lamp.to_string()]), lamp);
    let nested = json!({ "lamps": [lamp, lamp] });
    assert_eq!(place.call("echo", "echo", &[&nested.to_string()]), nested);
}

#[test]
fn sv1_a_reference_that_nobody_gave_is_refused() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("lamps").file(), &place.sample("echo").file()]);
    for reference in ["ko4711", "kp4711"] {
        place.ocap(&["call", reference, "percent"]).expect(1).problem("ocap::target::unknown");
        let args = json!({ "$cap": reference }).to_string();
        let refused = place.ocap(&["call", "echo", "echo", &args]);
        assert_ne!(refused.status, 0, "{}", refused.stdout);
    }
}

#[test]
fn vl2_an_object_of_a_terminated_vat_is_gone() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("lamps").file(), &place.sample("echo").file()]);
    let lamp = place.call("lamps/house", "lamp", &["hall"]);
    let reference = lamp["$cap"].as_str().expect("a reference").to_owned();
    place.ocap(&["terminate", "lamps", "--yes"]).expect(0);
    let gone = place.ocap(&["call", &reference, "percent"]).expect(1);
    assert!(gone.stdout.contains("vat-terminated") || gone.stdout.contains("object-gone") || gone.stdout.is_empty());
    assert_eq!(place.call("echo", "echo", &["1"]), 1);
}

#[test]
fn what_a_vat_lends_it_can_take_back_from_whoever_has_it_by_then() {
    let place = Place::new();
    let host = place.run(&[&place.sample("lamps").file(), &place.sample("courier").file()]);
    let lamp = place.call("lamps/house", "lamp", &["hall"]);
    let lent = place.call("lamps/house", "lend", &["hall"]);
    let [guarded, revoker] = [&lent[0], &lent[1]];
    assert_ne!(*guarded, lamp, "a caretaker is another object");
    place.call("courier", "keep", &["guest", &guarded.to_string()]);
    place.call("courier", "keep", &["right", &revoker.to_string()]);
    let lamp = lamp["$cap"].as_str().expect("a reference").to_owned();
    place.call(&lamp, "set", &["40"]);
    assert_eq!(place.call("courier", "ask", &["guest", "percent"]), 40);
    host.kill9();

    let _host = place.run(&[]);
    assert_eq!(place.call("courier", "ask", &["guest", "percent"]), 40);
    place.call("courier", "ask", &["right", "revoke"]);
    let refused = place.ocap(&["call", "courier", "ask", "guest", "percent"]).expect(1);
    assert!(refused.stderr.contains("object-revoked"), "{}", refused.stderr);
    assert_eq!(place.call(&lamp, "percent", &[]), 40, "the lamp itself goes on");
}
