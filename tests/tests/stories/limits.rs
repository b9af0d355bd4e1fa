//! What a vat may use: as declared, and never more than the operator allows.

use std::fs;

use ocap_tests::Place;

use crate::scenes::{limited, queued};

#[test]
fn a_full_mailbox_refuses_the_next_message_and_loses_none_before_it() {
    let place = Place::new();
    let counter = place.sample("counter");
    counter.link("counter");
    counter.declare(&format!("{}limits = {{ mailbox = 3 }}\n", counter.text()));
    place.run(&[&counter.file()]).kill9();
    counter.move_away("counter");
    let _host = place.run(&[]);
    let waiting: Vec<_> = (0..3).map(|_| place.begin(&["call", "counter", "increment", "1"])).collect();
    queued(&place, "counter", "counter", 3);
    assert_eq!(place.call_fails("counter", "increment", &["1"]), "mailbox-full");
    counter.move_back("counter");
    for caller in waiting {
        caller.done().expect(0);
    }
    assert_eq!(place.call("counter", "increment", &["1"]), 4);
}

#[test]
fn a_vat_gets_as_much_memory_as_it_declares() {
    let place = Place::new();
    let _host = place.run(&[&limited(&place, "memory = \"8MiB\"").file()]);
    assert_eq!(place.call_fails("misbehaver", "grow", &["20000000"]), "vat-trapped");
    assert_eq!(place.call("misbehaver", "grow", &["1000000"]), 1_000_000);
}

#[test]
fn the_operators_ceiling_holds_for_vats_that_declare_nothing() {
    let place = Place::new();
    let misbehaver = place.sample("misbehaver");
    place.run(&[&misbehaver.file()]).kill9();
    fs::write(place.home("host.toml"), "[limits]\nmemory = \"8MiB\"\n").expect("written");
    let host = place.run(&[]);
    assert_eq!(place.call_fails("misbehaver", "grow", &["20000000"]), "vat-trapped");
    host.kill9();
    fs::remove_file(place.home("host.toml")).expect("removed");
    let _host = place.run(&[]);
    assert_eq!(place.call("misbehaver", "grow", &["20000000"]), 20_000_000);
}

#[test]
fn a_vat_that_was_launched_with_more_than_the_operator_now_allows_is_quarantined_alone() {
    let place = Place::new();
    let misbehaver = limited(&place, "memory = \"128MiB\"");
    place.run(&[&misbehaver.file(), &place.sample("echo").file()]).kill9();
    fs::write(place.home("host.toml"), "[limits]\nmemory = \"64MiB\"\n").expect("written");
    let host = place.run(&[]);
    assert_eq!(place.vat("misbehaver", "misbehaver")["problem"]["code"], "ocap::declaration::limit_above_ceiling");
    assert_eq!(place.call("echo", "echo", &["1"]), 1);
    host.kill9();
    fs::remove_file(place.home("host.toml")).expect("removed");
    let _host = place.run(&[]);
    assert_eq!(place.call("misbehaver", "alive", &[]), true);
}
