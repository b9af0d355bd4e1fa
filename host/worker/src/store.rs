//! One vat's own store: an ordered map whose transaction is the crank.
//!
//! Writes happen at once, so a crank reads its own; the first old value of each key is remembered, and both the undoing
//! of a crank and its report come out of that one memory. It does not know handles, wasm or the database.

use std::collections::BTreeMap;
use std::ops::Bound;

use ocap_kernel::{Payload, Slot, StoreWrite};

use crate::limits::{Broken, KEY_BYTES_MAX, STORED_CAP_BYTES, VALUE_BYTES_MAX};

/// What the vat stored.
#[derive(Debug, Default)]
pub struct VatStore {
    entries: BTreeMap<Vec<u8>, Payload<Slot>>,
    /// How often each slot is mentioned in `entries`; never 0.
    mentions: BTreeMap<Slot, u64>,
    bytes: u64,
    bytes_max: u64,
    /// What each key changed in this crank held before it.
    before: BTreeMap<Vec<u8>, Option<Payload<Slot>>>,
}

impl VatStore {
    /// A store as it was read back. Entries that exceed a limit which has been lowered since stay.
    pub fn new(entries: Vec<(Vec<u8>, Payload<Slot>)>, bytes_max: u64) -> VatStore {
        let mut store = VatStore { bytes_max, ..VatStore::default() };
        for (key, value) in entries {
            store.set(&key, Some(value));
        }
        store
    }

    /// Bytes of keys, values and capabilities.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How many entries there are.
    pub fn entries(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(crate) fn get(&self, key: &[u8]) -> Option<&Payload<Slot>> {
        self.entries.get(key)
    }

    /// How often the store mentions a slot.
    pub(crate) fn mentions(&self, slot: Slot) -> u64 {
        self.mentions.get(&slot).copied().unwrap_or(0)
    }

    /// Writes an entry.
    ///
    /// # Errors
    /// If it is over a limit, or the whole would be; nothing changes then.
    pub(crate) fn put(&mut self, key: Vec<u8>, value: Payload<Slot>) -> Result<(), Broken> {
        if key.len() > KEY_BYTES_MAX {
            return Err(Broken::Key { bytes: key.len() });
        }
        if value.body.len() > VALUE_BYTES_MAX {
            return Err(Broken::Value { bytes: value.body.len() });
        }
        let freed = self.entries.get(&key).map_or(0, |old| weight(&key, old));
        let bytes = self.bytes - freed + weight(&key, &value);
        if bytes > self.bytes_max && bytes > self.bytes {
            return Err(Broken::StoreFull { bytes, limit: self.bytes_max });
        }
        let old = self.set(&key, Some(value));
        self.before.entry(key).or_insert(old);
        Ok(())
    }

    /// Removes an entry and says whether there was one.
    pub(crate) fn remove(&mut self, key: Vec<u8>) -> bool {
        let Some(old) = self.set(&key, None) else { return false };
        self.before.entry(key).or_insert(Some(old));
        true
    }

    /// The entries whose key begins with `prefix`, in order, after the key `after`.
    pub(crate) fn page<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a [u8]>,
    ) -> impl Iterator<Item = (&'a [u8], &'a Payload<Slot>)> {
        let from = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            Some(_) | None => Bound::Included(prefix),
        };
        self.entries
            .range::<[u8], _>((from, Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key.as_slice(), value))
    }

    /// Makes this crank's writes final and returns those that changed something, with the slots that gained or lost a
    /// mention.
    pub(crate) fn commit(&mut self) -> (Vec<StoreWrite>, Vec<Slot>) {
        let (mut writes, mut slots) = (Vec::new(), Vec::new());
        for (key, before) in std::mem::take(&mut self.before) {
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
        for (key, before) in std::mem::take(&mut self.before) {
            self.set(&key, before);
        }
    }

    /// The only place where an entry changes: counts and sizes follow it.
    fn set(&mut self, key: &[u8], value: Option<Payload<Slot>>) -> Option<Payload<Slot>> {
        if let Some(value) = &value {
            self.bytes += weight(key, value);
            for &slot in &value.caps {
                *self.mentions.entry(slot).or_insert(0) += 1;
            }
        }
        let old = match value {
            Some(value) => self.entries.insert(key.to_vec(), value),
            None => self.entries.remove(key),
        };
        if let Some(old) = &old {
            self.bytes -= weight(key, old);
            for slot in &old.caps {
                self.forget(*slot);
            }
        }
        old
    }

    fn forget(&mut self, slot: Slot) {
        let count = self.mentions.get_mut(&slot).expect("every mention in an entry is counted");
        *count -= 1;
        if *count == 0 {
            self.mentions.remove(&slot);
        }
    }
}

/// What an entry counts against the limit, in bytes.
fn weight(key: &[u8], value: &Payload<Slot>) -> u64 {
    (key.len() + value.body.len()) as u64 + STORED_CAP_BYTES * value.caps.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, caps: &[u64]) -> Payload<Slot> {
        Payload { body: text.as_bytes().into(), caps: caps.iter().map(|&slot| Slot(slot)).collect() }
    }

    fn filled() -> VatStore {
        let entries = ["a", "b/1", "b/2", "b/3", "c"].map(|key| (key.as_bytes().to_vec(), value(key, &[1])));
        VatStore::new(entries.to_vec(), 100)
    }

    fn keys(store: &VatStore, prefix: &str, after: Option<&str>) -> Vec<String> {
        let page = store.page(prefix.as_bytes(), after.map(str::as_bytes));
        page.map(|(key, _)| String::from_utf8_lossy(key).into_owned()).collect()
    }

    #[test]
    fn an_undone_crank_leaves_entries_counts_and_sizes_as_they_were() {
        let mut store = filled();
        let bytes = store.bytes;
        store.put(b"a".to_vec(), value("other", &[2, 2])).expect("it fits");
        store.put(b"a".to_vec(), value("third", &[3])).expect("it fits");
        store.put(b"new".to_vec(), value("", &[1])).expect("it fits");
        assert!(store.remove(b"c".to_vec()));
        assert_eq!(store.get(b"a"), Some(&value("third", &[3])), "a crank reads its own writes");
        store.undo();
        assert_eq!(store.get(b"a"), Some(&value("a", &[1])));
        assert_eq!(keys(&store, "", None), ["a", "b/1", "b/2", "b/3", "c"]);
        assert_eq!((store.bytes, store.mentions(Slot(1)), store.mentions(Slot(2))), (bytes, 5, 0));
        assert_eq!(store.commit(), (Vec::new(), Vec::new()));
    }

    #[test]
    fn only_the_last_write_that_changed_something_is_reported() {
        let mut store = filled();
        store.put(b"a".to_vec(), value("other", &[])).expect("it fits");
        store.put(b"a".to_vec(), value("a", &[1])).expect("it fits");
        store.put(b"c".to_vec(), value("other", &[2])).expect("it fits");
        store.remove(b"b/1".to_vec());
        store.put(b"new".to_vec(), value("", &[])).expect("it fits");
        store.remove(b"new".to_vec());
        let (writes, slots) = store.commit();
        assert_eq!(
            writes,
            [
                StoreWrite { key: b"b/1".to_vec(), value: None },
                StoreWrite { key: b"c".to_vec(), value: Some(value("other", &[2])) },
            ]
        );
        assert_eq!(slots, [Slot(1), Slot(1), Slot(2)]);
    }

    #[test]
    fn a_page_begins_after_its_key_and_ends_with_its_prefix() {
        let store = filled();
        assert_eq!(keys(&store, "b/", None), ["b/1", "b/2", "b/3"]);
        assert_eq!(keys(&store, "b/", Some("b/1")), ["b/2", "b/3"]);
        assert_eq!(keys(&store, "b/", Some("a")), ["b/1", "b/2", "b/3"]);
        assert_eq!(keys(&store, "b/", Some("c")), Vec::<String>::new());
    }

    #[test]
    fn a_full_store_refuses_growth_but_not_shrinking() {
        let mut store = filled();
        store.bytes_max = store.bytes;
        assert!(matches!(store.put(b"a".to_vec(), value("aa", &[1])), Err(Broken::StoreFull { .. })));
        store.bytes_max = 1;
        assert_eq!(store.put(b"a".to_vec(), value("", &[1])), Ok(()), "an over-full store may shrink");
        assert_eq!(store.put(vec![0; 513], value("", &[])), Err(Broken::Key { bytes: 513 }));
    }
}
