//! Vats that are in memory between two cranks, and which of them leaves first when that is too much.
//!
//! Whoever was used the longest ago goes first. All that a crank costs here is a place in two ordered maps: nobody looks at all vats.

use std::collections::{BTreeMap, BTreeSet};

use ocap_kernel::VatId;

use crate::engine::Instance;

/// How much of the host's memory vats may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// How many may be in memory at once; as many as like where `None`.
    pub vats: Option<u64>,
    /// What those between two cranks may take together, in bytes as [`Instance::bytes`] counts them; without a limit where `None`.
    pub bytes: Option<u64>,
}

/// Whether a vat leaves memory by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hibernation {
    /// When it is at rest and others need the room.
    WhenIdle,
    /// Never: only when an operator says so.
    Never,
}

/// The vats in memory that are not in a crank.
#[derive(Default)]
pub(super) struct Awake {
    instances: BTreeMap<VatId, Instance>,
    uses: Uses,
}

impl Awake {
    /// A vat comes from a crank.
    pub(super) fn insert(&mut self, vat: VatId, instance: Instance, hibernation: Hibernation) {
        self.uses.used(vat, instance.bytes(), hibernation);
        self.instances.insert(vat, instance);
    }

    /// A vat goes: into a crank, or out of memory.
    pub(super) fn take(&mut self, vat: VatId) -> Option<Instance> {
        self.uses.gone(vat);
        self.instances.remove(&vat)
    }

    /// Bytes of all of them.
    pub(super) fn bytes(&self) -> u64 {
        self.uses.bytes
    }

    pub(super) fn uses(&mut self) -> &mut Uses {
        &mut self.uses
    }
}

/// When each vat was used last, and what it takes.
#[derive(Debug, Default)]
pub(super) struct Uses {
    places: BTreeMap<VatId, Place>,
    /// Those that may leave, the one that was used the longest ago first.
    order: BTreeSet<(u64, VatId)>,
    next: u64,
    bytes: u64,
}

#[derive(Debug)]
struct Place {
    /// When it was used; ascending.
    used: u64,
    bytes: u64,
    hibernation: Hibernation,
}

impl Uses {
    fn used(&mut self, vat: VatId, bytes: u64, hibernation: Hibernation) {
        self.gone(vat);
        let used = self.next;
        self.next += 1;
        self.bytes += bytes;
        if hibernation == Hibernation::WhenIdle {
            self.order.insert((used, vat));
        }
        self.places.insert(vat, Place { used, bytes, hibernation });
    }

    fn gone(&mut self, vat: VatId) {
        if let Some(Place { used, bytes, .. }) = self.places.remove(&vat) {
            self.order.remove(&(used, vat));
            self.bytes -= bytes;
        }
    }

    /// Whether vats take more than they may, when so many more than these are in memory.
    pub(super) fn exceed(&self, budget: Budget, others: usize) -> bool {
        let vats = (self.places.len() + others) as u64;
        budget.vats.is_some_and(|most| vats > most) || budget.bytes.is_some_and(|most| self.bytes > most)
    }

    /// The vat that was used the longest ago, of those that may leave.
    pub(super) fn oldest(&self) -> Option<VatId> {
        self.order.first().map(|(_, vat)| *vat)
    }

    /// It can't leave now: it counts as used, so that the others are looked at first.
    pub(super) fn postpone(&mut self, vat: VatId) {
        if let Some(&Place { bytes, hibernation, .. }) = self.places.get(&vat) {
            self.used(vat, bytes, hibernation);
        }
    }

    /// How many may leave.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIB: u64 = 1 << 10;

    fn three() -> Uses {
        let mut uses = Uses::default();
        for vat in 1..=3 {
            uses.used(VatId(vat), KIB, Hibernation::WhenIdle);
        }
        uses
    }

    fn all_in_order(mut uses: Uses) -> Vec<u64> {
        let mut vats = Vec::new();
        while let Some(vat) = uses.oldest() {
            vats.push(vat.0);
            uses.gone(vat);
        }
        vats
    }

    #[test]
    fn the_one_that_was_used_the_longest_ago_goes_first() {
        let mut uses = three();
        uses.used(VatId(1), KIB, Hibernation::WhenIdle);
        assert_eq!(all_in_order(uses), [2, 3, 1]);
        let mut uses = three();
        uses.gone(VatId(2));
        uses.postpone(VatId(1));
        uses.postpone(VatId(2));
        assert_eq!(all_in_order(uses), [3, 1]);
    }

    #[test]
    fn one_that_never_hibernates_takes_its_room_and_is_not_offered() {
        let mut uses = three();
        uses.used(VatId(1), KIB, Hibernation::Never);
        uses.postpone(VatId(1));
        assert!(uses.exceed(Budget { vats: Some(2), bytes: None }, 0));
        assert_eq!(uses.len(), 2);
        assert_eq!(all_in_order(uses), [2, 3]);
    }

    #[test]
    fn a_budget_is_exceeded_by_number_or_by_bytes_and_without_limits_never() {
        let mut uses = three();
        let numbers = |vats| Budget { vats: Some(vats), bytes: None };
        assert_eq!([2, 3].map(|vats| uses.exceed(numbers(vats), 0)), [true, false]);
        assert!(uses.exceed(numbers(3), 1), "one more is coming");
        let sizes = |bytes| Budget { vats: None, bytes: Some(bytes) };
        assert_eq!([2 * KIB, 3 * KIB].map(|bytes| uses.exceed(sizes(bytes), 1)), [true, false]);
        uses.used(VatId(2), 5 * KIB, Hibernation::WhenIdle);
        assert_eq!([6 * KIB, 7 * KIB].map(|bytes| uses.exceed(sizes(bytes), 0)), [true, false]);
        assert!(!uses.exceed(Budget { vats: None, bytes: None }, usize::MAX >> 1));
    }
}
