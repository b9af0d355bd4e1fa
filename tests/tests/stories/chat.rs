//! Two vats and a socket: who connects talks with all others who did.

use ocap_tests::{LineClient, Place};

fn comes_in(place: &Place, name: &str) -> LineClient {
    let mut client = place.client("run/chat.sock");
    client.send_text(&format!("{name}\n"));
    client
}

#[track_caller]
fn hears(client: &mut LineClient, lines: &[&str]) {
    for line in lines {
        assert_eq!(client.hear().as_deref(), Some(*line));
    }
}

#[test]
fn two_clients_of_a_socket_chat_and_who_leaves_is_missed() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("chat").file()]);
    let mut ann = comes_in(&place, "ann");
    ann.send_text("anybody?\n");
    hears(&mut ann, &["ann: anybody?"]);
    let mut bob = comes_in(&place, "bob");
    hears(&mut bob, &["ann is here", "ann: anybody?"]);
    hears(&mut ann, &["bob is here"]);
    bob.send_text("hi\nhow are you?\n");
    for client in [&mut ann, &mut bob] {
        hears(client, &["bob: hi", "bob: how are you?"]);
    }
    drop(bob);
    hears(&mut ann, &["bob has left"]);
    ann.send_text("so long\n");
    hears(&mut ann, &["ann: so long"]);
}

#[test]
fn after_a_kill_a_chat_knows_what_was_said_and_that_everybody_is_gone() {
    let place = Place::new();
    let host = place.run(&[&place.sample("chat").file()]);
    let mut ann = comes_in(&place, "ann");
    ann.send_text("remember me\n");
    hears(&mut ann, &["ann: remember me"]);
    let mut bob = comes_in(&place, "bob");
    hears(&mut bob, &["ann is here", "ann: remember me"]);
    hears(&mut ann, &["bob is here"]);
    host.kill9();
    assert_eq!((ann.hear(), bob.hear()), (None, None));

    let _host = place.run(&[]);
    let mut ann = comes_in(&place, "ann");
    hears(&mut ann, &["ann is here", "ann: remember me", "bob is here", "ann has left", "bob has left"]);
    let mut bob = comes_in(&place, "bob");
    hears(&mut ann, &["bob is here"]);
    bob.send_text("again\n");
    hears(&mut ann, &["bob: again"]);
}
