//! The graph in the language of Graphviz.

use super::{edge_label, kind_word, label, left_out};
use crate::daemon::requests::{Edge, EdgeKind, Graph, Node, NodeKind};

pub(super) fn document(graph: &Graph) -> String {
    let mut lines = vec![
        "digraph authority {".to_owned(),
        "  rankdir=LR;".to_owned(),
        "  node [shape=box, style=rounded, fontname=\"sans-serif\"];".to_owned(),
        "  edge [fontname=\"sans-serif\", fontsize=10];".to_owned(),
    ];
    if let Some(left_out) = left_out(graph) {
        lines.push(format!("  label={};", quoted(&left_out)));
    }
    lines.extend(graph.nodes.iter().map(node));
    lines.extend(graph.edges.iter().map(edge));
    lines.push("}".to_owned());
    lines.join("\n")
}

fn node(node: &Node) -> String {
    let name = label(&node.label);
    match node.kind {
        NodeKind::Vat => format!("  {} [label={}];", quoted(&node.id), quoted(&name)),
        kind => {
            let both = format!("{} {name}", kind_word(kind));
            format!("  {} [label={}, shape=ellipse, style=solid];", quoted(&node.id), quoted(&both))
        }
    }
}

fn edge(edge: &Edge) -> String {
    let style = match (edge.lost, edge.kind) {
        (true, _) => "dashed",
        (false, EdgeKind::Queued) => "dotted",
        (false, EdgeKind::Granted) => "bold",
        (false, EdgeKind::Passed | EdgeKind::Kept) => "solid",
    };
    let (from, to, name) = (quoted(&edge.from), quoted(&edge.to), quoted(&edge_label(edge)));
    format!("  {from} -> {to} [label={name}, style={style}];")
}

/// A string of the language: only quotes and backslashes mean something in it.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::super::samples::matcher;
    use super::*;

    #[test]
    fn a_graph_is_written_for_graphviz_and_no_name_ends_its_string() {
        let expected = r#"digraph authority {
  rankdir=LR;
  node [shape=box, style=rounded, fontname="sans-serif"];
  edge [fontname="sans-serif", fontsize=10];
  label="left out: 7 farther nodes; ask for a part with --from or --to";
  "v1" [label="matcher/matcher"];
  "v2" [label="matcher/index"];
  "ko1" [label="channel matcher/llm", shape=ellipse, style=solid];
  "v1" -> "ko1" [label="io.llm", style=bold];
  "v1" -> "v2" [label="vat.index", style=dashed];
  "v2" -> "v1" [label="evil \"quote\" \\ <b>&amp;\\u{1b}[2J, 3 more", style=solid];
  "ko1" -> "v1" [label="handler", style=solid];
}"#;
        assert_eq!(document(&matcher()), expected);
    }
}
