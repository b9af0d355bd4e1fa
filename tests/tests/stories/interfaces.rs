//! Interfaces: objects as others see them, and several faces of one state.

use ocap_tests::Place;
use serde_json::{Value, json};

fn cap(value: &Value) -> String {
    value["$cap"].as_str().unwrap_or_else(|| panic!("no capability: {value}")).to_owned()
}

#[test]
fn ex5_several_faces_share_one_state_and_each_does_what_it_is_for() {
    let place = Place::new();
    let host = place.run(&[&place.sample("thermometer").file()]);
    let face = |name: &str| cap(&place.call("thermometer/thermometer", name, &[]));
    let [celsius, fahrenheit, gauge] = ["celsius", "fahrenheit", "gauge"].map(face);
    assert_eq!(place.call(&celsius, "set", &["20.0"]), json!(0.0));
    assert_eq!(place.call(&fahrenheit, "degrees", &[]), json!(68.0));
    assert_eq!(place.call(&fahrenheit, "set", &["50.0"]), json!(68.0));
    for celsius in [&celsius, &gauge] {
        assert_eq!(place.call(celsius, "degrees", &[]), json!(10.0));
    }
    let refused = place.ocap(&["call", &gauge, "set", "1.0"]).expect(1).json();
    assert_eq!(refused["error"]["$error"]["name"], "no-such-method", "{refused}");
    let refused = place.ocap(&["call", &celsius, "set", "-300.0"]).expect(1).json();
    assert_eq!(refused["error"]["$error"]["name"], "too-cold", "{refused}");
    host.kill9();
    let _host = place.run(&[]);
    assert_eq!(place.call("thermometer", "set_fahrenheit", &["68.0"]), json!(20.0));
}

#[test]
fn ex6_a_vat_uses_the_faces_of_anothers_state_by_their_interfaces() {
    let place = Place::new();
    let host = place.run(&[&place.sample("thermometer").file()]);
    assert_eq!(place.call("thermometer", "set_fahrenheit", &["50.0"]), json!(10.0));
    place.call("thermometer", "mount", &[]);
    assert_eq!(place.call("thermometer", "turn", &["2.5"]), json!(12.5));
    assert_eq!(place.call("thermometer", "show", &[]), json!(12.5));
    let refused = place.ocap(&["call", "thermometer", "tamper"]).expect(1).json();
    assert_eq!(refused["error"]["$error"]["name"], "no-such-method", "{refused}");
    host.kill9();

    // The faces that it keeps are the same ones in its next incarnation.
    let _host = place.run(&[]);
    assert_eq!(place.call("thermometer", "turn", &["1.0"]), json!(13.5));
    assert_eq!(place.call("thermometer", "show", &[]), json!(13.5));
}

#[test]
fn every_object_says_what_it_can_be_asked() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("thermometer").file(), &place.sample("counter").file()]);
    let counter = place.call("counter", "__describe", &[]);
    assert_eq!((&counter["name"], &counter["docs"]), (&json!("Counter"), &json!("")));
    let increment =
        json!({ "name": "increment", "docs": "", "args": [{ "name": "by", "type": "u64" }], "answer": "u64" });
    assert_eq!(counter["methods"][0], increment);

    let root = place.call("thermometer/thermometer", "__describe", &[]);
    assert_eq!(root["interfaces"][0]["name"], "Thermometer");
    let celsius = cap(&place.call("thermometer/thermometer", "celsius", &[]));
    let dial = place.call(&celsius, "__describe", &[]);
    assert_eq!(dial["interfaces"], json!([{ "name": "Dial", "docs": "Shows a temperature, and sets it." }]));
    let set = json!({
        "name": "set",
        "docs": "Sets it, and answers what it was before.",
        "args": [{ "name": "degrees", "type": "f64" }],
        "answer": "f64",
        "interface": "Dial",
    });
    assert_eq!(dial["methods"][1], set);
}
