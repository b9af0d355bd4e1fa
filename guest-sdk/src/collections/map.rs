//! Values by key.

use std::borrow::Borrow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;

use serde::de::{DeserializeOwned, Deserializer, IgnoredAny};
use serde::ser::{Serialize, Serializer};

use super::iter::{Iter, Keys, Raw};
use super::key::{AsKey, Key, full};
use super::part::{self, Part};
use crate::body::Body;
use crate::{Cap, store};

/// Values by key, in the order of the keys: as `BTreeMap`, but loaded entry by entry.
///
/// Values come and go whole, as copies. One that does not fit its type, or can't be passed, is a mistake in the vat's code and panics.
pub struct Map<K, V> {
    part: Part,
    pub(super) len: u64,
    entries: PhantomData<fn(K) -> V>,
}

impl<K: Key, V: Serialize + DeserializeOwned> Map<K, V> {
    /// An empty one.
    pub fn new() -> Map<K, V> {
        Map { part: Part::new(), len: 0, entries: PhantomData }
    }

    /// How many entries there are.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value of a key.
    pub fn get<Q: AsKey + ?Sized>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let body = store::raw_get(&full(&self.part.prefix()?, key))?;
        Some(value::<K, V>(body))
    }

    /// Whether the key has a value.
    pub fn contains_key<Q: AsKey + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.part.prefix().is_some_and(|prefix| store::raw_get_bytes(&full(&prefix, key)).is_some())
    }

    /// Gives a key a value, and returns the one that it had.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let before = self.get(&key);
        self.put(&key, &value);
        self.len += u64::from(before.is_none());
        before
    }

    /// Takes a key's value away, and returns it.
    pub fn remove<Q: AsKey + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let bytes = full(&self.part.prefix()?, key);
        let body = store::raw_get(&bytes)?;
        store::raw_remove(&bytes);
        self.len -= 1;
        Some(value::<K, V>(body))
    }

    /// Changes the value of a key in place: `None` is no value, before and after.
    ///
    /// ```no_run
    /// # use ocap_guest_sdk::prelude::*;
    /// # fn count(visits: &mut Map<String, u64>, guest: String) {
    /// visits.update(guest, |visits| *visits = Some(visits.unwrap_or(0) + 1));
    /// # }
    /// ```
    pub fn update<R>(&mut self, key: K, change: impl FnOnce(&mut Option<V>) -> R) -> R {
        let mut value = self.get(&key);
        let was_there = value.is_some();
        let result = change(&mut value);
        match (value, was_there) {
            (Some(value), _) => {
                self.put(&key, &value);
                self.len += u64::from(!was_there);
            }
            (None, true) => drop(self.remove(&key)),
            (None, false) => {}
        }
        result
    }

    /// All entries, in the order of their keys.
    pub fn iter(&self) -> Iter<'_, K, V> {
        Iter::new(Raw::new::<K>(self.part.prefix(), &..))
    }

    /// All keys, in their order; the values are not loaded.
    pub fn keys(&self) -> Keys<'_, K> {
        Keys::new(Raw::new::<K>(self.part.prefix(), &..))
    }

    /// The entries whose keys are in a range: `range("a".."b")`, `range::<u64, _>(10..)`.
    pub fn range<Q: AsKey + ?Sized, R: RangeBounds<Q>>(&self, range: R) -> Iter<'_, K, V>
    where
        K: Borrow<Q>,
    {
        Iter::new(Raw::new(self.part.prefix(), &range))
    }

    /// At most `limit` entries after a key, or from the first one on: for whoever shows them page by page.
    pub fn page<Q: AsKey + ?Sized>(&self, after: Option<&Q>, limit: usize) -> Vec<(K, V)>
    where
        K: Borrow<Q>,
    {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        self.range((from, Unbounded)).take(limit).collect()
    }

    /// Takes all entries away. Of very many, most go after this delivery; nobody sees them any more.
    pub fn clear(&mut self) {
        self.part.clear();
        self.len = 0;
    }

    /// The beginning of its keys, if it has any.
    pub(super) fn prefix(&self) -> Option<Vec<u8>> {
        self.part.prefix()
    }

    fn put(&mut self, key: &K, value: &V) {
        let bytes = full(&self.part.prefix_or_begin(), key);
        if !K::HOLDS {
            return part::write(&bytes, value);
        }
        let mut caps = Vec::new();
        key.held(&mut caps);
        part::write(&bytes, &(caps, value));
    }
}

/// The value in what is kept of an entry, where it has the capabilities of its key beside it.
fn value<K: Key, V: DeserializeOwned>(body: Body) -> V {
    if !K::HOLDS {
        return part::read(body);
    }
    let (_, value): (Vec<Cap>, V) = part::read(body);
    value
}

/// The key in the bytes of one, of which `prefix` are the collection's.
pub(super) fn key<K: Key>(prefix: usize, bytes: &[u8]) -> K {
    let caps = match K::HOLDS {
        true => part::read::<(Vec<Cap>, IgnoredAny)>(store::raw_get(bytes).expect("it is there")).0,
        false => Vec::new(),
    };
    K::read(&mut &bytes[prefix..], &mut caps.into_iter()).expect("the keys of a collection are as it wrote them")
}

/// An entry by the bytes of its key.
pub(super) fn entry<K: Key, V: DeserializeOwned>(prefix: usize, bytes: &[u8]) -> (K, V) {
    let body = store::raw_get(bytes).expect("it is there");
    let (caps, value) = match K::HOLDS {
        true => part::read(body),
        false => (Vec::new(), part::read(body)),
    };
    let key = K::read(&mut &bytes[prefix..], &mut caps.into_iter());
    (key.expect("the keys of a collection are as it wrote them"), value)
}

impl<K: Key, V: Serialize + DeserializeOwned> Default for Map<K, V> {
    fn default() -> Map<K, V> {
        Map::new()
    }
}

impl<K, V> fmt::Debug for Map<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        part::show(f, "Map", self.len)
    }
}

impl<'m, K: Key, V: Serialize + DeserializeOwned> IntoIterator for &'m Map<K, V> {
    type Item = (K, V);
    type IntoIter = Iter<'m, K, V>;

    fn into_iter(self) -> Iter<'m, K, V> {
        self.iter()
    }
}

impl<K, V> Serialize for Map<K, V> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.part.save(self.len, serializer)
    }
}

impl<'de, K, V> serde::Deserialize<'de> for Map<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Map<K, V>, D::Error> {
        let (part, len) = Part::load(deserializer)?;
        Ok(Map { part, len: len.unwrap_or(0), entries: PhantomData })
    }
}
