//! The graph as a picture.

use super::layout::{Layout, Line, Point, Size, layout};
use super::{edge_label, edge_word, kind_word, label, left_out};
use crate::daemon::requests::{Edge, Graph, Node, NodeKind};

/// The heights of a node's name and of everything smaller, in pixels.
const NAME_PX: usize = 14;
const SMALL_PX: usize = 11;
/// How much of a name fits.
const NAME_CHARS_MAX: usize = 40;
const EDGE_CHARS_MAX: usize = 30;

macro_rules! head {
    ($name:literal, $colour:literal) => {
        concat!(
            "<marker id=\"",
            $name,
            "\" markerWidth=\"9\" markerHeight=\"8\" refX=\"8\" refY=\"4\" orient=\"auto\" ",
            "markerUnits=\"userSpaceOnUse\"><path d=\"M0 0L9 4L0 8z\" fill=\"",
            $colour,
            "\"/></marker>"
        )
    };
}

const STYLE: &str = "
text { font-family: system-ui, sans-serif; fill: #1b1f24; text-anchor: middle; }
.small { fill: #57606a; }
.name { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
rect { fill: #f6f8fa; stroke: #57606a; }
rect.vat { fill: #ddf4ff; stroke: #0969da; }
path.edge { fill: none; stroke: #57606a; stroke-width: 1.5px; }
path.granted { stroke: #1b1f24; }
path.passed { stroke: #0969da; }
path.queued { stroke: #bc4c00; stroke-dasharray: 2 3; }
path.lost { stroke: #cf222e; stroke-dasharray: 7 5; }
rect.paper { fill: #ffffff; stroke: none; }
";
/// One head for each colour: not every viewer lets a head take that of its line.
const HEADS: &str = concat!(
    "<defs>",
    head!("granted", "#1b1f24"),
    head!("passed", "#0969da"),
    head!("queued", "#bc4c00"),
    head!("kept", "#57606a"),
    head!("lost", "#cf222e"),
    "</defs>"
);

/// Around everything, and below it for the legend.
const MARGIN: f64 = 20.0;
const LEGEND_HEIGHT: f64 = 48.0;
const LEGEND: &str = "black: granted · blue: passed · dotted: in messages that wait · grey: kept by the host · red, dashed: answers no more";
const WIDTH_MIN: f64 = 640.0;

pub(super) fn document(graph: &Graph) -> String {
    let boxes: Vec<Size> = graph.nodes.iter().map(size).collect();
    let lines: Vec<Line> = graph.edges.iter().filter_map(|edge| line(graph, edge)).collect();
    let laid = layout(&boxes, &lines);
    let (width, height) = (laid.width.max(WIDTH_MIN) + 2.0 * MARGIN, laid.height + 2.0 * MARGIN + LEGEND_HEIGHT);
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\">\n<title>Who can reach what</title>\n<style>{STYLE}</style>\n{HEADS}\n\
         <rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n<g transform=\"translate({MARGIN} {MARGIN})\">\n{}{}{}</g>\n{}</svg>",
        drawn_edges(graph, &laid),
        drawn_nodes(graph, &boxes, &laid),
        drawn_names(graph, &laid),
        legend(graph, width / 2.0, height - LEGEND_HEIGHT + 8.0),
    )
}

fn name_of(node: &Node) -> String {
    cut(&label(&node.label), NAME_CHARS_MAX)
}

fn name_of_edge(edge: &Edge) -> String {
    cut(&edge_label(edge), EDGE_CHARS_MAX)
}

/// What stands below a node's name.
fn second(node: &Node) -> &str {
    match node.kind {
        NodeKind::Vat => &node.id,
        kind => kind_word(kind),
    }
}

fn size(node: &Node) -> Size {
    let chars = name_of(node).chars().count().max(second(node).len());
    Size { width: (chars * 8 + 24) as f64, height: 44.0 }
}

/// Nodes are few enough to be looked for.
fn line(graph: &Graph, edge: &Edge) -> Option<Line> {
    let place = |id: &str| graph.nodes.iter().position(|node| node.id == id);
    let name = Size { width: (name_of_edge(edge).chars().count() * 6 + 10) as f64, height: 14.0 };
    Some(Line { from: place(&edge.from)?, to: place(&edge.to)?, name })
}

fn drawn_edges(graph: &Graph, laid: &Layout) -> String {
    let drawn = graph.edges.iter().zip(&laid.ways).filter_map(|(edge, way)| {
        let (start, rest) = way.split_first()?;
        let class = if edge.lost { "lost" } else { edge_word(edge.kind) };
        let mut d = format!("M{:.1} {:.1}", start.x, start.y);
        let mut at = start;
        for next in rest {
            let middle = (at.x + next.x) / 2.0;
            d.push_str(&format!("C{middle:.1} {:.1} {middle:.1} {:.1} {:.1} {:.1}", at.y, next.y, next.x, next.y));
            at = next;
        }
        Some(format!("<path class=\"edge {class}\" d=\"{d}\" marker-end=\"url(#{class})\"/>\n"))
    });
    drawn.collect()
}

fn drawn_nodes(graph: &Graph, boxes: &[Size], laid: &Layout) -> String {
    let drawn = graph.nodes.iter().zip(boxes).zip(&laid.nodes).map(|((node, size), at)| {
        let class = if node.kind == NodeKind::Vat { "vat" } else { "host" };
        let (x, y) = (at.x - size.width / 2.0, at.y - size.height / 2.0);
        let Size { width, height } = size;
        let frame = format!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n"
        );
        let name = word(Point { y: at.y - 8.0, ..*at }, NAME_PX, "", &name_of(node));
        frame + &name + &word(Point { y: at.y + 10.0, ..*at }, SMALL_PX, "small", second(node))
    });
    drawn.collect()
}

fn drawn_names(graph: &Graph, laid: &Layout) -> String {
    let named = graph.edges.iter().zip(&laid.ways).zip(&laid.names).filter(|((_, way), _)| !way.is_empty());
    named.map(|((edge, _), at)| word(*at, SMALL_PX, "name", &name_of_edge(edge))).collect()
}

fn legend(graph: &Graph, x: f64, y: f64) -> String {
    let left_out = left_out(graph).map(|text| word(Point { x, y: y + 16.0 }, SMALL_PX, "small", &text));
    word(Point { x, y }, SMALL_PX, "small", LEGEND) + &left_out.unwrap_or_default()
}

fn word(at: Point, px: usize, class: &str, text: &str) -> String {
    format!(
        "<text class=\"{class}\" x=\"{:.1}\" y=\"{:.1}\" dy=\"0.35em\" font-size=\"{px}\">{}</text>\n",
        at.x,
        at.y,
        xml(text)
    )
}

fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text.to_owned();
    }
    text.chars().take(chars_max - 1).chain(['…']).collect()
}

/// Text for an element's content or a quoted attribute. What XML does not have at all is gone since [`label`].
fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&apos;")
}

#[cfg(test)]
mod tests {
    use super::super::samples::matcher;
    use super::*;

    #[test]
    fn a_picture_has_every_node_and_edge_once_and_revoked_ones_are_marked() {
        let svg = document(&matcher());
        assert_eq!((svg.matches("<rect class=\"vat\"").count(), svg.matches("<rect class=\"host\"").count()), (2, 1));
        assert_eq!(svg.matches("class=\"edge ").count(), 4);
        assert_eq!(svg.matches("class=\"edge lost\"").count(), 1);
        assert!(
            svg.contains(">matcher/llm<") && svg.contains(">vat.index<") && svg.contains("7 farther nodes"),
            "{svg}"
        );
    }

    #[test]
    fn no_name_that_a_guest_chose_is_markup() {
        let svg = document(&matcher());
        assert!(svg.contains("evil &quot;quote&quot; \\ &lt;b&gt;&amp;amp;"), "{svg}");
        assert!(!svg.contains("<b>") && !svg.contains('\u{1b}'), "{svg}");
    }

    #[test]
    fn long_names_are_cut() {
        assert_eq!(cut("four", 4), "four");
        assert_eq!(cut("fiver", 4), "fiv…");
    }

    #[test]
    fn a_graph_of_nothing_is_a_picture_too() {
        let none = Graph { nodes: vec![], edges: vec![], nodes_left_out: 0, edges_left_out: 0 };
        assert!(document(&none).ends_with("</svg>"));
    }
}
