//! One vat's own store: an ordered map whose transaction is the crank.
//!
//! Writes happen at once, so a crank reads its own; the first old value of each key is remembered, and both the undoing
//! of a crank and its report come out of that one memory. Of a large store only the part in use is in memory: the rest is read
//! from below when it is asked for, and let go of again. It does not know handles, wasm or the database.

mod known;
#[cfg(test)]
mod tests;
mod totals;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::mem;
use std::ops::{Bound, ControlFlow};

use ocap_kernel::{Payload, Slot, StoreWrite};

use crate::limits::{Broken, KEY_BYTES_MAX, VALUE_BYTES_MAX};
use known::{Known, after};
pub use totals::Totals;
use totals::weight;

/// Bytes that one store keeps in memory, beside what was written last; a store that is no larger is kept whole. Read again, an entry costs some
/// microseconds, or a commit of the host if one is just being written.
const KEPT_BYTES_MAX: u64 = 8 << 20;

/// Entries as a store has them, in key order.
pub type Entries = Vec<(Vec<u8>, Payload<Slot>)>;

/// A stretch of a store, as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// All its entries.
    pub entries: Entries,
    /// Where what was not read begins; `None` if there is no more.
    pub next: Option<Vec<u8>>,
}

/// Where the rest of a store is read.
pub trait Below: fmt::Debug + Send {
    /// What the store has from this key on: as much as is good to read at once, and all that was written before the crank whose
    /// [`VatStore::all_is_below`] was called last. `None` if it can't be read: then the crank ends, and whoever reads knows why.
    fn page(&mut self, from: &[u8]) -> Option<Page>;
}

/// What the vat stored.
#[derive(Debug)]
pub struct VatStore {
    /// Those in memory: all that lie in what is known.
    entries: BTreeMap<Vec<u8>, Payload<Slot>>,
    known: Known,
    /// None for a store that is always in memory.
    below: Option<Box<dyn Below>>,
    /// Keys that were written and may not be below yet: these stay in memory.
    above: BTreeSet<Vec<u8>>,
    /// Bytes of `entries`.
    kept: u64,
    kept_max: u64,
    /// How many of them could not be let go of the last time: they are no reason to look again soon.
    held: u64,
    totals: Totals,
    bytes_max: u64,
    /// What each key changed in this crank held before it.
    before: BTreeMap<Vec<u8>, Option<Payload<Slot>>>,
}

impl Default for VatStore {
    fn default() -> VatStore {
        VatStore::whole(Vec::new(), 0)
    }
}

impl VatStore {
    /// A store that is in memory as a whole, always. Entries that exceed a limit which has been lowered since stay.
    pub fn whole(entries: Entries, bytes_max: u64) -> VatStore {
        let mut store = VatStore {
            entries: BTreeMap::new(),
            known: Known::everything(),
            below: None,
            above: BTreeSet::new(),
            kept: 0,
            kept_max: KEPT_BYTES_MAX,
            held: 0,
            totals: Totals::default(),
            bytes_max,
            before: BTreeMap::new(),
        };
        for (key, value) in entries {
            store.set(&key, Some(value));
        }
        store
    }

    /// A store whose first page was read, and of which the rest is below.
    pub fn in_part(first: Page, totals: Totals, below: Box<dyn Below>, bytes_max: u64) -> VatStore {
        let mut store = VatStore::whole(Vec::new(), bytes_max);
        store.known = Known::nothing();
        store.below = Some(below);
        store.take_in(Vec::new(), first);
        store.totals = totals;
        store
    }

    /// Bytes of keys, values and capabilities.
    pub fn bytes(&self) -> u64 {
        self.totals.weight()
    }

    /// How many entries there are.
    pub fn entries(&self) -> u64 {
        self.totals.entries
    }

    /// Bytes of those entries that are in memory.
    pub fn bytes_in_memory(&self) -> u64 {
        self.kept
    }

    /// All that was written up to now would be read from below. To be called between two cranks.
    pub fn all_is_below(&mut self) {
        self.above.clear();
        self.held = 0;
    }

    /// Lets go of what is too much to be kept.
    pub(crate) fn make_room(&mut self) {
        if self.below.is_none() || self.kept <= self.kept_max + self.held {
            return;
        }
        let mut entries = mem::take(&mut self.entries);
        self.known = Known::nothing();
        self.kept = 0;
        for key in &self.above {
            self.known.add(key.clone(), Some(after(key)));
            if let Some((key, value)) = entries.remove_entry(key) {
                self.kept += weight(&key, &value);
                self.entries.insert(key, value);
            }
        }
        self.held = self.kept;
    }

    /// Sees that an entry with this key would be in memory.
    fn reach(&mut self, key: &[u8]) -> Result<(), Broken> {
        if self.known.end_of(key).is_some() {
            return Ok(());
        }
        self.make_room();
        let below = self.below.as_mut().expect("of a store that is in memory everything is known");
        let page = below.page(key).ok_or(Broken::Unreadable)?;
        self.take_in(key.to_vec(), page);
        Ok(())
    }

    /// What is above is newer than what was read; what was read before is the same.
    fn take_in(&mut self, from: Vec<u8>, page: Page) {
        for (key, value) in page.entries {
            if !self.above.contains(&key) && !self.entries.contains_key(&key) {
                self.kept += weight(&key, &value);
                self.entries.insert(key, value);
            }
        }
        self.known.add(from, page.next);
    }

    pub(crate) fn get(&mut self, key: &[u8]) -> Result<Option<&Payload<Slot>>, Broken> {
        self.reach(key)?;
        Ok(self.entries.get(key))
    }

    /// How often the store mentions a slot.
    pub(crate) fn mentions(&self, slot: Slot) -> u64 {
        self.totals.mentions.get(&slot).copied().unwrap_or(0)
    }

    /// Writes an entry.
    ///
    /// # Errors
    /// If it is over a limit, or the whole would be, or what it replaces can't be read; nothing changes then.
    pub(crate) fn put(&mut self, key: Vec<u8>, value: Payload<Slot>) -> Result<(), Broken> {
        if key.len() > KEY_BYTES_MAX {
            return Err(Broken::Key { bytes: key.len() });
        }
        if value.body.len() > VALUE_BYTES_MAX {
            return Err(Broken::Value { bytes: value.body.len() });
        }
        let freed = self.get(&key)?.map_or(0, |old| weight(&key, old));
        let now = self.bytes();
        let bytes = now - freed + weight(&key, &value);
        if bytes > self.bytes_max && bytes > now {
            return Err(Broken::StoreFull { bytes, limit: self.bytes_max });
        }
        self.change(key, Some(value));
        Ok(())
    }

    /// Removes an entry and says whether there was one.
    ///
    /// # Errors
    /// If it can't be read; nothing changes then.
    pub(crate) fn remove(&mut self, key: Vec<u8>) -> Result<bool, Broken> {
        if self.get(&key)?.is_none() {
            return Ok(false);
        }
        self.change(key, None);
        Ok(true)
    }

    /// Shows `take` the entries whose key begins with `prefix`, in order, after the key `after`, until it has enough.
    ///
    /// # Errors
    /// If one can't be read.
    pub(crate) fn walk(
        &mut self,
        prefix: &[u8],
        behind: Option<&[u8]>,
        mut take: impl FnMut(&[u8], &Payload<Slot>) -> ControlFlow<()>,
    ) -> Result<(), Broken> {
        let mut from = match behind {
            Some(key) if key >= prefix => after(key),
            Some(_) | None => prefix.to_vec(),
        };
        loop {
            self.reach(&from)?;
            let end = self.known.end_of(&from).expect("it was just reached");
            let until = end.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
            for (key, value) in self.entries.range::<[u8], _>((Bound::Included(&*from), until)) {
                if !key.starts_with(prefix) || take(key, value).is_break() {
                    return Ok(());
                }
            }
            match end {
                Some(end) if end.starts_with(prefix) => from = end.clone(),
                Some(_) | None => return Ok(()),
            }
        }
    }

    /// Makes this crank's writes final and returns those that changed something, with the slots that gained or lost a
    /// mention.
    pub(crate) fn commit(&mut self) -> (Vec<StoreWrite>, Vec<Slot>) {
        let (mut writes, mut slots) = (Vec::new(), Vec::new());
        for (key, before) in mem::take(&mut self.before) {
            let value = self.entries.get(&key).cloned();
            if value != before {
                slots.extend([&before, &value].into_iter().flatten().flat_map(|value| &value.caps));
                writes.push(StoreWrite { key, value });
            }
        }
        (writes, slots)
    }

    /// Takes this crank's writes back.
    pub(crate) fn undo(&mut self) {
        for (key, before) in mem::take(&mut self.before) {
            self.set(&key, before);
        }
    }

    /// Writes or removes an entry that is in memory if there is one, for this crank.
    fn change(&mut self, key: Vec<u8>, value: Option<Payload<Slot>>) {
        let old = self.set(&key, value);
        if self.below.is_some() && !self.above.contains(&key) {
            self.above.insert(key.clone());
        }
        self.before.entry(key).or_insert(old);
    }

    /// The only place where an entry changes: counts and sizes follow it.
    fn set(&mut self, key: &[u8], value: Option<Payload<Slot>>) -> Option<Payload<Slot>> {
        if let Some(value) = &value {
            self.kept += weight(key, value);
            self.totals.gain(key, value);
        }
        let old = match value {
            Some(value) => self.entries.insert(key.to_vec(), value),
            None => self.entries.remove(key),
        };
        if let Some(old) = &old {
            self.kept -= weight(key, old);
            self.totals.lose(key, old);
        }
        old
    }
}
