//! E8: what lies in a socket's place, of the host or of a channel. What is not the host's stays; what is dead and its own is replaced.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use ocap_tests::{Place, eventually};
use serde_json::json;

type Squat = (&'static str, fn(&Path), &'static str);

/// What may lie there, how it comes there, and the code of a channel that finds it.
const SQUATTERS: &[Squat] = &[
    ("a file", |path| fs::write(path, "precious").expect("written"), "ocap::channel::foreign"),
    ("a directory", |path| fs::create_dir(path).expect("made"), "ocap::channel::foreign"),
    ("a symbolic link", |path| symlink("/nowhere", path).expect("made"), "ocap::channel::foreign"),
    (
        "a socket of user 65534",
        |path| {
            drop(UnixListener::bind(path).expect("bound"));
            std::os::unix::fs::chown(path, Some(65_534), None).expect("root may");
        },
        "ocap::channel::foreign",
    ),
];

/// Those that this user can make.
fn squatters() -> impl Iterator<Item = &'static Squat> {
    let root = rustix::process::geteuid().is_root();
    SQUATTERS.iter().filter(move |(what, ..)| root || !what.contains("user"))
}

fn remove(path: &Path) {
    let is_directory = fs::symlink_metadata(path).expect("it stays").is_dir();
    if is_directory { fs::remove_dir(path) } else { fs::remove_file(path) }.expect("it can be removed");
}

#[test]
fn e8_what_lies_in_the_control_sockets_place_and_is_not_the_hosts_stays_and_is_named() {
    let place = Place::new();
    place.run(&[]).kill9();
    let socket = place.home("control.sock");
    for (what, squat, _) in squatters() {
        let _ = fs::remove_file(&socket);
        squat(&socket);
        let problem = place.try_run(&[]).expect(1).problem("ocap::daemon::socket_taken");
        assert!(problem["message"].as_str().is_some_and(|message| message.contains(what)), "{what}: {problem}");
        remove(&socket);
    }
    // A dead one of our own is replaced.
    drop(UnixListener::bind(&socket).expect("bound"));
    assert_eq!(place.run(&[]).stop(&place), 0);
}

#[test]
fn e8_what_lies_in_a_channels_place_keeps_that_channel_down_and_nothing_else_until_it_is_gone() {
    let place = Place::new();
    let host = place.run(&[&place.sample("matcher").file(), &place.sample("counter").file()]);
    assert_eq!(host.stop(&place), 0);
    let socket = place.home("channels/run/llm.sock");
    for (what, squat, code) in squatters() {
        squat(&socket);
        let host = place.run(&[]);
        let channel = place.channel("matcher", "llm");
        assert_eq!((&channel["state"], &channel["reason"]["code"]), (&json!("down"), &json!(code)), "{what}");
        assert!(place.call("counter", "increment", &["1"]).is_number(), "{what}: the rest is served");
        remove(&socket);
        eventually("it heals", || (place.channel("matcher", "llm")["state"] == "open").then_some(()));
        assert_eq!(place.client("run/llm.sock").ask(&json!({ "id": 1, "find": "room" }))["id"], 1);
        assert_eq!(host.stop(&place), 0);
    }
    let listener = UnixListener::bind(&socket).expect("the place is free");
    let host = place.run(&[]);
    assert_eq!(place.channel("matcher", "llm")["reason"]["code"], "ocap::channel::in_use");
    drop(listener);
    // Now it is a dead one of our own user.
    eventually("it heals", || (place.channel("matcher", "llm")["state"] == "open").then_some(()));
    assert_eq!(host.stop(&place), 0);
    assert!(!socket.exists());
}
