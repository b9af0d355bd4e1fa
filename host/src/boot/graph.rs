//! Who can reach what: vats and objects of the host, and who holds ways to whom.
//!
//! Whoever holds an object of a vat is taken to reach the vat, because the kernel does not see what one object of a vat gives away of
//! the others. So what is shown is the most that can happen, never less.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ocap_kernel::{self as kernel, HeldView, Kernel, Kref, Object, ObjectId, Owner, VatId};

use crate::daemon::requests::{Edge, EdgeKind, EdgeReference, Graph, GraphBody, Node, NodeKind};
use crate::problem::Problem;

use super::house::House;
use super::ways::{Aim, HostName, Names, Way, ways};

/// The most nodes of a graph.
const NODES_MAX: usize = 200;
/// The most edges of a graph.
const EDGES_MAX: usize = 1_000;
/// The most references that are named of an edge.
const REFERENCES_MAX: usize = 4;
/// How much of a method's name an edge shows.
const LABEL_CHARS_MAX: usize = 64;

/// Who can reach what, or the part of that which is asked for.
///
/// # Errors
/// If there is nothing of the name that is asked for.
pub(super) async fn graph(house: &Arc<House>, body: GraphBody) -> Result<Graph, Problem> {
    house
        .act(move |run_loop, _| {
            let kernel = run_loop.kernel();
            let find = |text: Option<&str>| text.map(|text| Aim::find(kernel, text)).transpose();
            let (from, to) = (find(body.from.as_deref())?, find(body.to.as_deref())?);
            Ok(drawn(kernel, &part(kernel, from, to)))
        })
        .await?
}

/// A vat, or an object of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Vat(VatId),
    Host(ObjectId),
}

/// One way of one holder to one place.
struct Hold {
    from: Place,
    to: Place,
    kind: EdgeKind,
    held: Kref,
    way: Way,
    label: String,
}

/// The places to be shown, nearest first, and the ways between them.
struct Part {
    places: Vec<Place>,
    holds: Vec<Hold>,
}

fn part(kernel: &Kernel, from: Option<Aim>, to: Option<Aim>) -> Part {
    let mut holds = all(kernel);
    let mut places = match (from, to) {
        (None, None) => everything(kernel),
        (Some(aim), _) => places_of(kernel, aim),
        (None, Some(aim)) => places_of(kernel, aim),
    };
    if let Some(aim) = from {
        let reached = closure(places_of(kernel, aim), &holds, |hold| (hold.from, hold.to));
        holds.retain(|hold| reached.contains(&hold.from));
    }
    if let Some(aim) = to {
        let last: Vec<Place> = holds.iter().filter(|hold| is_last(kernel, aim, hold)).map(|hold| hold.from).collect();
        let reaching = closure(last, &holds, |hold| (hold.to, hold.from));
        holds.retain(|hold| is_last(kernel, aim, hold) || reaching.contains(&hold.to) && reaching.contains(&hold.from));
    }
    let mut seen: BTreeSet<Place> = places.iter().copied().collect();
    for place in nearest_first(&places, &holds, from.is_none() && to.is_some()) {
        if seen.insert(place) {
            places.push(place);
        }
    }
    Part { places, holds }
}

/// Whether a way leads to what is asked for itself, not to something through which it may be reached.
fn is_last(kernel: &Kernel, aim: Aim, hold: &Hold) -> bool {
    aim.is_met(kernel, hold.held, &hold.way)
}

/// Everything that is reached over ways that are open.
fn closure(start: Vec<Place>, holds: &[Hold], ends: impl Fn(&Hold) -> (Place, Place)) -> BTreeSet<Place> {
    let mut onward: BTreeMap<Place, BTreeSet<Place>> = BTreeMap::new();
    for (at, next) in holds.iter().filter(|hold| !hold.way.lost).map(ends) {
        onward.entry(at).or_default().insert(next);
    }
    let mut reached: BTreeSet<Place> = start.iter().copied().collect();
    let mut todo = start;
    while let Some(at) = todo.pop() {
        todo.extend(onward.get(&at).into_iter().flatten().copied().filter(|next| reached.insert(*next)));
    }
    reached
}

/// The ends of all ways in the order of their distance from the start.
fn nearest_first(start: &[Place], holds: &[Hold], against: bool) -> Vec<Place> {
    let mut beside: BTreeMap<Place, BTreeSet<Place>> = BTreeMap::new();
    for hold in holds {
        let (at, next) = if against { (hold.to, hold.from) } else { (hold.from, hold.to) };
        beside.entry(at).or_default().insert(next);
    }
    let mut order = start.to_vec();
    let mut seen: BTreeSet<Place> = start.iter().copied().collect();
    let mut next = 0;
    while let Some(at) = order.get(next).copied() {
        next += 1;
        order.extend(beside.get(&at).into_iter().flatten().copied().filter(|place| seen.insert(*place)));
    }
    order.extend(holds.iter().flat_map(|hold| [hold.from, hold.to]).filter(|place| seen.insert(*place)));
    order
}

/// Vats, channels and services; what else the host has is shown where somebody holds it.
fn everything(kernel: &Kernel) -> Vec<Place> {
    let declared = kernel.objects().filter_map(|(object, row)| match HostName::of(object, row)? {
        HostName::Channel(_) | HostName::Service(_) => Some(Place::Host(object)),
        HostName::Connection(_) | HostName::Timer(_) | HostName::Pin(_) | HostName::Call(_) | HostName::Other(_) => {
            None
        }
    });
    kernel.vats().map(|vat| Place::Vat(vat.id)).chain(declared).collect()
}

fn places_of(kernel: &Kernel, aim: Aim) -> Vec<Place> {
    match aim {
        Aim::Vat(vat) => vec![Place::Vat(vat)],
        Aim::Reference(kref) => {
            let places = ways(kernel, kref).into_iter().filter_map(|way| place(kernel, way.end));
            places.collect::<BTreeSet<_>>().into_iter().collect()
        }
    }
}

/// Where a reference ends: at nothing to be shown if that is a promise, a resolver, a right to revoke, or gone.
fn place(kernel: &Kernel, end: Kref) -> Option<Place> {
    let Kref::Object(object) = end else { return None };
    match &kernel.object(object)?.owner {
        Owner::Vat(vat, _) => kernel.vat(*vat).map(|vat| Place::Vat(vat.id)),
        Owner::Host(_) | Owner::HostUntilBoot(_) | Owner::HostWhileHeld(_) => Some(Place::Host(object)),
        Owner::Caretaker { .. } | Owner::Revoker(_) => None,
    }
}

/// Every way of everybody to somebody else.
fn all(kernel: &Kernel) -> Vec<Hold> {
    let mut holds = Vec::new();
    let mut add = |from: Place, kind: EdgeKind, held: Kref, label: &str| {
        for way in ways(kernel, held) {
            if let Some(to) = place(kernel, way.end).filter(|to| *to != from) {
                let label = label.chars().take(LABEL_CHARS_MAX).collect();
                holds.push(Hold { from, to, kind, held, way, label });
            }
        }
    };
    for vat in kernel.vats() {
        let from = Place::Vat(vat.id);
        for held in kernel.held(vat.id).filter(|held| !held.own) {
            match held.grant {
                Some(grant) => add(from, EdgeKind::Granted, held.kref, grant),
                None => add(from, EdgeKind::Passed, held.kref, passed_by(&held)),
            }
        }
        for (_, message) in kernel.waiting_for(vat.id) {
            for kref in message.args.caps.iter().filter(|kref| !kernel.holds(vat.id, **kref)) {
                add(from, EdgeKind::Queued, *kref, &message.method);
            }
        }
    }
    for (object, kref) in kernel.kept_by_host() {
        let label = match kernel.object(object).and_then(|row| HostName::of(object, row)) {
            Some(HostName::Channel(_)) => "handler",
            Some(HostName::Timer(_)) => "target",
            Some(HostName::Call(_)) => "answer",
            _ => "kept",
        };
        add(Place::Host(object), EdgeKind::Kept, kref, label);
    }
    holds
}

/// What a passed reference is known by: the message that brought it, or how else it came.
fn passed_by<'k>(held: &HeldView<'k>) -> &'k str {
    match held.origin.map(|origin| &origin.how) {
        Some(kernel::How::Sent { method, .. }) => method,
        Some(kernel::How::Granted(name)) => name,
        Some(kernel::How::Answered { .. } | kernel::How::Asked { .. }) => "answer",
        Some(kernel::How::Made | kernel::How::Exposed) => "made",
        None => "unknown",
    }
}

/// The graph as it is sent, with one edge for all ways of one kind between two places.
fn drawn(kernel: &Kernel, part: &Part) -> Graph {
    let names = Names::of(kernel);
    let shown: BTreeSet<Place> = part.places.iter().take(NODES_MAX).copied().collect();
    let nodes = part.places.iter().take(NODES_MAX).map(|place| node(kernel, &names, *place)).collect();
    let mut edges: BTreeMap<(Place, Place, EdgeKind, bool), Edge> = BTreeMap::new();
    for hold in part.holds.iter().filter(|hold| shown.contains(&hold.from) && shown.contains(&hold.to)) {
        let key = (hold.from, hold.to, hold.kind, hold.way.lost);
        let edge = edges.entry(key).or_insert_with(|| Edge {
            from: id(hold.from),
            to: id(hold.to),
            kind: hold.kind,
            lost: hold.way.lost,
            count: 0,
            references: Vec::new(),
        });
        edge.count += 1;
        if edge.references.len() < REFERENCES_MAX {
            edge.references.push(EdgeReference { reference: hold.held.to_string(), label: hold.label.clone() });
        }
    }
    let edges_left_out = edges.len().saturating_sub(EDGES_MAX) as u64;
    Graph {
        nodes,
        edges: edges.into_values().take(EDGES_MAX).collect(),
        nodes_left_out: part.places.len().saturating_sub(NODES_MAX) as u64,
        edges_left_out,
    }
}

fn id(place: Place) -> String {
    match place {
        Place::Vat(vat) => vat.to_string(),
        Place::Host(object) => object.to_string(),
    }
}

fn node(kernel: &Kernel, names: &Names<'_>, place: Place) -> Node {
    let (kind, label) = match place {
        Place::Vat(vat) => (NodeKind::Vat, names.vat(vat)),
        Place::Host(object) => host_node(object, kernel.object(object)),
    };
    Node { id: id(place), kind, label }
}

fn host_node(object: ObjectId, row: Option<&Object>) -> (NodeKind, String) {
    match row.and_then(|row| HostName::of(object, row)) {
        Some(HostName::Channel(name)) => (NodeKind::Channel, name),
        Some(HostName::Connection(name)) => (NodeKind::Connection, name),
        Some(HostName::Service(name)) => (NodeKind::Service, name),
        Some(HostName::Timer(name)) => (NodeKind::Timer, name),
        Some(HostName::Pin(object)) => (NodeKind::Pin, format!("pin{}", object.0)),
        Some(HostName::Call(key)) => (NodeKind::Call, key),
        Some(HostName::Other(name)) => (NodeKind::HostObject, name),
        None => (NodeKind::HostObject, object.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::web;
    use super::*;

    fn whole(kernel: &Kernel) -> Graph {
        drawn(kernel, &part(kernel, None, None))
    }

    #[test]
    fn a_graph_that_would_be_too_large_says_what_is_left_out() {
        let vats = NODES_MAX + 50;
        // The channel is a node too, and the last.
        let graph = whole(&web(vats, |_| Vec::new()));
        assert_eq!((graph.nodes.len(), graph.nodes_left_out), (NODES_MAX, 51));
        let six =
            |number: usize| (1..=6).map(|step| (format!("vat.{step}"), (number + step) % (NODES_MAX - 1))).collect();
        let graph = whole(&web(NODES_MAX - 1, six));
        assert_eq!((graph.nodes.len(), graph.nodes_left_out), (NODES_MAX, 0));
        let all = 6 * (NODES_MAX - 1);
        assert_eq!((graph.edges.len(), graph.edges_left_out), (EDGES_MAX, (all - EDGES_MAX) as u64));
    }

    #[test]
    fn many_ways_between_two_are_one_edge_with_the_first_of_them_named() {
        let long = "x".repeat(100);
        let names = [long.as_str(), "b", "c", "d", "e", "f"];
        let granted = |number: usize| match number {
            0 => names.iter().map(|name| ((*name).to_owned(), 1)).collect(),
            _ => Vec::new(),
        };
        let mut kernel = web(2, granted);
        let graph = whole(&kernel);
        let [edge] = &graph.edges[..] else { panic!("{:?}", graph.edges) };
        assert_eq!((edge.count, edge.references.len()), (6, REFERENCES_MAX));
        assert_eq!(edge.references[0].label, "x".repeat(LABEL_CHARS_MAX));
        // A way that is closed is an edge of its own, and is shown though it is not followed.
        kernel.revoke_grant(VatId(1), "b").expect("it was granted");
        let graph = whole(&kernel);
        let counts: Vec<(bool, u64)> = graph.edges.iter().map(|edge| (edge.lost, edge.count)).collect();
        assert_eq!(counts, [(false, 5), (true, 1)]);
    }

    #[test]
    fn a_part_is_what_is_reached_or_reaches_and_what_lies_between() {
        // v0 -> v1 -> v2, and v3 apart.
        let chain = |number: usize| match number {
            0 | 1 => vec![(format!("vat.v{}", number + 1), number + 1)],
            _ => Vec::new(),
        };
        let kernel = web(4, chain);
        let vat = |number: u64| Some(Aim::Vat(VatId(number)));
        let shown = |from, to| {
            let nodes = drawn(&kernel, &part(&kernel, from, to)).nodes.into_iter();
            nodes.map(|node| node.label).collect::<Vec<_>>()
        };
        assert_eq!(shown(vat(2), None), ["web/v1", "web/v2"]);
        assert_eq!(shown(None, vat(2)), ["web/v1", "web/v0"]);
        assert_eq!(shown(vat(1), vat(3)), ["web/v0", "web/v1", "web/v2"]);
        assert_eq!(shown(vat(4), None), ["web/v3"]);
        assert_eq!(whole(&kernel).nodes.len(), 5, "four vats and the channel");
    }
}
