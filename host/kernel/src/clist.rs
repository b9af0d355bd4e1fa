//! C-lists: the only place where a vat's slots meet kernel references.
//!
//! A row counts as one holder of its reference while the vat has a handle on it or keeps it in its store or grants (kernel-rules 4).
//! The row of an object that the vat itself exposes stays while the id is bound, held or not.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::id::{Kref, Slot, VatId};
use crate::origin::Origin;
use crate::rows::{Change, ClistRow};
use crate::table::Table;

/// One reference in one vat's c-list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) kref: Kref,
    /// Whether the present incarnation has a handle.
    pub(crate) handle: bool,
    /// Mentions in the vat's store and grants.
    pub(crate) kept: u64,
    /// What keeps the row when nothing holds it.
    pub(crate) bound: Bound,
    /// How it came; `None` for one that is older than such notes.
    pub(crate) origin: Option<Arc<Origin>>,
}

/// Whether a row is that of an object which the vat itself exposes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// It is not.
    No,
    /// It is, for this incarnation.
    Incarnation,
    /// It is, for good.
    Durable,
}

impl Row {
    pub(crate) fn is_held(&self) -> bool {
        self.handle || self.kept > 0
    }

    fn is_stored(&self) -> bool {
        self.kept > 0 || self.bound == Bound::Durable
    }
}

/// All c-lists, both ways.
#[derive(Debug, Clone)]
pub(crate) struct Clists {
    rows: Table<(VatId, Slot), Row>,
    slots: BTreeMap<(VatId, Kref), Slot>,
    /// How many rows each vat has.
    sizes: BTreeMap<VatId, u64>,
}

impl Clists {
    pub(crate) fn new(rows: impl IntoIterator<Item = ((VatId, Slot), Row)>) -> Clists {
        let rows = Table::with_stored(rows, Row::is_stored);
        let slots = rows.iter().map(|(&(vat, slot), row)| ((vat, row.kref), slot)).collect();
        let mut sizes = BTreeMap::new();
        rows.iter().for_each(|((vat, _), _)| *sizes.entry(*vat).or_insert(0) += 1);
        Clists { rows, slots, sizes }
    }

    /// How many references a vat has a slot for.
    pub(crate) fn size(&self, vat: VatId) -> u64 {
        self.sizes.get(&vat).copied().unwrap_or(0)
    }

    pub(crate) fn get(&self, vat: VatId, slot: Slot) -> Option<&Row> {
        self.rows.get(&(vat, slot))
    }

    pub(crate) fn slot_of(&self, vat: VatId, kref: Kref) -> Option<Slot> {
        self.slots.get(&(vat, kref)).copied()
    }

    pub(crate) fn insert(&mut self, vat: VatId, slot: Slot, row: Row) {
        self.slots.insert((vat, row.kref), slot);
        if self.rows.insert((vat, slot), row).is_none() {
            *self.sizes.entry(vat).or_insert(0) += 1;
        }
    }

    /// Changes a row and says whether it was held before and is held now. A row that nothing keeps any more is removed.
    pub(crate) fn change(
        &mut self,
        vat: VatId,
        slot: Slot,
        change: impl FnOnce(&mut Row),
    ) -> Option<(Kref, bool, bool)> {
        let mut before = false;
        let row = self.rows.change(&(vat, slot), |row| {
            before = row.is_held();
            change(row);
        })?;
        let (kref, after, bound) = (row.kref, row.is_held(), row.bound);
        if !after && bound == Bound::No {
            self.rows.remove(&(vat, slot));
            self.slots.remove(&(vat, kref));
            self.shrink(vat);
        }
        Some((kref, before, after))
    }

    fn shrink(&mut self, vat: VatId) {
        if let Entry::Occupied(mut size) = self.sizes.entry(vat) {
            *size.get_mut() -= 1;
            if *size.get() == 0 {
                size.remove();
            }
        }
    }

    /// The rows of one vat, by slot.
    pub(crate) fn of(&self, vat: VatId) -> impl Iterator<Item = (Slot, &Row)> {
        self.rows.range((vat, Slot(0))..=(vat, Slot(u64::MAX))).map(|(&(_, slot), row)| (slot, row))
    }

    /// The first slot of a vat that has any.
    pub(crate) fn first(&self, vat: VatId) -> Option<Slot> {
        self.of(vat).next().map(|(slot, _)| slot)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (VatId, Slot, &Row)> {
        self.rows.iter().map(|(&(vat, slot), row)| (vat, slot, row))
    }

    /// Both directions agree, and the sizes are right.
    pub(crate) fn is_consistent(&self) -> bool {
        self.slots.len() == self.rows.len()
            && self.sizes.iter().all(|(vat, size)| self.of(*vat).count() as u64 == *size)
            && self.sizes.values().sum::<u64>() == self.rows.len() as u64
            && self.rows.iter().all(|(&(vat, slot), row)| self.slot_of(vat, row.kref) == Some(slot))
    }

    pub(crate) fn commit(&mut self) -> Vec<Change<(VatId, Slot), ClistRow>> {
        self.rows.commit(|row| ClistRow { kref: row.kref, origin: row.origin.clone() })
    }
}
