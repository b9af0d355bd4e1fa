//! The control socket as programs see it: what it says of itself, who may what, and what it does not put up with.

use ocap_tests::{Http, Place, eventually};
use serde_json::json;

use crate::scenes::queued;

fn bearer(secret: &str) -> String {
    format!("authorization: Bearer {secret}\r\n")
}

/// A token of this role; its head line.
fn token(place: &Place, name: &str, role: &str) -> String {
    let made = place.ocap(&["token", "add", name, "--role", role]).expect(0).json();
    assert_eq!((&made["$type"], &made["role"]), (&json!("new-token"), &json!(role)));
    bearer(made["secret"].as_str().expect("a secret"))
}

#[test]
fn the_socket_describes_itself_and_every_path_that_it_describes_is_there() {
    let place = Place::new();
    let _host = place.run(&[]);
    let mut http = place.http();
    let document = http.ask("GET", "/v1/openapi.json", "", "").json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() > 15, "{paths:?}");
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().expect("methods") {
            assert!(operation["x-role"].is_string() && operation["summary"].is_string(), "{path}: {operation}");
            let other = if method == "get" { "DELETE" } else { "GET" };
            if methods.get("get").is_none() || other == "DELETE" {
                let refused = http.ask(other, &path.replace(['{', '}'], ""), "", "");
                assert_eq!((refused.status, refused.code().as_str()), (405, "ocap::request::wrong_method"), "{path}");
                assert!(refused.json()["help"].to_string().contains(&method.to_uppercase()), "{}", refused.body);
            }
            // A body that fits nothing changes nothing.
            if operation.get("requestBody").is_some() {
                let refused = http.ask(&method.to_uppercase(), path, "", "\"nonsense\"");
                assert_eq!((refused.status, refused.code().as_str()), (400, "ocap::request::malformed"), "{path}");
            }
        }
    }
    let nowhere = http.ask("GET", "/v1/nowhere", "", "");
    assert_eq!((nowhere.status, nowhere.code().as_str()), (404, "ocap::request::no_such_route"));
}

#[test]
fn a_token_gives_its_role_and_nothing_more_until_it_is_removed() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("counter").file()]);
    let (read, operate) = (token(&place, "dashboard", "read"), token(&place, "robot", "operate"));
    let mut http = place.http();
    let call = json!({ "target": "counter", "method": "increment", "args": [1] }).to_string();
    let end = json!({ "subcluster": "counter" }).to_string();

    assert_eq!(http.ask("GET", "/v1/status", &read, "").status, 200);
    let refused = http.ask("POST", "/v1/call", &read, &call);
    assert_eq!((refused.status, refused.code().as_str()), (403, "ocap::request::forbidden"));
    assert!(refused.json()["message"].to_string().contains("`operate`"), "{}", refused.body);
    assert_eq!(http.ask("POST", "/v1/call", &operate, &call).json()["value"], 1);
    let refused = http.ask("POST", "/v1/terminate", &operate, &end);
    assert_eq!((refused.status, refused.code().as_str()), (403, "ocap::request::forbidden"));

    let listed = place.ocap(&["token", "list"]).expect(0).json();
    assert_eq!((&listed["tokens"][0]["name"], &listed["tokens"][1]["role"]), (&json!("dashboard"), &json!("operate")));
    place.ocap(&["token", "remove", "robot", "--yes"]).expect(0);
    for head in [operate, bearer("robot.wrong"), "authorization: Basic eA==\r\n".to_owned()] {
        let refused = http.ask("POST", "/v1/call", &head, &call);
        assert_eq!((refused.status, refused.code().as_str()), (401, "ocap::request::unauthorized"));
    }
    // Without a token a client is the home's owner.
    assert_eq!(http.ask("POST", "/v1/call", "", &call).json()["value"], 2);
    assert_eq!(http.ask("POST", "/v1/terminate", &token(&place, "boss", "admin"), &end).status, 200);
    place.ocap(&["token", "remove", "nobody"]).expect(1).problem("ocap::token::unknown");
    place.ocap(&["token", "add", "../x", "--role", "read"]).expect(2).problem("ocap::usage::token");
}

#[test]
fn a_body_that_is_nested_too_deeply_is_refused_before_it_is_read() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("echo").file()]);
    let nested = |depth: usize| {
        let argument = format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        place.http().ask("POST", "/v1/call", "", &format!(r#"{{"target":"echo","method":"echo","args":[{argument}]}}"#))
    };
    // The body and its `args` are two of the 64.
    assert_eq!(nested(62).status, 200, "{}", nested(62).body);
    let refused = nested(63);
    assert_eq!((refused.status, refused.code().as_str()), (400, "ocap::request::too_deep"));
    assert_eq!(nested(10_000).code(), "ocap::request::too_deep");
}

#[test]
fn when_as_many_clients_hang_as_may_the_next_is_told_so_and_the_host_can_be_asked_and_stopped() {
    let place = Place::new();
    let counter = place.sample("counter");
    counter.link("counter");
    place.run(&[&counter.file()]).kill9();
    counter.move_away("counter");
    let host = place.run(&[]);
    // Its messages wait for as long as it is in quarantine.
    let call = json!({ "target": "counter", "method": "increment", "args": [1] }).to_string();
    let mut hanging: Vec<Http> = Vec::new();
    for _ in 0..64 {
        let mut http = place.http();
        http.begin("POST", "/v1/call", "", &call);
        hanging.push(http);
    }
    queued(&place, "counter", "counter", 64);
    let refused = place.http().ask("POST", "/v1/call", "", &call);
    assert_eq!((refused.status, refused.code().as_str()), (503, "ocap::request::too_many"));
    place.ocap(&["call", "counter", "get"]).expect(1).problem("ocap::request::too_many");
    assert_eq!(place.http().ask("GET", "/v1/ping", "", "").status, 200);
    assert_eq!(place.vat("counter", "counter")["queued"], 64);
    // One that gives up makes room.
    drop(hanging.pop());
    eventually("a place", || {
        let asked = place.http().ask("GET", "/v1/pins", "", "");
        (asked.status == 200).then_some(())
    });
    assert_eq!(host.stop(&place), 3);
}

#[test]
fn a_brief_status_leaves_out_the_code_and_the_grants_of_vats_and_nothing_else() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("matcher").file()]);
    let mut http = place.http();
    let mut status = |path: &str| {
        let mut status = http.ask("GET", path, "", "").json();
        // These go on while one looks.
        for passing in ["for_ms", "figures"] {
            status.as_object_mut().expect("an object").remove(passing);
        }
        status
    };
    let (mut whole, brief) = (status("/v1/status"), status("/v1/status?brief"));
    assert_eq!(whole, status("/v1/status?brief=false"));
    for vat in whole["subclusters"][0]["vats"].as_array_mut().expect("vats") {
        let vat = vat.as_object_mut().expect("an object");
        assert!(vat.remove("component").is_some(), "{vat:?}");
        vat.remove("grants");
    }
    assert_eq!(whole, brief);
    let refused = http.ask("GET", "/v1/status?breif", "", "");
    assert_eq!((refused.status, refused.code().as_str()), (400, "ocap::request::malformed"));
}

#[test]
fn a_client_that_does_not_say_what_it_wants_is_hung_up_on() {
    let place = Place::new();
    let _host = place.run(&[]);
    let (mut silent, mut slow, mut endless) = (place.http(), place.http(), place.http());
    slow.send("GET /v1/ping HTTP/1.1\r\nhost: ");
    endless.send("POST /v1/pin HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{\"reference\"");
    let mut large = place.http();
    large.send(&format!("GET /v1/ping HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(100_000)));
    assert!(large.hung_up().starts_with("HTTP/1.1 431 "));
    let mut many = place.http();
    many.send(&format!("GET /v1/ping HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(100)));
    assert!(many.hung_up().starts_with("HTTP/1.1 431 "));
    assert_eq!(place.http().ask("GET", "/v1/ping", "", "").status, 200);
    silent.hung_up();
    assert!(!slow.hung_up().contains("pong"));
    let told = endless.reply();
    assert_eq!((told.status, told.code().as_str()), (408, "ocap::request::too_slow"));
}

#[test]
fn at_the_socket_to_hand_on_nobody_is_anybody_without_a_token() {
    let place = Place::new();
    let host = place.run(&[&place.sample("counter").file()]);
    let handed = place.home("token.sock");
    let mut http = Http::connect(&handed);
    for path in ["/v1/ping", "/v1/status", "/v1/openapi.json"] {
        let refused = http.ask("GET", path, "", "");
        assert_eq!((refused.status, refused.code().as_str()), (401, "ocap::request::unauthorized"), "{path}");
    }
    assert_eq!(http.ask("POST", "/v1/stop", "", "").status, 401);
    let read = token(&place, "dashboard", "read");
    assert_eq!(http.ask("GET", "/v1/status", &read, "").status, 200);
    assert_eq!(http.ask("POST", "/v1/stop", &read, "").status, 403);
    // What its clients do hinders nobody at the other one.
    let mut following: Vec<Http> = Vec::new();
    for _ in 0..64 {
        let mut http = Http::connect(&handed);
        http.begin("GET", "/v1/events?follow", &read, "");
        assert!(http.head()[0].contains("200"));
        following.push(http);
    }
    assert_eq!(http.ask("GET", "/v1/pins", &read, "").code(), "ocap::request::too_many");
    assert_eq!(place.call("counter", "increment", &["1"]), 1);
    host.kill9();
    let host = place.run(&[]);
    assert_eq!(Http::connect(&handed).ask("GET", "/v1/ping", &read, "").status, 200);
    assert_eq!(host.stop(&place), 0);
    assert!(!handed.exists());
}
