//! Groups of vats that hold each other. What such a group holds is never let go by counting: the kernel does not see from which object
//! of a vat another one is reached, so it stays until one of the vats lets go or ends.

use std::collections::{BTreeMap, BTreeSet};

use ocap_kernel::{Fate, Kernel, Kref, Owner, VatId};

/// Which vats each vat reaches directly.
type Edges = BTreeMap<VatId, BTreeSet<VatId>>;

/// All such groups, each in order.
pub(super) fn among(kernel: &Kernel) -> Vec<Vec<VatId>> {
    groups(&edges(kernel))
}

fn edges(kernel: &Kernel) -> Edges {
    let held = |vat: VatId| kernel.references(vat).filter_map(|(_, kref)| owner_of(kernel, kref));
    kernel.vats().map(|vat| (vat.id, held(vat.id).filter(|other| *other != vat.id).collect())).collect()
}

/// The vat that answers what is sent to a reference, through any caretakers.
fn owner_of(kernel: &Kernel, mut kref: Kref) -> Option<VatId> {
    for _ in 0..ocap_kernel::limits::CARETAKERS_MAX {
        let Kref::Object(object) = kref else { return None };
        let row = kernel.object(object).filter(|row| row.fate == Fate::Live)?;
        match &row.owner {
            Owner::Vat(vat, _) => return Some(*vat),
            Owner::Caretaker { target } => kref = *target,
            Owner::Host(_) | Owner::HostUntilBoot(_) | Owner::HostWhileHeld(_) | Owner::Revoker(_) => return None,
        }
    }
    None
}

/// The strongly connected parts of more than one vat: those that come late in a walk along the edges, and are reached against them.
fn groups(edges: &Edges) -> Vec<Vec<VatId>> {
    let mut back: Edges = edges.keys().map(|vat| (*vat, BTreeSet::new())).collect();
    for (from, others) in edges {
        for other in others {
            back.entry(*other).or_default().insert(*from);
        }
    }
    let mut seen = BTreeSet::new();
    let order: Vec<VatId> = edges.keys().flat_map(|vat| walk(*vat, edges, &mut seen)).collect();
    let mut seen = BTreeSet::new();
    let parts = order.iter().rev().map(|vat| walk(*vat, &back, &mut seen));
    let mut groups: Vec<Vec<VatId>> = parts.filter(|part| part.len() > 1).collect();
    groups.iter_mut().for_each(|group| group.sort_unstable());
    groups.sort_unstable();
    groups
}

/// What is reached from a vat and was not seen before, each after all that it reaches. No recursion: chains may be long.
fn walk(from: VatId, edges: &Edges, seen: &mut BTreeSet<VatId>) -> Vec<VatId> {
    let mut done = Vec::new();
    if !seen.insert(from) {
        return done;
    }
    let others = |vat: VatId| edges.get(&vat).into_iter().flatten();
    let mut path = vec![(from, others(from))];
    while let Some((vat, rest)) = path.last_mut() {
        match rest.find(|other| !seen.contains(other)) {
            Some(next) => {
                seen.insert(*next);
                path.push((*next, others(*next)));
            }
            None => {
                done.push(*vat);
                path.pop();
            }
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(edges: &[(u64, &[u64])]) -> Vec<Vec<u64>> {
        let edges = edges.iter().map(|(vat, others)| (VatId(*vat), others.iter().copied().map(VatId).collect()));
        let numbers = |group: Vec<VatId>| group.into_iter().map(|vat| vat.0).collect();
        groups(&edges.collect()).into_iter().map(numbers).collect()
    }

    #[test]
    fn only_vats_that_reach_each_other_are_a_group() {
        assert_eq!(found(&[(1, &[2]), (2, &[3]), (3, &[])]), Vec::<Vec<u64>>::new());
        assert_eq!(found(&[(1, &[2]), (2, &[1]), (3, &[1])]), [[1, 2]]);
        assert_eq!(
            found(&[(1, &[2, 4]), (2, &[3]), (3, &[1]), (4, &[5]), (5, &[4]), (6, &[])]),
            [vec![1, 2, 3], vec![4, 5]]
        );
        assert_eq!(found(&[(5, &[1]), (1, &[5, 2]), (2, &[3, 1]), (3, &[4]), (4, &[])]), [[1, 2, 5]]);
    }

    #[test]
    fn a_circle_of_ten_thousand_vats_is_one_group() {
        let edges = (0..10_000).map(|vat| (VatId(vat), [VatId((vat + 1) % 10_000)].into())).collect();
        assert_eq!(groups(&edges), [(0..10_000).map(VatId).collect::<Vec<_>>()]);
    }
}
