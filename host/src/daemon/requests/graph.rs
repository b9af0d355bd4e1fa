//! Who can reach what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::typed;

/// The body of `POST /v1/graph`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GraphBody {
    /// Only what can be reached from there, by itself or through others: as the target of `caps why`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Only what can reach this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// Who can reach what: the answer of `POST /v1/graph`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "graph")]
#[schemars(transform = typed("graph"))]
pub struct Graph {
    /// Vats, and objects of the host.
    pub nodes: Vec<Node>,
    /// Who holds a way to whom.
    pub edges: Vec<Edge>,
    /// Nodes that are not in the list, because the graph would be too large; with them all their edges.
    pub nodes_left_out: u64,
    /// Edges between nodes of the list that are not in it.
    pub edges_left_out: u64,
}

/// A vat, or an object of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// `v2`, or `ko7` for an object of the host.
    pub id: String,
    /// What it is.
    pub kind: NodeKind,
    /// Its name: `matcher/index`, `matcher/llm`.
    pub label: String,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NodeKind {
    /// A vat.
    Vat,
    /// A declared channel.
    Channel,
    /// A client of one.
    Connection,
    /// A service of the host.
    Service,
    /// A timer.
    Timer,
    /// What the operator keeps.
    Pin,
    /// A call under a key, which keeps its answer; the label is the key.
    Call,
    /// Another object of the host.
    HostObject,
}

/// That one holds ways to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Edge {
    /// A node's id.
    pub from: String,
    /// A node's id.
    pub to: String,
    /// How the ways came.
    pub kind: EdgeKind,
    /// Whether what is sent there is answered with a loss.
    pub lost: bool,
    /// How many references that are.
    pub count: u64,
    /// The first few of them.
    pub references: Vec<EdgeReference>,
}

/// How an edge came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeKind {
    /// By the declaration.
    Granted,
    /// By messages and answers.
    Passed,
    /// In messages that wait.
    Queued,
    /// The host keeps it: a channel its handler, a timer its target, a pin what is pinned, a keyed call its answer.
    Kept,
}

/// One reference of an edge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EdgeReference {
    /// `ko7`.
    pub reference: String,
    /// What it is called: the grant's name, or the message that brought it.
    pub label: String,
}
