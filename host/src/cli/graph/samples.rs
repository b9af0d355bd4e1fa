//! A graph for the tests of each form: a revoked edge, and a name that a hostile guest chose.

use crate::daemon::requests::{Edge, EdgeKind, EdgeReference, Graph, Node, NodeKind};

fn edge(from: &str, to: &str, kind: EdgeKind, label: &str) -> Edge {
    let reference = EdgeReference { reference: "ko9".into(), label: label.into() };
    Edge { from: from.into(), to: to.into(), kind, lost: false, count: 1, references: vec![reference] }
}

pub(super) fn matcher() -> Graph {
    let node = |id: &str, kind, label: &str| Node { id: id.into(), kind, label: label.into() };
    let revoked = Edge { lost: true, ..edge("v1", "v2", EdgeKind::Granted, "vat.index") };
    let hostile = edge("v2", "v1", EdgeKind::Passed, "evil \"quote\" \\ <b>&amp;\u{1b}[2J");
    Graph {
        nodes: vec![
            node("v1", NodeKind::Vat, "matcher/matcher"),
            node("v2", NodeKind::Vat, "matcher/index"),
            node("ko1", NodeKind::Channel, "matcher/llm"),
        ],
        edges: vec![
            edge("v1", "ko1", EdgeKind::Granted, "io.llm"),
            revoked,
            Edge { count: 4, ..hostile },
            edge("ko1", "v1", EdgeKind::Kept, "handler"),
        ],
        nodes_left_out: 7,
        edges_left_out: 0,
    }
}
