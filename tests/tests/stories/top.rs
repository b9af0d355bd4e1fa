//! `top` in a terminal of its own.

use ocap_tests::{Place, Terminal, eventually};
use rustix::process::Signal;

#[test]
fn top_shows_the_vats_and_gives_the_terminal_back_at_q() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("matcher").file(), &place.sample("counter").file()]);
    let mut top = Terminal::start(&place, &["top", "--interval", "100"]);
    let screen = top.shows("counter/counter");
    assert!(screen.contains("matcher/index") && screen.contains("BUSY▼"), "{screen}");
    assert!(!top.is_as_it_was(), "it draws on a screen of its own");
    place.call("counter", "increment", &["5"]);
    top.press("n");
    let screen = top.shows("VAT▼");
    let line = |name: &str| screen.lines().position(|line| line.starts_with(name)).expect("its line");
    assert!(line("counter/counter") < line("matcher/index"), "{screen}");
    top.press("q");
    assert_eq!(top.ended(), 0);
    eventually("the terminal as it was", || top.is_as_it_was().then_some(()));
}

#[test]
fn enter_shows_everything_about_the_chosen_vat() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("counter").file()]);
    let mut top = Terminal::start(&place, &["top", "--interval", "100"]);
    top.shows("counter/counter");
    top.press("\r");
    let screen = top.shows("counter/counter (v1)");
    assert!(screen.contains("state        awake, incarnation 1"), "{screen}");
    top.press("q");
    top.shows("order: b busy");
    top.press("q");
    assert_eq!(top.ended(), 0);
}

#[test]
fn the_terminal_is_given_back_at_control_c_at_a_signal_and_when_the_host_goes_away() {
    let place = Place::new();
    let host = place.run(&[&place.sample("counter").file()]);
    let started = || {
        let top = Terminal::start(&place, &["top", "--interval", "100"]);
        top.shows("counter/counter");
        top
    };
    let mut interrupted = started();
    interrupted.press("\u{3}");
    let mut terminated = started();
    terminated.signal(Signal::TERM);
    let mut signalled = started();
    signalled.signal(Signal::INT);
    let mut left = started();
    host.kill9();
    for (top, status) in [(&mut interrupted, 130), (&mut terminated, 0), (&mut signalled, 130), (&mut left, 1)] {
        assert_eq!(top.ended(), status, "{}", top.text());
        eventually("the terminal as it was", || top.is_as_it_was().then_some(()));
    }
}

#[test]
fn top_without_a_terminal_says_what_to_use() {
    let place = Place::new();
    let _host = place.run(&[]);
    let problem = place.ocap(&["top"]).expect(2).problem("ocap::usage::no_terminal");
    assert!(problem["help"].as_str().is_some_and(|help| help.contains("ocap-host ps")), "{problem}");
}
