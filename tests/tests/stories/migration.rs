//! State of one version becomes state of the next, when its vat is upgraded.

use std::fs;

use ocap_tests::{Host, Place, sample_component};
use serde_json::json;

/// Two notes of the first version, and the next version put where the first was.
fn written(place: &Place) -> (Host, [String; 2]) {
    let notes = place.sample("notes");
    let host = place.run(&[&notes.file()]);
    let write = |text: &str| place.call("notes", "write", &[text])["$cap"].as_str().expect("a reference").to_owned();
    let caps = ["shopping", "garden"].map(write);
    place.call(&caps[0], "append", &["bread"]);
    fs::copy(sample_component("notes_next"), notes.component("notes")).expect("a component was built");
    (host, caps)
}

#[test]
fn an_upgrade_takes_over_state_of_another_shape_object_by_object() {
    let place = Place::new();
    let (host, [shopping, garden]) = written(&place);
    place.ocap(&["upgrade", "notes/notes"]).expect(0);
    assert_eq!(place.call("notes", "all", &[]), json!([{ "$cap": shopping }, { "$cap": garden }]));
    assert_eq!(place.call(&shopping, "title", &[]), "shopping");
    place.call(&shopping, "append", &["milk"]);
    host.kill9();

    // What was not looked at before is taken over now.
    let host = place.run(&[]);
    assert_eq!(place.call(&shopping, "text", &[]), "shopping\nbread\nmilk");
    assert_eq!(place.call(&garden, "title", &[]), "garden");
    place.call("notes", "write", &["attic"]);
    assert_eq!(place.call("notes", "all", &[]).as_array().map(Vec::len), Some(3));
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn one_object_whose_state_can_not_be_taken_over_costs_its_caller_and_nobody_else() {
    let place = Place::new();
    let (_host, [shopping, garden]) = written(&place);
    place.call(&garden, "append", &["a\tb"]);
    place.ocap(&["upgrade", "notes/notes"]).expect(0);
    assert_eq!(place.call_fails(&garden, "title", &[]), "vat-trapped");
    assert_eq!(place.call(&shopping, "title", &[]), "shopping");
    let said = place.log().into_iter().any(|line| line.to_string().contains("has tabs"));
    assert!(said, "the log says why");
}

#[test]
fn code_that_is_too_old_for_the_state_is_refused_and_the_newer_goes_on() {
    let place = Place::new();
    let (_host, [shopping, _]) = written(&place);
    place.ocap(&["upgrade", "notes/notes"]).expect(0);
    assert_eq!(place.call(&shopping, "title", &[]), "shopping");
    let problem =
        place.ocap(&["upgrade", "notes/notes", "--rollback"]).expect(1).problem("ocap::upgrade::start_failed");
    assert!(problem.to_string().contains("it is of version 2"), "{problem}");
    assert_eq!(place.call(&shopping, "title", &[]), "shopping");
}
