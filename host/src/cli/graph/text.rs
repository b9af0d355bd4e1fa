//! The graph as lines: each node, and under it whom it reaches directly.

use super::{edge_label, edge_word, kind_word, label, left_out, named};
use crate::daemon::requests::{Edge, Graph, Node, NodeKind};

pub(super) fn text(graph: &Graph) -> String {
    let mut lines = Vec::new();
    for node in &graph.nodes {
        lines.push(title(node));
        let mut reaches = graph.edges.iter().filter(|edge| edge.from == node.id).peekable();
        if reaches.peek().is_none() {
            lines.push("  reaches nothing here".to_owned());
        }
        lines.extend(reaches.map(|edge| line(graph, edge)));
    }
    if lines.is_empty() {
        lines.push("there is nothing".to_owned());
    }
    lines.extend(left_out(graph));
    lines.join("\n")
}

fn title(node: &Node) -> String {
    match node.kind {
        NodeKind::Vat => format!("{} ({})", label(&node.label), node.id),
        kind => format!("{} {} ({})", kind_word(kind), label(&node.label), node.id),
    }
}

fn line(graph: &Graph, edge: &Edge) -> String {
    let to = named(graph, &edge.to).map_or_else(|| edge.to.clone(), title);
    let lost = if edge.lost { ", answers no more" } else { "" };
    format!("  {} {to}: {} {}{lost}", if edge.lost { "-x" } else { "->" }, edge_word(edge.kind), edge_label(edge))
}

#[cfg(test)]
mod tests {
    use super::super::samples::matcher;
    use super::*;

    #[test]
    fn each_node_is_followed_by_what_it_reaches() {
        let expected = "\
matcher/matcher (v1)
  -> channel matcher/llm (ko1): granted io.llm
  -x matcher/index (v2): granted vat.index, answers no more
matcher/index (v2)
  -> matcher/matcher (v1): passed evil \"quote\" \\ <b>&amp;\\u{1b}[2J, 3 more
channel matcher/llm (ko1)
  -> matcher/matcher (v1): kept handler
left out: 7 farther nodes; ask for a part with --from or --to";
        assert_eq!(text(&matcher()), expected);
    }

    #[test]
    fn a_graph_of_nothing_says_so() {
        let none = Graph { nodes: vec![], edges: vec![], nodes_left_out: 0, edges_left_out: 0 };
        assert_eq!(text(&none), "there is nothing");
    }
}
