//! The contract is WIT: a vat in another language is a vat like any other.

use ocap_tests::Place;
use serde_json::json;

#[test]
fn a_vat_in_python_answers_keeps_its_state_over_kill_and_lives_beside_rust() {
    let place = Place::new();
    let (greeter, counter) = (place.sample("python-greeter"), place.sample("counter"));
    let host = place.run(&[&greeter.file(), &counter.file()]);
    assert_eq!(place.call("python-greeter", "greet", &["World"]), "hello, World");
    assert_eq!(place.call("counter", "increment", &["2"]), 2);
    assert_eq!(place.call("python-greeter", "greeted", &[]), 1);
    host.kill9();

    let _host = place.run(&[]);
    assert_eq!(place.call("python-greeter", "greet", &["again"]), "hello, again");
    assert_eq!(place.call("python-greeter", "greeted", &[]), json!(2));
    assert_eq!(place.call("counter", "get", &[]), 2);
}
