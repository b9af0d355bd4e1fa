//! Channels: several clients, half-closed ones, obstacles at their paths, and clients that do not read.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use ocap_tests::{Host, Place, eventually};
use serde_json::{Value, json};

const SOCKET: &str = "run/llm.sock";

fn matcher() -> (Place, Host) {
    let place = Place::new();
    let host = place.run(&[&place.sample("matcher").file()]);
    (place, host)
}

fn register(id: u64, name: &str) -> Value {
    json!({ "id": id, "register": { "name": name, "description": "a thing of the room" } })
}

#[test]
fn io1_several_clients_are_answered_each_on_its_own_connection() {
    let (place, _host) = matcher();
    let mut clients: Vec<_> = (0..4).map(|_| place.client(SOCKET)).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.send(&register(n as u64, &format!("thing{n}")));
    }
    for (n, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.receive(), Some(json!({ "id": n, "ok": true })));
    }
    let found = clients[0].ask(&json!({ "id": 9, "find": "room" }));
    assert_eq!(found["found"].as_array().map(Vec::len), Some(4), "{found}");
    assert_eq!(place.channel("matcher", "llm")["connections"], 4);
    drop(clients);
    eventually("they are gone", || (place.channel("matcher", "llm")["connections"] == 0).then_some(()));
}

#[test]
fn a_client_that_has_finished_sending_gets_all_its_answers_and_then_the_end() {
    let (place, _host) = matcher();
    let mut client = place.client(SOCKET);
    for id in 0..50 {
        client.send(&register(id, &format!("thing{id}")));
    }
    client.finish();
    let mut ids: Vec<u64> = Vec::new();
    while let Some(answer) = client.receive() {
        ids.push(answer["id"].as_u64().expect("the line's id"));
    }
    ids.sort_unstable();
    assert_eq!(ids, (0..50).collect::<Vec<_>>());
}

#[test]
fn lines_of_a_client_that_is_gone_are_not_lost() {
    let (place, _host) = matcher();
    let mut client = place.client(SOCKET);
    for id in 0..50 {
        client.send(&register(id, &format!("thing{id}")));
    }
    drop(client);
    let mut other = place.client(SOCKET);
    eventually("all 50 are registered", || {
        let found = other.ask(&json!({ "id": 1, "find": "room" }));
        (found["found"].as_array().map(Vec::len) == Some(50)).then_some(())
    });
}

#[test]
fn what_is_not_understood_is_answered_with_an_error_and_the_connection_lasts() {
    let (place, _host) = matcher();
    let mut client = place.client(SOCKET);
    client.send_text("no json\n");
    assert!(client.receive().expect("an answer")["error"].is_string());
    let answer = client.ask(&json!({ "id": 7, "what": "ever" }));
    assert_eq!((&answer["id"], answer["error"].is_string()), (&json!(7), true));
    assert_eq!(client.ask(&register(8, "lamp")), json!({ "id": 8, "ok": true }));
}

#[test]
fn a_line_over_the_limit_ends_its_connection_only() {
    let (place, _host) = matcher();
    let mut well_behaved = place.client(SOCKET);
    assert_eq!(well_behaved.ask(&register(1, "lamp")), json!({ "id": 1, "ok": true }));
    let client = place.client(SOCKET);
    let mut sender = client.sender();
    let endless = thread::spawn(move || {
        let chunk = [b'x'; 1 << 16];
        // Until the host hangs up.
        while sender.write_all(&chunk).is_ok() {}
    });
    endless.join().expect("it was hung up on");
    assert_eq!(well_behaved.ask(&json!({ "id": 2, "find": "room" })), json!({ "id": 2, "found": ["lamp"] }));
}

#[test]
fn a_stale_socket_file_is_replaced_after_a_kill() {
    let (place, host) = matcher();
    host.kill9();
    let file = place.home("channels").join(SOCKET);
    assert!(file.metadata().expect("the killed host left it").file_type().is_socket());
    UnixStream::connect(&file).expect_err("nobody listens");
    let _host = place.run(&[]);
    assert_eq!(place.client(SOCKET).ask(&register(1, "lamp")), json!({ "id": 1, "ok": true }));
}

#[test]
fn g14_a_stopped_host_leaves_no_socket() {
    let (place, host) = matcher();
    let socket = place.home("channels").join(SOCKET);
    assert_eq!(socket.metadata().expect("a socket").permissions().mode() & 0o777, 0o600);
    assert_eq!(host.stop(&place), 0);
    assert!(!socket.exists());
    assert!(!place.home("control.sock").exists());
}

#[test]
fn g13_a_channel_whose_place_is_taken_is_down_alone_and_heals_when_it_is_free() {
    let place = Place::new();
    let other = place.sample_as("matcher", "other");
    other.replace("run/llm.sock", "run/other.sock");
    place.run(&[&place.sample("matcher").file(), &other.file(), &place.sample("counter").file()]).kill9();
    let file = place.home("channels").join(SOCKET);
    fs::remove_file(&file).expect("the stale socket");
    fs::write(&file, "precious").expect("a file in its place");

    let host = place.run(&[]);
    let channel = place.channel("matcher", "llm");
    assert_eq!((&channel["state"], &channel["path_written"]), (&json!("down"), &json!(SOCKET)));
    let reason = &channel["reason"];
    assert_eq!((&reason["code"], &reason["subcluster"]), (&json!("ocap::channel::foreign"), &json!("matcher")));
    assert_eq!(reason["path_resolved"].as_str(), file.to_str());
    assert!(reason["help"].is_string());
    place.ocap(&["status"]).expect(3).json();
    assert!(host.ready()["problems"].to_string().contains("ocap::channel::foreign"), "{}", host.ready());
    // Everything else runs, the vats of the same subcluster included.
    assert_eq!(place.channel("other", "llm")["state"], "open");
    assert_eq!(place.client("run/other.sock").ask(&register(1, "lamp")), json!({ "id": 1, "ok": true }));
    assert_eq!(place.call("counter", "increment", &["1"]), 1);
    assert_eq!(place.call("matcher", "find", &["room"]), json!([]));
    assert_eq!(fs::read_to_string(&file).expect("it was left alone"), "precious");

    fs::remove_file(&file).expect("it is the user's");
    eventually("it is open", || (place.channel("matcher", "llm")["state"] == "open").then_some(()));
    // The object is the same as before the obstacle: the vat did not have to do anything.
    assert_eq!(place.client(SOCKET).ask(&register(2, "lamp")), json!({ "id": 2, "ok": true }));
    place.ocap(&["status"]).expect(0);
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn a_socket_that_another_program_serves_is_left_to_it() {
    let (place, host) = matcher();
    assert_eq!(host.stop(&place), 0);
    let file = place.home("channels").join(SOCKET);
    let _other = std::os::unix::net::UnixListener::bind(&file).expect("the place is free");
    let _host = place.run(&[]);
    assert_eq!(place.channel("matcher", "llm")["reason"]["code"], "ocap::channel::in_use");
    assert!(file.exists());
}

#[test]
fn an_absolute_path_is_refused_until_the_operator_allows_it() {
    let place = Place::new();
    let matcher = place.sample("matcher");
    let bridge = place.root().join("bridge");
    fs::create_dir(&bridge).expect("made");
    let socket = bridge.join("llm.sock");
    matcher.replace("run/llm.sock", socket.to_str().expect("UTF-8"));

    let host = place.run(&[]);
    let problem = place.ocap(&["launch", &matcher.word()]).expect(1).problem("ocap::channel::path_not_allowed");
    assert!(problem["help"].as_str().is_some_and(|help| help.contains("host.toml")), "{problem}");
    assert!(problem["span"]["label"].is_string(), "{problem}");
    assert!(!socket.exists());
    assert_eq!(place.status()["subclusters"], json!([]));
    assert_eq!(host.stop(&place), 0);

    fs::write(place.home("host.toml"), format!("[channels]\nroots = [{bridge:?}]\n")).expect("written");
    let host = place.run(&[&matcher.file()]);
    let mut client = ocap_tests::LineClient::connect(&socket);
    assert_eq!(client.ask(&register(1, "lamp")), json!({ "id": 1, "ok": true }));
    assert_eq!(host.stop(&place), 0);

    // What the operator takes back is gone at the next start, for that channel alone, and it is said.
    fs::remove_file(place.home("host.toml")).expect("removed");
    let host = place.run(&[]);
    let status = place.ocap(&["status"]).expect(3).json();
    assert!(status["problems"].to_string().contains("ocap::channel::path_not_allowed"), "{status:#}");
    assert!(!socket.exists());
    assert_eq!(place.call("matcher", "find", &["room"]), json!(["lamp"]));
    assert_eq!(host.stop(&place), 3);
}

#[test]
fn a_client_that_does_not_read_is_not_read_and_loses_nothing() {
    const LINES: usize = 20_000;
    let (place, _host) = matcher();
    let mut client = place.client(SOCKET);
    let mut sender = client.sender();
    let sent = AtomicUsize::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for id in 0..LINES {
                let line = format!("{{\"id\":{id},\"find\":\"{}\"}}\n", "x".repeat(400));
                sender.write_all(line.as_bytes()).expect("the connection lasts");
                sent.fetch_add(1, Ordering::SeqCst);
            }
        });
        // Nobody reads the answers; so at some time no more lines are taken. Were all of them taken, this would see it.
        let stuck_at = standstill(&sent);
        assert!(stuck_at < LINES, "all {LINES} lines were taken though no answer was read");
        // Others are not kept waiting by it.
        assert_eq!(place.client(SOCKET).ask(&register(1, "lamp")), json!({ "id": 1, "ok": true }));
        let mut ids: Vec<u64> = Vec::new();
        for _ in 0..LINES {
            ids.push(client.receive().expect("an answer to each line")["id"].as_u64().expect("the line's id"));
        }
        ids.sort_unstable();
        assert_eq!(ids, (0..LINES as u64).collect::<Vec<_>>());
    });
}

/// The number at which the counter stands when it no longer moves.
fn standstill(counter: &AtomicUsize) -> usize {
    let (mut last, mut unmoved) = (0, 0);
    eventually("a standstill", || {
        thread::sleep(Duration::from_millis(20));
        let now = counter.load(Ordering::SeqCst);
        unmoved = if now == last && now > 0 { unmoved + 1 } else { 0 };
        last = now;
        (unmoved == 25).then_some(now)
    })
}
