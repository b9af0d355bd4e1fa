use std::cell::RefCell;
use std::rc::Rc;

use ocap_guest_sdk::prelude::*;
use ocap_guest_testing::{Declaration, TestHost, vat_test};

use super::Matcher;

#[vat_test]
fn a_line_is_answered_with_what_the_index_says(host: TestHost) {
    let asked = Rc::new(RefCell::new(Vec::new()));
    let heard = asked.clone();
    let index = host.peer(move |method, args| {
        heard.borrow_mut().push((method.to_owned(), args));
        Ok(vec!["lamp"])
    });
    host.launch([Declaration::of::<Matcher>("matcher").uses(["io.llm"]).grant("vat.index", &index)]);
    let client = host.connect("io.llm");
    client.say(r#"{"id":2,"find":"room"}"#);
    assert_eq!(client.heard(), [r#"{"id":2,"found":["lamp"]}"#]);
    assert_eq!(*asked.borrow(), [("find".to_owned(), vec![Value::from("room")])]);
}

#[vat_test]
fn an_index_that_fails_is_said_and_the_next_line_is_served(host: TestHost) {
    let index = host.peer(|_, _| Err::<(), _>(Error::new("lost", "the index is lost")));
    host.launch([Declaration::of::<Matcher>("matcher").uses(["io.llm"]).grant("vat.index", &index)]);
    let client = host.connect("io.llm");
    client.say(r#"{"id":1,"find":"room"}"#);
    client.say("no JSON");
    let heard = client.heard();
    assert_eq!(heard[0], r#"{"id":1,"error":"the index is lost"}"#);
    assert!(heard[1].starts_with(r#"{"id":null,"error":"#), "{}", heard[1]);
}
