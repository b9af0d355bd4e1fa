//! Traces, with a collector on this machine. Only with the feature `otel`.

use std::fs::{self, DirBuilder};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::DirBuilderExt;
use std::sync::mpsc::{self, Receiver};
use std::thread;

use ocap_tests::{PATIENCE, Place};
use serde_json::Value;

/// What takes traces: its address, and each span as it came.
struct Collector {
    address: String,
    spans: Receiver<Value>,
}

impl Collector {
    fn start() -> Collector {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let (sender, spans) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                for span in spans_of(&taken(stream)) {
                    if sender.send(span).is_err() {
                        return;
                    }
                }
            }
        });
        Collector { address, spans }
    }

    /// Waits for a span with this name of this vat (none: of the call itself).
    #[track_caller]
    fn span(&self, seen: &mut Vec<Value>, name: &str, vat: Option<&str>) -> Value {
        let is = |span: &&Value| span["name"] == name && attribute(span, "ocap.vat") == vat;
        loop {
            if let Some(found) = seen.iter().find(is) {
                return found.clone();
            }
            seen.push(self.spans.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no {name} of {vat:?}: {seen:#?}")));
        }
    }
}

/// The body of a request, which is answered.
fn taken(mut stream: TcpStream) -> Value {
    let mut reader = BufReader::new(stream.try_clone().expect("a descriptor"));
    let mut length = 0;
    let mut line = String::new();
    while reader.read_line(&mut line).expect("a head") > 2 {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        line.clear();
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").expect("answered");
    serde_json::from_slice(&body).expect("JSON")
}

fn spans_of(body: &Value) -> Vec<Value> {
    let list = |value: &Value, name: &str| value[name].as_array().cloned().unwrap_or_default();
    let resources = list(body, "resourceSpans");
    let scopes = resources.iter().flat_map(|resource| list(resource, "scopeSpans"));
    scopes.flat_map(|scope| list(&scope, "spans")).collect()
}

fn attribute<'s>(span: &'s Value, name: &str) -> Option<&'s str> {
    let attributes = span["attributes"].as_array()?;
    attributes.iter().find(|attribute| attribute["key"] == name)?["value"]["stringValue"].as_str()
}

fn configured(place: &Place, endpoint: &str) {
    DirBuilder::new().mode(0o700).create(place.home("")).expect("a new home");
    fs::write(place.home("host.toml"), format!("[telemetry]\nendpoint = \"{endpoint}\"\n")).expect("written");
}

#[test]
fn a_messages_path_across_vats_is_one_trace() {
    let place = Place::new();
    let collector = Collector::start();
    configured(&place, &collector.address);
    let _host = place.run(&[&place.sample("pingpong").file()]);
    place.call("pingpong", "rally", &["1"]);
    let mut seen = Vec::new();
    let call = collector.span(&mut seen, "rally", None);
    let ping = collector.span(&mut seen, "rally", Some("pingpong/ping"));
    let pong = collector.span(&mut seen, "pong", Some("pingpong/pong"));
    let heard = collector.span(&mut seen, "settled", Some("pingpong/ping"));
    for (child, parent) in [(&ping, &call), (&pong, &ping), (&heard, &pong)] {
        assert_eq!(child["traceId"], call["traceId"], "{seen:#?}");
        assert_eq!(child["parentSpanId"], parent["spanId"], "{seen:#?}");
        assert_eq!(attribute(child, "ocap.outcome"), Some("applied"));
    }
    assert_eq!(attribute(&call, "ocap.outcome"), Some("fulfilled"));
    assert!(call["parentSpanId"].as_str().is_none_or(str::is_empty), "{call}");
}

#[test]
fn a_trap_is_seen_in_the_trace_of_the_call_that_caused_it() {
    let place = Place::new();
    let collector = Collector::start();
    configured(&place, &collector.address);
    let _host = place.run(&[&place.sample("misbehaver").file()]);
    assert_eq!(place.call_fails("misbehaver", "trap", &[]), "vat-trapped");
    let mut seen = Vec::new();
    let call = collector.span(&mut seen, "trap", None);
    let crank = collector.span(&mut seen, "trap", Some("misbehaver/misbehaver"));
    assert_eq!(
        (attribute(&call, "ocap.outcome"), attribute(&crank, "ocap.outcome")),
        (Some("vat-trapped"), Some("undone"))
    );
    assert_eq!(crank["parentSpanId"], call["spanId"]);
}

#[test]
fn without_a_collector_the_host_runs_and_ends_as_it_should() {
    let place = Place::new();
    // Nobody listens there: the port was free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    configured(&place, &format!("http://{free}"));
    let host = place.run(&[&place.sample("counter").file()]);
    assert_eq!(place.call("counter", "increment", &["5"]), 5);
    assert_eq!(host.stop(&place), 0);
}
