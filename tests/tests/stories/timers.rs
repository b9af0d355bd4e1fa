//! Timers: what was put off comes in its time, whatever happened to the host or the vat meanwhile.

use std::time::{SystemTime, UNIX_EPOCH};

use ocap_tests::{Place, eventually};
use serde_json::{Value, json};

/// An hour, which no story waits for.
const LATE_MS: &str = "3600000";

fn rang(place: &Place, subcluster: &str) -> Vec<Value> {
    let reminders = place.call(subcluster, "reminders", &[]);
    reminders.as_array().expect("a list").iter().map(|reminder| reminder["rang"].clone()).collect()
}

fn ticks(place: &Place, subcluster: &str) -> u64 {
    place.call(subcluster, "ticks", &[]).as_u64().expect("a number")
}

fn more_ticks(place: &Place, subcluster: &str) -> u64 {
    let before = ticks(place, subcluster);
    eventually("it ticks", || Some(ticks(place, subcluster)).filter(|now| *now > before))
}

/// Nothing that counts ticks gets any more: what was on its way when it was ended has come by the time that later timers have rung.
fn ticks_no_more(place: &Place, subcluster: &str) {
    let other = place.sample_as("alarm", "witness");
    place.ocap(&["launch", &other.word()]).expect(0);
    place.call("witness", "beat", &["100"]);
    more_ticks(place, "witness");
    let then = ticks(place, subcluster);
    for _ in 0..3 {
        more_ticks(place, "witness");
    }
    assert_eq!(ticks(place, subcluster), then);
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    u64::try_from(since.as_millis()).expect("before the end of time")
}

#[test]
fn what_was_put_off_comes_and_says_when() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("alarm").file()]);
    let asked_at = now_ms();
    place.call("alarm", "remind", &["100", "tea"]);
    place.call("alarm", "remind", &[LATE_MS, "supper"]);
    place.call("alarm", "remind_at", &["1000", "yesterday"]);
    let rang = eventually("it rings", || {
        let rang = rang(&place, "alarm");
        (!rang[0].is_null() && !rang[2].is_null()).then_some(rang)
    });
    assert!(rang[0].as_u64().expect("a time") >= asked_at + 100, "{rang:?} for {asked_at}");
    assert!(rang[1].is_null(), "{rang:?}");
}

#[test]
fn timers_survive_kill_9_and_what_was_due_meanwhile_comes_at_once() {
    let place = Place::new();
    let host = place.run(&[&place.sample("alarm").file()]);
    place.call("alarm", "remind", &["100", "tea"]);
    place.call("alarm", "remind_at", &[&(now_ms() + 200).to_string(), "cake"]);
    place.call("alarm", "remind", &[LATE_MS, "supper"]);
    place.call("alarm", "beat", &["100"]);
    host.kill9();

    let host = place.run(&[]);
    eventually("both ring", || (rang(&place, "alarm")[..2].iter().all(|rang| !rang.is_null())).then_some(()));
    more_ticks(&place, "alarm");
    assert!(rang(&place, "alarm")[2].is_null());
    let first = rang(&place, "alarm");
    host.kill9();

    // What has come does not come again: the vat was told once.
    let _host = place.run(&[]);
    more_ticks(&place, "alarm");
    assert_eq!(rang(&place, "alarm"), first);
}

#[test]
fn a_cancelled_timer_ticks_no_more_and_is_gone() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("alarm").file()]);
    place.call("alarm", "beat", &["100"]);
    more_ticks(&place, "alarm");
    assert_eq!(place.call("alarm", "cancel", &[]), json!(null));
    assert_eq!(place.call_fails("alarm", "cancel", &[]), "object-gone");
    ticks_no_more(&place, "alarm");
}

#[test]
fn a_timer_that_nobody_holds_ends_and_one_that_somebody_else_holds_goes_on() {
    let place = Place::new();
    let host = place.run(&[&place.sample("alarm").file()]);
    place.call("alarm", "beat", &["100"]);
    let beat = place.call("alarm", "lend", &[])["$cap"].as_str().expect("a reference").to_owned();
    let pin = place.ocap(&["pin", &beat, "--label", "beat"]).expect(0).json()["id"].as_str().expect("a pin").to_owned();
    place.call("alarm", "forget", &[]);
    host.kill9();

    let host = place.run(&[]);
    more_ticks(&place, "alarm");
    place.ocap(&["unpin", &pin, "--yes"]).expect(0);
    // What a person was shown can be named for a while; that ends with the host.
    host.kill9();
    let _host = place.run(&[]);
    ticks_no_more(&place, "alarm");
    place.ocap(&["call", &beat, "cancel"]).expect(1).problem("ocap::target::unknown");
}

#[test]
fn the_timers_of_two_subclusters_know_nothing_of_each_other() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("alarm").file(), &place.sample_as("alarm", "clock").file()]);
    for subcluster in ["alarm", "clock"] {
        place.call(subcluster, "beat", &["100"]);
        place.call(subcluster, "remind", &["100", "tea"]);
    }
    place.ocap(&["terminate", "alarm", "--yes"]).expect(0);
    more_ticks(&place, "clock");
    eventually("it rings", || (!rang(&place, "clock")[0].is_null()).then_some(()));

    // A new one of the old one's name has none of its timers.
    place.ocap(&["launch", place.root().join("alarm/subcluster.toml").to_str().expect("UTF-8")]).expect(0);
    ticks_no_more(&place, "alarm");
    assert_eq!(ticks(&place, "alarm"), 0);
}

#[test]
fn timers_do_not_care_for_the_incarnation_of_their_vat() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("alarm").file()]);
    place.call("alarm", "remind", &["300", "tea"]);
    place.call("alarm", "beat", &["100"]);
    place.ocap(&["restart", "alarm"]).expect(0);
    more_ticks(&place, "alarm");
    eventually("it rings", || (!rang(&place, "alarm")[0].is_null()).then_some(()));
    assert!(place.vat("alarm", "alarm")["incarnation"].as_u64() >= Some(2));
}

#[test]
fn a_tick_waits_for_the_answer_to_the_one_before_while_its_vat_is_in_quarantine() {
    let place = Place::new();
    let alarm = place.sample("alarm");
    alarm.link("alarm");
    place.run(&[&alarm.file()]).kill9();
    let host = place.run(&[]);
    place.call("alarm", "beat", &["100"]);
    more_ticks(&place, "alarm");
    host.kill9();
    alarm.move_away("alarm");
    let _host = place.run(&[&place.sample_as("alarm", "clock").file()]);
    place.call("clock", "beat", &["100"]);
    // A witness counts how often it could have ticked.
    for _ in 0..4 {
        more_ticks(&place, "clock");
    }
    let parked = place.vat("alarm", "alarm")["queued"].as_u64().expect("a number");
    assert!(parked <= 2, "at most one of the last boot and one of this: {parked}");
    alarm.move_back("alarm");
    more_ticks(&place, "alarm");
}
