//! The worker's copy of one vat's c-list, for as long as an incarnation lives.
//!
//! It says what each handle of the guest refers to, gives out slots, and at the end of a crank says which slots were
//! taken up and which were given up. Its rule: everything follows from the deliveries, so that the same deliveries give
//! the same slots and handles. It is thrown away when a crank fails, and does not know wasm, messages or the kernel's
//! references.

use std::collections::{BTreeMap, BTreeSet};

use ocap_kernel::{ClistEntry, Exposed, Held, Lifetime, Slot};

use crate::limits::{Broken, HANDLES_MAX};

/// Names one handle of the guest to the host.
pub type Handle = u32;

/// One incarnation's references.
#[derive(Debug, Default)]
pub(crate) struct Mirror {
    rows: BTreeMap<Slot, Row>,
    /// The bound ids. Their rows stay although nothing may hold them.
    exports: BTreeMap<u64, (Slot, Lifetime)>,
    /// Slots that the vat's record keeps.
    grants: BTreeSet<Slot>,
    handles: Handles,
    next: u64,
    touched: BTreeMap<Slot, Before>,
}

/// What the vat knows about one reference.
#[derive(Debug, Default)]
struct Row {
    handles: u64,
    /// What the guest is told when it asks for its own number.
    local: Option<u64>,
    /// Whether an id of `exports` leads here: then the row stays, held or not.
    is_bound: bool,
}

/// A slot as it was before this crank touched it.
#[derive(Debug, Clone, Copy)]
struct Before {
    had_handle: bool,
    /// Delivered, made or exposed in this crank: the kernel counts it as held from then on without being told.
    arrived: bool,
}

/// What a crank did to the vat's references: the two lists of a report, ascending.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Changes {
    pub(crate) taken: Vec<Slot>,
    pub(crate) dropped: Vec<Slot>,
}

impl Mirror {
    /// The c-list of a new incarnation: no handles yet.
    pub(crate) fn new(clist: &[ClistEntry], grants: &[(String, Slot)]) -> Mirror {
        let mut mirror = Mirror { grants: grants.iter().map(|&(_, slot)| slot).collect(), ..Mirror::default() };
        for entry in clist {
            if let Some(Exposed { object, lifetime }) = entry.local {
                mirror.exports.insert(object, (entry.slot, lifetime));
            }
            let local = entry.local.map(|exposed| exposed.object);
            mirror.rows.insert(entry.slot, Row { handles: 0, local, is_bound: local.is_some() });
        }
        mirror
    }

    /// A crank begins; its first new reference gets the slot `next`.
    pub(crate) fn begin(&mut self, next: Slot) {
        self.next = next.0;
        self.touched.clear();
    }

    /// Objects that nobody holds any more: their ids are free from now on (kernel-rules 11).
    pub(crate) fn unbind(&mut self, objects: &[u64]) {
        for object in objects {
            if let Some((slot, _)) = self.exports.remove(object) {
                self.touch(slot);
                self.rows.entry(slot).and_modify(|row| (row.local, row.is_bound) = (None, false));
            }
        }
    }

    /// A handle on a delivered reference.
    pub(crate) fn deliver(&mut self, held: Held) -> Result<Handle, Broken> {
        self.touch(held.slot).arrived = true;
        let row = self.rows.entry(held.slot).or_default();
        row.local = held.local;
        self.take(held.slot)
    }

    /// A handle on a grant, for `start`.
    pub(crate) fn grant(&mut self, slot: Slot) -> Result<Handle, Broken> {
        self.touch(slot).arrived = true;
        self.take(slot)
    }

    /// A handle on a reference that did not exist before, under the next slot.
    pub(crate) fn make(&mut self) -> Result<(Slot, Handle), Broken> {
        let slot = Slot(self.next);
        self.next = self.next.checked_add(1).expect("64 bits of slots do not run out");
        self.touch(slot).arrived = true;
        Ok((slot, self.take(slot)?))
    }

    /// A handle on an object of this vat, under the next slot unless the id is bound.
    pub(crate) fn expose(&mut self, Exposed { object, lifetime }: Exposed) -> Result<(Slot, Handle), Broken> {
        match self.exports.get(&object) {
            Some(&(slot, bound)) if bound == lifetime => {
                self.touch(slot).arrived = true;
                Ok((slot, self.take(slot)?))
            }
            Some(_) => Err(Broken::OtherLifetime { object }),
            None => {
                let (slot, handle) = self.make()?;
                self.exports.insert(object, (slot, lifetime));
                self.rows.entry(slot).and_modify(|row| (row.local, row.is_bound) = (Some(object), true));
                Ok((slot, handle))
            }
        }
    }

    /// A further handle on a reference that the vat holds: in its store, as a grant or by another handle.
    pub(crate) fn take(&mut self, slot: Slot) -> Result<Handle, Broken> {
        self.touch(slot);
        self.rows.entry(slot).or_default().handles += 1;
        self.handles.insert(slot)
    }

    /// Which reference a handle is on.
    pub(crate) fn slot(&self, handle: Handle) -> Result<Slot, Broken> {
        self.handles.get(handle)
    }

    /// The vat's own number for what a handle refers to.
    pub(crate) fn local(&self, handle: Handle) -> Result<Option<u64>, Broken> {
        Ok(self.rows.get(&self.slot(handle)?).and_then(|row| row.local))
    }

    /// The guest gave a handle up; returns which reference it was on.
    pub(crate) fn release(&mut self, handle: Handle) -> Result<Slot, Broken> {
        let slot = self.handles.remove(handle)?;
        self.touch(slot);
        self.rows.entry(slot).and_modify(|row| row.handles -= 1);
        Ok(slot)
    }

    /// The crank ended well. `stored` are slots that gained or lost a mention in the store, `is_stored` says what it
    /// mentions now.
    pub(crate) fn finish(&mut self, stored: &[Slot], is_stored: impl Fn(Slot) -> bool) -> Changes {
        for &slot in stored {
            self.touch(slot);
        }
        let mut changes = Changes::default();
        for (slot, before) in std::mem::take(&mut self.touched) {
            let Some(row) = self.rows.get(&slot) else { continue };
            let has_handle = row.handles > 0;
            match (before.had_handle || before.arrived, has_handle) {
                (false, true) => changes.taken.push(slot),
                (true, false) => changes.dropped.push(slot),
                (true, true) | (false, false) => {}
            }
            if !has_handle && !row.is_bound && !self.grants.contains(&slot) && !is_stored(slot) {
                self.rows.remove(&slot);
            }
        }
        changes
    }

    /// Remembers how a slot was before this crank.
    fn touch(&mut self, slot: Slot) -> &mut Before {
        let had_handle = self.rows.get(&slot).is_some_and(|row| row.handles > 0);
        self.touched.entry(slot).or_insert(Before { had_handle, arrived: false })
    }
}

/// The handles of the guest. A free place is used again, last freed first.
#[derive(Debug, Default)]
struct Handles {
    places: Vec<Option<Slot>>,
    free: Vec<Handle>,
}

impl Handles {
    fn insert(&mut self, slot: Slot) -> Result<Handle, Broken> {
        if let Some(handle) = self.free.pop() {
            self.places[handle as usize] = Some(slot);
            return Ok(handle);
        }
        if self.places.len() >= HANDLES_MAX {
            return Err(Broken::Handles);
        }
        self.places.push(Some(slot));
        Ok(self.places.len() as Handle - 1)
    }

    fn get(&self, handle: Handle) -> Result<Slot, Broken> {
        self.places.get(handle as usize).copied().flatten().ok_or(Broken::NoSuchHandle)
    }

    fn remove(&mut self, handle: Handle) -> Result<Slot, Broken> {
        let slot = self.get(handle)?;
        self.places[handle as usize] = None;
        self.free.push(handle);
        Ok(slot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DURABLE: Exposed = Exposed { object: 7, lifetime: Lifetime::Durable };
    const BRIEF: Exposed = Exposed { object: 8, lifetime: Lifetime::Incarnation };

    /// Slot 1 is the vat's own durable object 7, slot 2 a grant, slot 3 only in its store.
    fn mirror() -> Mirror {
        let entry = |slot, local| ClistEntry { slot: Slot(slot), local };
        let clist = [entry(1, Some(DURABLE)), entry(2, None), entry(3, None)];
        let mut mirror = Mirror::new(&clist, &[("peer".to_owned(), Slot(2))]);
        mirror.begin(Slot(4));
        mirror
    }

    fn finish(mirror: &mut Mirror) -> Changes {
        let changes = mirror.finish(&[], |slot| slot == Slot(3));
        let next = Slot(mirror.next);
        mirror.begin(next);
        changes
    }

    fn changes(taken: &[u64], dropped: &[u64]) -> Changes {
        let slots = |slots: &[u64]| slots.iter().map(|&slot| Slot(slot)).collect();
        Changes { taken: slots(taken), dropped: slots(dropped) }
    }

    #[test]
    fn slots_ascend_and_an_id_that_is_bound_keeps_its_own() {
        let mut mirror = mirror();
        assert_eq!(mirror.make().expect("a slot").0, Slot(4));
        assert_eq!(mirror.expose(DURABLE).expect("bound").0, Slot(1));
        assert_eq!(mirror.expose(BRIEF).expect("a slot").0, Slot(5));
        assert_eq!(mirror.expose(BRIEF).expect("bound").0, Slot(5));
        assert_eq!(mirror.make().expect("a slot").0, Slot(6));
    }

    #[test]
    fn an_id_has_one_lifetime_until_it_is_dropped() {
        let mut mirror = mirror();
        let other = Exposed { lifetime: Lifetime::Incarnation, ..DURABLE };
        assert_eq!(mirror.expose(other), Err(Broken::OtherLifetime { object: 7 }));
        mirror.unbind(&[7]);
        assert_eq!(mirror.expose(other).expect("free").0, Slot(4));
    }

    #[test]
    fn what_is_held_all_along_is_not_reported() {
        let mut mirror = mirror();
        mirror.grant(Slot(2)).expect("a handle");
        mirror.deliver(Held { slot: Slot(9), local: None }).expect("a handle");
        mirror.make().expect("a handle");
        assert_eq!(finish(&mut mirror), changes(&[], &[]));
    }

    #[test]
    fn what_is_given_up_is_dropped_once_its_last_handle_is_gone() {
        let mut mirror = mirror();
        let first = mirror.deliver(Held { slot: Slot(9), local: None }).expect("a handle");
        let second = mirror.take(Slot(9)).expect("a handle");
        assert_eq!(mirror.release(first), Ok(Slot(9)));
        assert_eq!(finish(&mut mirror), changes(&[], &[]));
        assert_eq!(mirror.release(second), Ok(Slot(9)));
        assert_eq!(finish(&mut mirror), changes(&[], &[9]));
        assert!(!mirror.rows.contains_key(&Slot(9)), "nothing keeps its row");
        assert_eq!(mirror.release(second), Err(Broken::NoSuchHandle));
    }

    #[test]
    fn what_comes_out_of_the_store_is_taken_and_its_row_outlives_the_handle() {
        let mut mirror = mirror();
        let handle = mirror.take(Slot(3)).expect("a handle");
        assert_eq!(finish(&mut mirror), changes(&[3], &[]));
        mirror.release(handle).expect("it is held");
        assert_eq!(finish(&mut mirror), changes(&[], &[3]));
        assert!(mirror.rows.contains_key(&Slot(3)));
        mirror.finish(&[Slot(3)], |_| false);
        assert!(!mirror.rows.contains_key(&Slot(3)), "gone with its last mention");
    }

    #[test]
    fn what_is_taken_and_given_up_in_one_crank_is_not_reported_but_a_delivered_one_is() {
        let mut mirror = mirror();
        let stored = mirror.take(Slot(3)).expect("a handle");
        let delivered = mirror.deliver(Held { slot: Slot(9), local: None }).expect("a handle");
        mirror.release(stored).expect("it is held");
        mirror.release(delivered).expect("it is held");
        assert_eq!(finish(&mut mirror), changes(&[], &[9]));
    }

    #[test]
    fn the_row_of_an_own_object_lives_until_its_id_is_free() {
        let mut mirror = mirror();
        let (slot, handle) = mirror.expose(BRIEF).expect("a slot");
        mirror.release(handle).expect("it is held");
        assert_eq!(finish(&mut mirror), changes(&[], &[slot.0]));
        assert_eq!(mirror.expose(BRIEF).expect("bound").0, slot);
        assert_eq!(finish(&mut mirror), changes(&[], &[]), "exposing says by itself that there is a handle again");
        mirror.release(handle).expect("places are used again, so it is the same handle");
        assert_eq!(finish(&mut mirror), changes(&[], &[slot.0]));
        let (_, handle) = mirror.expose(BRIEF).expect("bound");
        mirror.release(handle).expect("it is held");
        mirror.unbind(&[8]);
        assert_eq!(finish(&mut mirror), changes(&[], &[slot.0]));
        assert!(!mirror.rows.contains_key(&slot));
    }

    #[test]
    fn a_handle_tells_the_vats_own_number_of_its_own_objects_only() {
        let mut mirror = mirror();
        let (_, own) = mirror.expose(BRIEF).expect("a slot");
        let (_, other) = mirror.make().expect("a slot");
        assert_eq!((mirror.local(own), mirror.local(other)), (Ok(Some(8)), Ok(None)));
    }
}
