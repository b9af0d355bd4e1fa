//! `graph`: who can reach what, for people, for Graphviz, and as a picture.

mod dot;
mod layout;
mod svg;
mod text;

use clap::ValueEnum;

use crate::cli::exit::{self, ExitStatus};
use crate::cli::render::escape;
use crate::cli::session::Session;
use crate::daemon::requests::{Edge, EdgeKind, Graph, GraphBody, Node, NodeKind};
use crate::problem::Problem;

/// Show who can reach what: by itself, and through whoever it can reach
///
/// The host does not see what a vat gives away of what it holds, so this is the most that can happen, never less.
#[derive(Debug, clap::Args)]
#[command(after_help = exit::HELP)]
pub(super) struct GraphArgs {
    /// Only what can be reached from there: a vat, a channel like `matcher/io.llm`, or a reference like `ko7`
    #[arg(long, value_name = "TARGET")]
    from: Option<String>,
    /// Only what can reach this
    #[arg(long, value_name = "TARGET")]
    to: Option<String>,
    /// Write a document for other programs, whatever `--format` says
    #[arg(long = "as", value_enum, value_name = "DOCUMENT")]
    document: Option<Document>,
}

/// A document that other programs read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Document {
    /// For Graphviz
    Dot,
    /// A picture for a browser
    Svg,
}

pub(super) fn run(args: &GraphArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let body = GraphBody { from: args.from.clone(), to: args.to.clone() };
    let graph: Graph = session.client()?.post("/v1/graph", &body)?;
    match args.document {
        None => session.answer(&graph, text::text)?,
        Some(Document::Dot) => session.answer_document(&dot::document(&graph))?,
        Some(Document::Svg) => session.answer_document(&svg::document(&graph))?,
    }
    Ok(ExitStatus::Ok)
}

/// What a node is, after its name; a vat needs no word.
fn kind_word(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Vat => "vat",
        NodeKind::Channel => "channel",
        NodeKind::Connection => "connection",
        NodeKind::Service => "service",
        NodeKind::Timer => "timer",
        NodeKind::Pin => "pin",
        NodeKind::Call => "keyed call",
        NodeKind::HostObject => "host object",
    }
}

/// How an edge came.
fn edge_word(kind: EdgeKind) -> &'static str {
    match kind {
        EdgeKind::Granted => "granted",
        EdgeKind::Passed => "passed",
        EdgeKind::Queued => "queued",
        EdgeKind::Kept => "kept",
    }
}

/// A label on one line that commands nothing. Vats choose the names of methods.
fn label(text: &str) -> String {
    escape(text)
        .chars()
        .map(|c| if c.is_whitespace() || matches!(c, '\u{fffe}' | '\u{ffff}') { ' ' } else { c })
        .collect()
}

/// What an edge is called: its first references by their names, each once, and how many more there are.
fn edge_label(edge: &Edge) -> String {
    let mut names: Vec<String> = edge.references.iter().map(|reference| label(&reference.label)).collect();
    names.dedup();
    let more = edge.count.saturating_sub(edge.references.len() as u64);
    if more > 0 {
        names.push(format!("{more} more"));
    }
    names.join(", ")
}

/// What was left out, if anything was.
fn left_out(graph: &Graph) -> Option<String> {
    let count = |count: u64, what: &str| (count > 0).then(|| format!("{count} {what}"));
    let parts = [count(graph.nodes_left_out, "farther nodes"), count(graph.edges_left_out, "edges")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| format!("left out: {}; ask for a part with --from or --to", parts.join(" and ")))
}

/// A node by its id.
fn named<'g>(graph: &'g Graph, id: &str) -> Option<&'g Node> {
    graph.nodes.iter().find(|node| node.id == id)
}

#[cfg(test)]
mod samples;
