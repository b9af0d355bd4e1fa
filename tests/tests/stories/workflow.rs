//! Answers that go to a durable object's method: a workflow whose steps survive whatever happens between them.

use ocap_tests::{Place, eventually};
use serde_json::{Value, json};

fn events(place: &Place, item: &str) -> Value {
    place.call("workflow", "events", &[item])
}

fn is_open(place: &Place, what: &str) {
    eventually("the desk is asked", || {
        let open = place.call("workflow/desk", "open", &[]);
        open.as_array().is_some_and(|open| open.contains(&json!(what))).then_some(())
    });
}

#[test]
fn a_workflow_goes_on_where_it_was_after_every_kill() {
    let place = Place::new();
    let host = place.run(&[&place.sample("workflow").file()]);
    place.call("workflow", "order", &["chair"]);
    is_open(&place, "pay for chair");
    host.kill9();

    let host = place.run(&[]);
    assert_eq!(events(&place, "chair"), json!([]));
    place.call("workflow/desk", "decide", &["pay for chair", "no. 7"]);
    // What the desk answered is durable once it was acknowledged, also if the workshop has not heard of it.
    host.kill9();

    let host = place.run(&[]);
    is_open(&place, "pack chair");
    assert_eq!(events(&place, "chair"), json!(["paid, receipt no. 7"]));
    place.ocap(&["restart", "workflow"]).expect(0);
    host.kill9();

    let host = place.run(&[]);
    place.call("workflow/desk", "decide", &["pack chair", "12"]);
    let packed = json!(["paid, receipt no. 7", "packed as parcel 12"]);
    eventually("it is packed", || (events(&place, "chair") == packed).then_some(()));
    host.kill9();
    let _host = place.run(&[]);
    assert_eq!(events(&place, "chair"), packed);
}

#[test]
fn a_step_that_fails_is_an_answer_too_and_what_was_kept_for_it_comes_with_it() {
    let place = Place::new();
    let host = place.run(&[&place.sample("workflow").file()]);
    for item in ["chair", "table", "lamp"] {
        place.call("workflow", "order", &[item]);
    }
    is_open(&place, "pay for lamp");
    place.call("workflow/desk", "refuse", &["pay for chair", "no money"]);
    place.call("workflow/desk", "decide", &["pay for table", "no. 8"]);
    is_open(&place, "pack table");
    host.kill9();

    let _host = place.run(&[]);
    place.call("workflow/desk", "refuse", &["pack table", "broken"]);
    let void = json!(["paid, receipt no. 8", "not packed, receipt no. 8 is void: broken"]);
    eventually("the table is void", || (events(&place, "table") == void).then_some(()));
    assert_eq!(events(&place, "chair"), json!(["not paid: no money"]));

    // Who had to decide is gone, so that is the answer.
    place.ocap(&["terminate", "workflow/desk", "--yes"]).expect(0);
    let gone = json!(["not paid: vat-terminated"]);
    eventually("the lamp hears of it", || (events(&place, "lamp") == gone).then_some(()));
}

#[test]
fn an_answer_of_a_wrong_type_is_an_error_of_its_step() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("workflow").file()]);
    place.call("workflow", "order", &["chair"]);
    is_open(&place, "pay for chair");
    place.call("workflow/desk", "decide", &["pay for chair", "[1, 2]"]);
    eventually("it is told", || {
        let events = events(&place, "chair");
        events[0].as_str().is_some_and(|event| event.starts_with("not paid: invalid type")).then_some(())
    });
}
