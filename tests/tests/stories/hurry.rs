//! Waiting for several things at once, and for none too long.

use ocap_tests::{Place, eventually};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

/// The desk has been asked these, and has not answered.
fn are_open(place: &Place, questions: &[&str]) {
    let open = || place.call("hurry/desk", "open", &[]);
    eventually("the desk is asked", || (open() == json!(questions)).then_some(()));
}

fn decide(place: &Place, question: &str, answer: &str) {
    assert_eq!(place.call("hurry/desk", "decide", &[question, answer]), Value::Null);
}

#[test]
fn an_answer_that_does_not_come_in_time_is_an_error_and_one_that_does_is_not() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("hurry").file()]);
    let late = place.ocap(&["call", "hurry", "ask", "now?", "50"]).expect(1).json();
    assert_eq!(late["error"]["$error"]["name"], "timed-out", "{late}");
    // The question stays: only the waiting has ended.
    are_open(&place, &["now?"]);
    decide(&place, "now?", "too late");

    let waiting = place.begin(&["call", "hurry", "ask", "later?", "3600000"]);
    are_open(&place, &["later?"]);
    decide(&place, "later?", "yes");
    assert_eq!(waiting.done().expect(0).json()["value"], "yes");
}

/// Whether the vat holds a timer that waits.
fn has_timer(place: &Place) -> bool {
    place.ocap(&["caps", "of", "hurry/hurry"]).expect(0).json().to_string().contains("timer hurry/once/")
}

#[test]
fn when_an_answer_has_come_in_time_its_timer_goes() {
    let place = Place::new();
    let host = place.run(&[&place.sample("hurry").file()]);
    let waiting = place.begin(&["call", "hurry", "ask", "soon?", "3600000"]);
    are_open(&place, &["soon?"]);
    eventually("a timer waits", || has_timer(&place).then_some(()));
    decide(&place, "soon?", "yes");
    assert_eq!(waiting.done().expect(0).json()["value"], "yes");
    eventually("the vat has let it go", || (!has_timer(&place)).then_some(()));
    assert_eq!(host.stop(&place), 0);
    let store = Connection::open_with_flags(place.home("store"), OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a store");
    let counted = store.query_row("SELECT count(*) FROM objects WHERE name LIKE 'timer/%'", [], |row| row.get(0));
    assert_eq!(counted, Ok(0), "and so has the host");
}

#[test]
fn the_first_of_two_answers_is_taken() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("hurry").file()]);
    let waiting = place.begin(&["call", "hurry", "first", "heads", "tails"]);
    are_open(&place, &["heads", "tails"]);
    decide(&place, "tails", "2");
    assert_eq!(waiting.done().expect(0).json()["value"], 2);
    are_open(&place, &["heads"]);
}

#[test]
fn all_answers_come_in_the_order_of_their_questions() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("hurry").file()]);
    let waiting = place.begin(&["call", "hurry", "all", r#"["a", "b", "c"]"#]);
    are_open(&place, &["a", "b", "c"]);
    for (question, answer) in [("c", "3"), ("a", "1"), ("b", "2")] {
        decide(&place, question, answer);
    }
    assert_eq!(waiting.done().expect(0).json()["value"], json!([1, 2, 3]));

    let waiting = place.begin(&["call", "hurry", "all", r#"["a", "b"]"#]);
    are_open(&place, &["a", "b"]);
    place.call("hurry/desk", "refuse", &["b", "no"]);
    let refused = waiting.done().expect(1).json();
    assert_eq!(refused["error"]["$error"]["name"], "refused", "{refused}");
}
