//! Keys alone.

use std::borrow::Borrow;
use std::fmt;
use std::ops::RangeBounds;

use serde::de::Deserializer;
use serde::ser::{Serialize, Serializer};

use super::iter::{Keys, Raw};
use super::key::{AsKey, Key};
use super::map::Map;
use super::part;

/// Keys, each at most once and in order: as `BTreeSet`, but loaded one by one. A set of capabilities holds them.
pub struct Set<K>(Map<K, ()>);

impl<K: Key> Set<K> {
    /// An empty one.
    pub fn new() -> Set<K> {
        Set(Map::new())
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it is one of them.
    pub fn contains<Q: AsKey + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.contains_key(key)
    }

    /// Adds one. Whether it was not there.
    pub fn insert(&mut self, key: K) -> bool {
        !self.0.contains_key(&key) && self.0.insert(key, ()).is_none()
    }

    /// Takes one away. Whether it was there.
    pub fn remove<Q: AsKey + ?Sized>(&mut self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.0.remove(key).is_some()
    }

    /// All of them, in order.
    pub fn iter(&self) -> Keys<'_, K> {
        self.0.keys()
    }

    /// Those in a range.
    pub fn range<Q: AsKey + ?Sized, R: RangeBounds<Q>>(&self, range: R) -> Keys<'_, K>
    where
        K: Borrow<Q>,
    {
        Keys::new(Raw::new(self.0.prefix(), &range))
    }

    /// Takes all away, as [`Map::clear`].
    pub fn clear(&mut self) {
        self.0.clear();
    }
}

impl<K: Key> Default for Set<K> {
    fn default() -> Set<K> {
        Set::new()
    }
}

impl<K> fmt::Debug for Set<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        part::show(f, "Set", self.0.len)
    }
}

impl<'s, K: Key> IntoIterator for &'s Set<K> {
    type Item = K;
    type IntoIter = Keys<'s, K>;

    fn into_iter(self) -> Keys<'s, K> {
        self.iter()
    }
}

impl<K> Serialize for Set<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, K> serde::Deserialize<'de> for Set<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Set<K>, D::Error> {
        Map::deserialize(deserializer).map(Set)
    }
}
