//! What was given is taken back: for good, for whoever holds it, and for what is on its way.

use ocap_tests::{Host, Place, Sample};
use serde_json::{Value, json};

use crate::scenes::{call_that_is_held, queued};

/// Two matchers with one index between them, whose component is read at each start.
fn two_matchers(place: &Place) -> (Host, Sample) {
    let matcher = place.sample("matcher");
    matcher.link("index");
    let second = "[vats.second]\ncomponent = \"matcher.wasm\"\nuses = [\"io.llm\", \"vat.index\"]\n";
    matcher.declare(&format!("{}\n{second}", matcher.text()));
    (place.run(&[&matcher.file()]), matcher)
}

fn grant(place: &Place, vat: &str, name: &str) -> Value {
    let grants = place.vat("matcher", vat)["grants"].clone();
    let found = grants.as_array().expect("grants").iter().find(|grant| grant["name"] == name).cloned();
    found.unwrap_or_else(|| panic!("no {name} in {grants}"))
}

#[test]
fn a_revoked_grant_answers_no_more_and_other_grants_of_the_same_object_go_on() {
    let place = Place::new();
    let (host, _) = two_matchers(&place);
    assert_eq!(place.call("matcher", "register", &["lamp", "lights the room"]), Value::Null);
    assert_eq!(grant(&place, "matcher", "vat.index")["revoked"], false);
    let revoked = place.ocap(&["revoke", "--yes", "matcher/matcher", "vat.index"]).expect(0).json();
    assert_eq!((&revoked["$type"], &revoked["since"]), (&json!("revoked"), &json!("now")));
    let check = || {
        assert_eq!(place.call_fails("matcher/matcher", "find", &["room"]), "object-revoked");
        assert_eq!(place.call("matcher/second", "find", &["room"]), json!(["lamp"]));
        assert_eq!(place.call("matcher/index", "find", &["room"]), json!(["lamp"]));
        assert_eq!(grant(&place, "matcher", "vat.index")["revoked"], true);
        assert_eq!(grant(&place, "second", "vat.index")["revoked"], false);
    };
    check();
    assert_eq!(place.ocap(&["revoke", "--yes", "matcher/matcher", "vat.index"]).expect(0).json()["since"], "before");
    host.kill9();
    let _host = place.run(&[]);
    check();
}

#[test]
fn messages_that_wait_are_answered_when_the_grant_that_they_came_by_is_revoked() {
    let place = Place::new();
    let (host, matcher) = two_matchers(&place);
    assert_eq!(place.call("matcher", "register", &["lamp", "lights the room"]), Value::Null);
    host.kill9();
    matcher.move_away("index");
    let _host = place.run(&[]);
    let first = place.begin(&["call", "matcher/matcher", "find", "room"]);
    let second = place.begin(&["call", "matcher/second", "find", "room"]);
    queued(&place, "matcher", "index", 2);
    place.ocap(&["revoke", "--yes", "matcher/matcher", "vat.index"]).expect(0);
    assert_eq!(first.done().expect(1).json()["code"], "object-revoked");
    queued(&place, "matcher", "index", 1);
    matcher.move_back("index");
    assert_eq!(second.done().expect(0).json()["value"], json!(["lamp"]));
}

#[test]
fn sv2_a_message_to_a_revoked_object_is_answered_object_revoked() {
    let place = Place::new();
    let (_host, _) = two_matchers(&place);
    let index = grant(&place, "matcher", "vat.index")["reference"].as_str().expect("a reference").to_owned();
    assert_eq!(place.call(&index, "find", &["room"]), json!([]));
    place.ocap(&["revoke", "--yes", &index]).expect(0);
    assert_eq!(place.call_fails(&index, "find", &["room"]), "object-revoked");
    for vat in ["matcher/index", "matcher/matcher", "matcher/second"] {
        assert_eq!(place.call_fails(vat, "find", &["room"]), "object-revoked", "{vat}");
    }
}

#[test]
fn sv3_calls_that_wait_for_a_revoked_object_hear_of_it_each_time() {
    let place = Place::new();
    let (host, matcher) = two_matchers(&place);
    let index = grant(&place, "matcher", "vat.index")["reference"].as_str().expect("a reference").to_owned();
    host.kill9();
    matcher.move_away("index");
    let _host = place.run(&[]);
    let waiting: Vec<_> = (0..3).map(|_| place.begin(&["call", "matcher/index", "find", "room"])).collect();
    queued(&place, "matcher", "index", 3);
    place.ocap(&["revoke", "--yes", &index]).expect(0);
    for caller in waiting {
        assert_eq!(caller.done().expect(1).json()["code"], "object-revoked");
    }
    for _ in 0..3 {
        assert_eq!(place.call_fails("matcher/index", "find", &["room"]), "object-revoked");
    }
    matcher.move_back("index");
    place.ocap(&["quarantine", "retry", "matcher/index"]);
    assert_eq!(place.call_fails("matcher/index", "find", &["room"]), "object-revoked");
}

#[test]
fn sv4_several_objects_are_revoked_and_others_go_on() {
    let place = Place::new();
    let (_host, _) = two_matchers(&place);
    place.ocap(&["launch", &place.sample("counter").word()]).expect(0);
    for granted in ["io.llm", "vat.index"] {
        let object = grant(&place, "matcher", granted)["reference"].as_str().expect("a reference").to_owned();
        place.ocap(&["revoke", "--yes", &object]).expect(0);
    }
    assert_eq!(place.call_fails("matcher", "find", &["room"]), "object-revoked");
    assert_eq!(place.call("counter", "increment", &["1"]), 1);
    // The objects of a vat are not the vat.
    assert_eq!(place.vat("matcher", "index")["state"], "awake");
}

#[test]
fn a_promise_can_not_be_revoked_but_its_resolver_can() {
    let place = Place::new();
    let (_host, held) = call_that_is_held(&place);
    let code = |reference: &str| {
        let done = place.ocap(&["revoke", "--yes", reference]).expect(1);
        done.problems()[0]["code"].as_str().expect("a code").to_owned()
    };
    // Which number the promise of the call that is held has is the kernel's affair.
    let promise = (1..100).map(|number| format!("kp{number}")).find(|promise| code(promise) == "ocap::revoke::promise");
    let resolver = promise.expect("a promise").replace("kp", "kr");
    place.ocap(&["revoke", "--yes", &resolver]).expect(0);
    assert_eq!(held.done().expect(1).json()["code"], "object-revoked");
}

#[test]
fn what_can_not_be_revoked_is_said_with_what_can() {
    let place = Place::new();
    let (_host, _) = two_matchers(&place);
    let refused =
        |args: &[&str], status, code| place.ocap(&[&["revoke", "--yes"], args].concat()).expect(status).problem(code);
    refused(&["ko987654"], 1, "ocap::target::unknown");
    let problem = refused(&["matcher/matcher"], 2, "ocap::usage::reference");
    assert!(problem["help"].as_str().is_some_and(|help| help.contains("`vat.index`")), "{problem}");
    refused(&["nonsense"], 2, "ocap::usage::reference");
    let problem = refused(&["matcher/matcher", "vat.indx"], 1, "ocap::revoke::no_such_grant");
    assert!(problem["help"].as_str().is_some_and(|help| help.contains("did you mean `vat.index`?")), "{problem}");
}
