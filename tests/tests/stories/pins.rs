//! Pins: references that the operator keeps.

use ocap_tests::Place;
use serde_json::{Value, json};

fn reference(value: &Value) -> String {
    value["$cap"].as_str().expect("a reference").to_owned()
}

fn pinned(place: &Place) -> Vec<Value> {
    place.ocap(&["pins"]).expect(0).json()["pins"].as_array().expect("a list").clone()
}

#[test]
fn a_pinned_reference_can_be_named_after_restarts_until_it_is_unpinned() {
    let place = Place::new();
    let host = place.run(&[&place.sample("alarm").file()]);
    place.call("alarm", "beat", &["3600000"]);
    let beat = reference(&place.call("alarm", "lend", &[]));
    let pin = place.ocap(&["pin", &beat, "--label", "the-beat"]).expect(0).json();
    assert_eq!((&pin["reference"], &pin["label"]), (&json!(beat), &json!("the-beat")));
    // From now on nobody holds it but the operator.
    place.call("alarm", "forget", &[]);
    host.kill9();

    let host = place.run(&[]);
    assert_eq!(pinned(&place), [json!({ "$type": "pin", "id": pin["id"], "reference": beat, "label": "the-beat" })]);
    assert_eq!(place.call(&beat, "cancel", &[]), json!(null));
    host.kill9();

    let host = place.run(&[]);
    let id = pin["id"].as_str().expect("an id");
    let refused = place.ocap(&["unpin", id]).expect(2);
    let help = refused.problem("ocap::usage::unconfirmed")["help"].clone();
    assert!(help.as_str().is_some_and(|help| help.contains(&format!("unpin {id} --yes"))), "{help}");
    assert_eq!(refused.json(), pin);
    assert_eq!(pinned(&place).len(), 1);
    place.ocap(&["unpin", id, "--yes"]).expect(0);
    assert_eq!(pinned(&place), Vec::<Value>::new());
    place.ocap(&["unpin", id]).expect(1).problem("ocap::pin::unknown");
    host.kill9();
    let _host = place.run(&[]);
    place.ocap(&["call", &beat, "cancel"]).expect(1).problem("ocap::target::unknown");
}

#[test]
fn a_pin_is_refused_that_names_nothing_or_has_no_proper_label() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("echo").file()]);
    place.ocap(&["pin", "ko4711"]).expect(1).problem("ocap::target::unknown");
    place.ocap(&["pin", "nobody"]).expect(1).problem("ocap::target::unknown");
    place.ocap(&["pin", "echo", "--label", "two words"]).expect(2).problem("ocap::usage::label");
    assert_eq!(pinned(&place), Vec::<Value>::new());
    let pin = place.ocap(&["pin", "echo"]).expect(0).json();
    assert_eq!(place.call(pin["reference"].as_str().expect("a reference"), "echo", &["5"]), 5);
}
