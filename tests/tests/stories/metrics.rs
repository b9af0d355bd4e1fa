//! Figures of the host, as Prometheus reads them and as JSON.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use ocap_tests::Place;
use serde_json::json;

/// A path of the control socket, as `curl --unix-socket` would get it: head and body.
fn got(place: &Place, path: &str) -> (String, String) {
    let mut stream = UnixStream::connect(place.home("control.sock")).expect("a socket");
    write!(stream, "GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").expect("written");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("HTTP");
    (head.to_owned(), body.to_owned())
}

/// The number of a series.
#[track_caller]
fn number(text: &str, series: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {series} in\n{text}")).parse().expect("a number")
}

#[test]
fn metrics_count_cranks_commits_messages_and_lines_since_the_boot() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("matcher").file(), &place.sample("misbehaver").file()]);
    let mut client = place.client("run/llm.sock");
    client.ask(&json!({ "id": 1, "find": "room" }));
    place.call_fails("misbehaver", "trap", &[]);
    let text = place.ocap(&["metrics", "--format", "text"]).expect(0).stdout;
    assert_eq!(number(&text, "ocap_cranks_total{outcome=\"undone\"}"), 1.0);
    assert!(number(&text, "ocap_cranks_total{outcome=\"applied\"}") >= 5.0, "{text}");
    assert_eq!(number(&text, "ocap_channel_lines_total{direction=\"in\"}"), 1.0);
    assert_eq!(number(&text, "ocap_channel_lines_total{direction=\"out\"}"), 1.0);
    assert_eq!(number(&text, "ocap_channel_connections"), 1.0);
    assert_eq!(number(&text, "ocap_boot"), 1.0);
    assert!(number(&text, "ocap_messages_in_total") >= 2.0);
    assert!(number(&text, "ocap_commit_seconds_count") >= 1.0);
    let all = number(&text, "ocap_crank_seconds_count");
    assert_eq!(number(&text, "ocap_crank_seconds_bucket{le=\"+Inf\"}"), all);
    assert!(number(&text, "ocap_crank_seconds_sum") > 0.0);
    assert!(number(&text, "ocap_store_bytes{part=\"file\"}") > 0.0);
    assert!(number(&text, "ocap_process_resident_memory_bytes") > 1e6);
    assert!(text.contains("# TYPE ocap_commit_seconds histogram\n"), "{text}");
    assert!(!text.contains("vat="), "no series of single vats");
}

#[test]
fn metrics_of_each_vat_are_there_when_they_are_asked_for() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("matcher").file(), &place.sample("counter").file()]);
    place.call("counter", "increment", &["1"]);
    let text = place.ocap(&["metrics", "--per-vat", "--format", "text"]).expect(0).stdout;
    assert_eq!(number(&text, "ocap_vat_cranks_total{vat=\"counter/counter\",id=\"v3\"}"), 2.0);
    assert_eq!(number(&text, "ocap_vat_served{vat=\"matcher/index\",id=\"v1\"}"), 1.0);
    assert_eq!(number(&text, "ocap_vats_without_series"), 0.0);
}

#[test]
fn the_control_socket_has_the_same_figures_for_prometheus() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("counter").file()]);
    let (head, body) = got(&place, "/metrics");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.to_lowercase().contains("content-type: text/plain; version=0.0.4"), "{head}");
    assert_eq!(number(&body, "ocap_vats{state=\"awake\"}"), 1.0);
    let (_, body) = got(&place, "/metrics/vats");
    assert_eq!(number(&body, "ocap_vat_incarnation{vat=\"counter/counter\",id=\"v1\"}"), 1.0);
    let json = place.ocap(&["metrics"]).expect(0).json();
    assert_eq!((&json["$type"], &json["figures"]["vats"]["awake"]), (&"metrics".into(), &1.into()));
}
