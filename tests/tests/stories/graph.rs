//! Who can reach what: as a whole, from one place, to one place, and in each form.

use ocap_tests::{Host, Place, eventually};
use serde_json::{Value, json};

fn graph(place: &Place, args: &[&str]) -> Value {
    let graph = place.ocap(&[&["graph"], args].concat()).expect(0).json();
    assert_eq!(
        (&graph["$type"], &graph["nodes_left_out"], &graph["edges_left_out"]),
        (&json!("graph"), &json!(0), &json!(0))
    );
    graph
}

fn list<'g>(graph: &'g Value, field: &str) -> &'g Vec<Value> {
    graph[field].as_array().expect("a list")
}

/// The names of the nodes, in order of the alphabet.
fn names(graph: &Value) -> Vec<String> {
    let label = |node: &Value| node["label"].as_str().expect("a label").to_owned();
    let mut names: Vec<String> = list(graph, "nodes").iter().map(label).collect();
    names.sort();
    names
}

/// Each edge in words, in order of the alphabet: `matcher/matcher granted matcher/llm io.llm`.
fn edges(graph: &Value) -> Vec<String> {
    let name = |id: &Value| {
        let node = list(graph, "nodes").iter().find(|node| node["id"] == *id).expect("an edge is between nodes");
        node["label"].as_str().expect("a label").to_owned()
    };
    let edge = |edge: &Value| {
        let lost = if edge["lost"] == true { ", lost" } else { "" };
        let label = edge["references"][0]["label"].as_str().expect("a label");
        format!(
            "{} {} {} {label}{lost}",
            name(&edge["from"]),
            edge["kind"].as_str().expect("a kind"),
            name(&edge["to"])
        )
    };
    let mut edges: Vec<String> = list(graph, "edges").iter().map(edge).collect();
    edges.sort();
    edges
}

/// A matcher that serves its channel.
fn matcher(place: &Place) -> Host {
    let host = place.run(&[&place.sample("matcher").file()]);
    let is_served = || list(&graph(place, &[]), "edges").iter().any(|edge| edge["kind"] == "kept");
    eventually("the channel is served", || is_served().then_some(()));
    host
}

#[test]
fn the_whole_graph_has_vats_channels_and_who_holds_ways_to_whom() {
    let place = Place::new();
    let host = matcher(&place);
    let check = || {
        let whole = graph(&place, &[]);
        assert_eq!(names(&whole), ["matcher/index", "matcher/llm", "matcher/matcher"]);
        assert_eq!(
            edges(&whole),
            [
                "matcher/llm kept matcher/matcher handler",
                "matcher/matcher granted matcher/index vat.index",
                "matcher/matcher granted matcher/llm io.llm",
            ]
        );
    };
    check();
    host.kill9();
    let _host = place.run(&[]);
    check();
}

#[test]
fn from_a_channel_everything_is_reached_that_its_clients_may_cause() {
    let place = Place::new();
    let _host = matcher(&place);
    place.ocap(&["launch", &place.sample("counter").word()]).expect(0);
    let from = graph(&place, &["--from", "matcher/io.llm"]);
    assert_eq!(names(&from), ["matcher/index", "matcher/llm", "matcher/matcher"]);
    assert_eq!(from["nodes"][0]["kind"], "channel", "the start comes first");
    assert_eq!(names(&graph(&place, &["--from", "matcher/index"])), ["matcher/index"]);
    let to = graph(&place, &["--to", "matcher/index"]);
    assert_eq!(names(&to), ["matcher/index", "matcher/llm", "matcher/matcher"]);
    assert_eq!(edges(&to), edges(&from), "whoever reaches the matcher, its own channel too, reaches the index");
    assert_eq!(names(&graph(&place, &["--from", "counter", "--to", "matcher/index"])), ["counter/counter"]);
    place.ocap(&["graph", "--from", "matcher/nothing"]).expect(1).problem("ocap::target::unknown");
}

#[test]
fn a_revoked_way_is_shown_and_leads_no_farther() {
    let place = Place::new();
    let _host = matcher(&place);
    place.ocap(&["revoke", "--yes", "matcher/matcher", "vat.index"]).expect(0);
    let to = graph(&place, &["--to", "matcher/index"]);
    assert!(edges(&to).contains(&"matcher/matcher granted matcher/index vat.index, lost".to_owned()), "{to:#}");
    place.ocap(&["revoke", "--yes", "matcher/matcher", "io.llm"]).expect(0);
    let from = graph(&place, &["--from", "matcher/matcher"]);
    assert!(edges(&from).iter().all(|edge| edge.ends_with(", lost")), "{from:#}");
}

#[test]
fn what_was_passed_on_is_an_edge_with_the_message_that_brought_it() {
    let place = Place::new();
    let _host = place.run(&[&place.sample("lamps").file(), &place.sample("courier").file()]);
    let lamp = place.call("lamps/house", "lamp", &["hall"]);
    assert_eq!(place.call("courier", "keep", &["hall", &lamp.to_string()]), Value::Null);
    let to = graph(&place, &["--to", lamp["$cap"].as_str().expect("a reference")]);
    assert_eq!(edges(&to), ["courier/courier passed lamps/house keep"], "the switch holds the house, not this lamp");
    let house = graph(&place, &["--to", "lamps/house"]);
    assert!(edges(&house).contains(&"lamps/switch granted lamps/house vat.house".to_owned()), "{house:#}");
}

#[test]
fn a_graph_is_written_for_graphviz_and_as_a_picture() {
    let place = Place::new();
    let _host = matcher(&place);
    let dot = place.ocap(&["graph", "--as", "dot"]).expect(0).stdout;
    assert!(dot.starts_with("digraph authority {\n") && dot.ends_with("}\n"), "{dot}");
    assert!(dot.contains("[label=\"vat.index\", style=bold];"), "{dot}");
    let svg = place.ocap(&["graph", "--from", "matcher/io.llm", "--as", "svg"]).expect(0).stdout;
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"), "{svg}");
    assert!(svg.contains(">matcher/matcher</text>") && svg.contains(">vat.index</text>"), "{svg}");
}
