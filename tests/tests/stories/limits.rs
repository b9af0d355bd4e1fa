//! What a vat may use: as declared, and never more than the operator allows.

use std::fs;

use ocap_tests::{Place, Sample, eventually};

fn limited(place: &Place, limits: &str) -> Sample {
    let misbehaver = place.sample("misbehaver");
    misbehaver.declare(&format!("{}limits = {{ {limits} }}\n", misbehaver.text()));
    misbehaver
}

#[test]
fn a_full_mailbox_refuses_the_next_message_and_loses_none_before_it() {
    let place = Place::new();
    let _host = place.run(&[&limited(&place, "mailbox = 3").file()]);
    let queued = |messages: u64| {
        eventually("the queue", || (place.vat("misbehaver", "misbehaver")["queued"] == messages).then_some(()));
    };
    let spinning = place.begin(&["call", "misbehaver", "spin"]);
    queued(1);
    let waiting: Vec<_> = (0..2).map(|_| place.begin(&["call", "misbehaver", "alive"])).collect();
    queued(3);
    assert_eq!(place.call_fails("misbehaver", "alive", &[]), "mailbox-full");
    assert_eq!(spinning.done().expect(1).json()["code"], "vat-trapped");
    for caller in waiting {
        assert_eq!(caller.done().expect(0).json()["value"], true);
    }
    assert_eq!(place.call("misbehaver", "alive", &[]), true);
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
