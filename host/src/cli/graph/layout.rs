//! Where the nodes and edges of a picture stand: in columns from left to right, as Sugiyama did it.
//!
//! Edges that lead back are turned around for as long as this takes, each node stands right of all that lead to it, and each edge has a
//! place in every column that it crosses. Between two columns of nodes there is one of the edges' names, so that those never cover
//! each other. The order within a column and the heights are bettered a few times, each time by a look at the column beside.

/// A box with its name, or the name of an edge: how much room it needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Size {
    pub(super) width: f64,
    pub(super) height: f64,
}

/// An edge from one node to another, by their places in the list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    pub(super) from: usize,
    pub(super) to: usize,
    /// Of its name.
    pub(super) name: Size,
}

/// Where something is: its middle.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Point {
    pub(super) x: f64,
    pub(super) y: f64,
}

/// A picture of a graph, with nothing left or above of 0.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) nodes: Vec<Point>,
    /// For each edge the points that it passes, from where it begins to where it ends.
    pub(super) ways: Vec<Vec<Point>>,
    /// For each edge its name.
    pub(super) names: Vec<Point>,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// How often the order and the heights are bettered.
const ROUNDS: usize = 8;
/// Between two columns, and between two things in one.
const GAP_X: f64 = 36.0;
const GAP_Y: f64 = 14.0;
/// An edge that only passes by.
const PASSING: Size = Size { width: 0.0, height: 6.0 };

/// Something that has a place in a column: a node, a name, or an edge that passes by.
#[derive(Debug, Clone)]
struct Item {
    size: Size,
    column: usize,
    before: Vec<usize>,
    after: Vec<usize>,
}

/// Lays a graph out. Edges from a node to itself are not laid out: their ways are empty.
pub(super) fn layout(nodes: &[Size], lines: &[Line]) -> Layout {
    let turned = turned(nodes.len(), lines);
    let ranks = ranks(nodes.len(), lines, &turned);
    let mut items: Vec<Item> = nodes.iter().zip(&ranks).map(|(size, rank)| item(*size, 2 * rank)).collect();
    let ways: Vec<Vec<usize>> =
        lines.iter().zip(&turned).map(|(line, turned)| thread(&mut items, line, *turned)).collect();
    let mut columns: Vec<Vec<usize>> = Vec::new();
    for (index, item) in items.iter().enumerate() {
        columns.resize(columns.len().max(item.column + 1), Vec::new());
        columns[item.column].push(index);
    }
    order(&items, &mut columns);
    let heights = set_heights(&items, &columns);
    let (middles, width) = middles(&items, &columns);
    let at = |index: usize| Point { x: middles[items[index].column], y: heights[index] };
    let bottom = heights.iter().zip(&items).map(|(height, item)| height + item.size.height / 2.0);
    let height = bottom.fold(0.0, f64::max);
    let names = ways.iter().map(|way| way.get(1).map_or(Point::default(), |name| at(*name))).collect();
    let way = |(way, turned): (&Vec<usize>, &bool)| {
        let mut points: Vec<Point> = way.iter().map(|index| at(*index)).collect();
        if let [first, .., last] = points.as_mut_slice() {
            // From the right side of one box to the left side of the other.
            first.x += nodes[way[0]].width / 2.0;
            last.x -= nodes[way[way.len() - 1]].width / 2.0;
        }
        if *turned {
            points.reverse();
        }
        points
    };
    Layout {
        nodes: (0..nodes.len()).map(at).collect(),
        ways: ways.iter().zip(&turned).map(way).collect(),
        names,
        width,
        height,
    }
}

fn item(size: Size, column: usize) -> Item {
    Item { size, column, before: Vec::new(), after: Vec::new() }
}

/// Which edges close a circle, in a walk from each node in turn along the edges. No recursion: chains may be long.
fn turned(count: usize, lines: &[Line]) -> Vec<bool> {
    let mut outgoing: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (index, line) in lines.iter().enumerate() {
        outgoing[line.from].push(index);
    }
    let mut turned = vec![false; lines.len()];
    let (mut seen, mut open) = (vec![false; count], vec![false; count]);
    for start in 0..count {
        let mut path = vec![(start, 0)];
        while let Some((node, next)) = path.pop() {
            if next == 0 && std::mem::replace(&mut seen[node], true) {
                continue;
            }
            open[node] = true;
            match outgoing[node].get(next) {
                Some(&index) => {
                    path.push((node, next + 1));
                    let to = lines[index].to;
                    match open[to] {
                        true => turned[index] = true,
                        false if !seen[to] => path.push((to, 0)),
                        false => {}
                    }
                }
                None => open[node] = false,
            }
        }
    }
    turned
}

/// The ends of an edge from left to right.
fn ends(line: &Line, turned: bool) -> (usize, usize) {
    if turned { (line.to, line.from) } else { (line.from, line.to) }
}

/// How many nodes at most lead to each node, one after another.
fn ranks(count: usize, lines: &[Line], turned: &[bool]) -> Vec<usize> {
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); count];
    let mut waits = vec![0; count];
    for (line, turned) in lines.iter().zip(turned).filter(|(line, _)| line.from != line.to) {
        let (left, right) = ends(line, *turned);
        after[left].push(right);
        waits[right] += 1;
    }
    let mut ranks = vec![0; count];
    let mut ready: Vec<usize> = (0..count).filter(|node| waits[*node] == 0).collect();
    while let Some(node) = ready.pop() {
        for &right in &after[node] {
            ranks[right] = ranks[right].max(ranks[node] + 1);
            waits[right] -= 1;
            if waits[right] == 0 {
                ready.push(right);
            }
        }
    }
    ranks
}

/// Gives an edge its places between its ends: its name in the first column, then one in each that it crosses.
fn thread(items: &mut Vec<Item>, line: &Line, turned: bool) -> Vec<usize> {
    if line.from == line.to {
        return Vec::new();
    }
    let (left, right) = ends(line, turned);
    let mut way = vec![left];
    for column in items[left].column + 1..items[right].column {
        let size = if way.len() == 1 { line.name } else { PASSING };
        items.push(item(size, column));
        way.push(items.len() - 1);
    }
    way.push(right);
    for pair in way.windows(2) {
        items[pair[0]].after.push(pair[1]);
        items[pair[1]].before.push(pair[0]);
    }
    way
}

/// Orders each column by where its neighbours stand in the column before, then by the one after, again and again.
fn order(items: &[Item], columns: &mut [Vec<usize>]) {
    let mut places = vec![0.0; items.len()];
    for column in columns.iter() {
        column.iter().enumerate().for_each(|(place, item)| places[*item] = place as f64);
    }
    for round in 0..ROUNDS {
        for column in in_turn(columns.len(), round) {
            let wish = |item: usize| mean(&places, beside(&items[item], round)).unwrap_or(places[item]);
            let mut wishes: Vec<(f64, usize)> = columns[column].iter().map(|item| (wish(*item), *item)).collect();
            wishes.sort_by(|one, other| one.0.total_cmp(&other.0));
            for (place, (_, item)) in wishes.iter().enumerate() {
                places[*item] = place as f64;
            }
            columns[column] = wishes.into_iter().map(|(_, item)| item).collect();
        }
    }
}

/// From left to right, then back.
fn in_turn(columns: usize, round: usize) -> Vec<usize> {
    if round.is_multiple_of(2) { (0..columns).collect() } else { (0..columns).rev().collect() }
}

/// The neighbours that a round looks at.
fn beside(item: &Item, round: usize) -> &[usize] {
    if round.is_multiple_of(2) { &item.before } else { &item.after }
}

fn mean(values: &[f64], of: &[usize]) -> Option<f64> {
    let sum: f64 = of.iter().map(|index| values[*index]).sum();
    (!of.is_empty()).then(|| sum / of.len() as f64)
}

/// Moves everything towards the heights of its neighbours, as far as the order in its column and the room of the others allow.
fn set_heights(items: &[Item], columns: &[Vec<usize>]) -> Vec<f64> {
    let mut heights = vec![0.0; items.len()];
    for column in columns {
        let mut below = 0.0;
        for item in column {
            heights[*item] = below + items[*item].size.height / 2.0;
            below += items[*item].size.height + GAP_Y;
        }
    }
    for round in 0..ROUNDS {
        for column in in_turn(columns.len(), round) {
            let wishes: Vec<f64> = columns[column]
                .iter()
                .map(|item| mean(&heights, beside(&items[*item], round)).unwrap_or(heights[*item]))
                .collect();
            let sizes: Vec<f64> = columns[column].iter().map(|item| items[*item].size.height).collect();
            for (item, height) in columns[column].iter().zip(spread(&wishes, &sizes)) {
                heights[*item] = height;
            }
        }
    }
    let top = heights.iter().zip(items).map(|(height, item)| height - item.size.height / 2.0);
    let top = top.fold(f64::INFINITY, f64::min);
    heights.iter_mut().for_each(|height| *height -= top);
    heights
}

/// Heights near those that are wished for, in the same order and with room between them: the mean of what comes of pushing everything
/// down and of pushing everything up.
fn spread(wishes: &[f64], sizes: &[f64]) -> Vec<f64> {
    let room = |upper: usize| (sizes[upper] + sizes[upper + 1]) / 2.0 + GAP_Y;
    let (mut down, mut up) = (wishes.to_vec(), wishes.to_vec());
    for lower in 1..wishes.len() {
        down[lower] = down[lower].max(down[lower - 1] + room(lower - 1));
    }
    for upper in (0..wishes.len().saturating_sub(1)).rev() {
        up[upper] = up[upper].min(up[upper + 1] - room(upper));
    }
    down.iter().zip(up).map(|(down, up)| (down + up) / 2.0).collect()
}

/// The middle of each column.
fn middles(items: &[Item], columns: &[Vec<usize>]) -> (Vec<f64>, f64) {
    let mut right = 0.0;
    let middle = |column: &Vec<usize>| {
        let width = column.iter().map(|item| items[*item].size.width).fold(0.0, f64::max);
        let middle = right + width / 2.0;
        right += width + GAP_X;
        middle
    };
    let middles = columns.iter().map(middle).collect();
    (middles, (right - GAP_X).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: Size = Size { width: 100.0, height: 40.0 };
    const NAME: Size = Size { width: 50.0, height: 12.0 };

    fn laid(count: usize, lines: &[(usize, usize)]) -> Layout {
        let lines: Vec<Line> = lines.iter().map(|(from, to)| Line { from: *from, to: *to, name: NAME }).collect();
        layout(&vec![BOX; count], &lines)
    }

    fn overlap(one: (Point, Size), other: (Point, Size)) -> bool {
        (one.0.x - other.0.x).abs() < (one.1.width + other.1.width) / 2.0 - 0.01
            && (one.0.y - other.0.y).abs() < (one.1.height + other.1.height) / 2.0 - 0.01
    }

    #[test]
    fn who_is_reached_stands_to_the_right_and_the_name_between() {
        let Layout { nodes, ways, names, width, height } = laid(2, &[(0, 1)]);
        assert!(nodes[0].x < names[0].x && names[0].x < nodes[1].x);
        assert_eq!((ways[0].first().map(|at| at.x), ways[0].last().map(|at| at.x)), (Some(100.0), Some(width - 100.0)));
        assert_eq!(height, BOX.height);
    }

    #[test]
    fn an_edge_that_closes_a_circle_leads_back() {
        let Layout { nodes, ways, .. } = laid(3, &[(0, 1), (1, 2), (2, 0)]);
        assert!(nodes[0].x < nodes[1].x && nodes[1].x < nodes[2].x);
        assert!(ways[2].first().expect("a way").x > ways[2].last().expect("a way").x);
    }

    #[test]
    fn nothing_covers_anything_else_whatever_the_graph() {
        let mut state = 7_u64;
        let mut below = |limit: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % limit
        };
        for _ in 0..300 {
            let count = 1 + below(20);
            let lines: Vec<(usize, usize)> = (0..below(40)).map(|_| (below(count), below(count))).collect();
            let Layout { nodes, ways, names, width, height } = laid(count, &lines);
            let named = lines.iter().zip(&names).filter(|((from, to), _)| from != to);
            let mut all: Vec<(Point, Size)> = nodes.iter().map(|at| (*at, BOX)).collect();
            all.extend(named.map(|(_, at)| (*at, NAME)));
            for (index, one) in all.iter().enumerate() {
                assert!(one.0.x >= 0.0 && one.0.x <= width && one.0.y >= 0.0 && one.0.y <= height, "{one:?}");
                assert!(all[..index].iter().all(|other| !overlap(*one, *other)), "{lines:?}");
            }
            for (way, (from, to)) in ways.iter().zip(&lines) {
                assert_eq!(way.is_empty(), from == to);
            }
        }
    }

    #[test]
    fn the_largest_graph_that_a_host_sends_is_laid_out() {
        let lines: Vec<(usize, usize)> = (0..1_000).map(|line| (line * 7 % 200, line * 13 % 200)).collect();
        assert_eq!(laid(200, &lines).nodes.len(), 200);
        let chain: Vec<(usize, usize)> =
            (1..200).map(|node| (node - 1, node)).chain((0..800).map(|_| (0, 199))).collect();
        assert_eq!(laid(200, &chain).names.len(), 999);
    }
}
