//! A map that goes back to its last commit when the process dies, as the disk does.

use std::collections::BTreeMap;

pub struct Kept<K, V> {
    map: BTreeMap<K, V>,
    /// What each change since the last commit replaced, in order.
    before: Vec<(K, Option<V>)>,
}

impl<K, V> Default for Kept<K, V> {
    fn default() -> Kept<K, V> {
        Kept { map: BTreeMap::new(), before: Vec::new() }
    }
}

impl<K: Ord + Clone, V: Clone> Kept<K, V> {
    pub fn get(&self, key: &K) -> Option<&V> {
        self.map.get(key)
    }

    pub fn contains(&self, key: &K) -> bool {
        self.map.contains_key(key)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.map.iter()
    }

    pub fn range(&self, range: impl std::ops::RangeBounds<K>) -> impl Iterator<Item = (&K, &V)> {
        self.map.range(range)
    }

    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        let before = self.map.insert(key.clone(), value);
        self.before.push((key, before.clone()));
        before
    }

    pub fn remove(&mut self, key: &K) -> Option<V> {
        let before = self.map.remove(key)?;
        self.before.push((key.clone(), Some(before.clone())));
        Some(before)
    }

    pub fn commit(&mut self) {
        self.before.clear();
    }

    pub fn crash(&mut self) {
        while let Some((key, before)) = self.before.pop() {
            match before {
                Some(value) => self.map.insert(key, value),
                None => self.map.remove(&key),
            };
        }
    }
}

impl<K: Ord + Clone> Kept<K, ()> {
    /// Adds a member of a set.
    pub fn add(&mut self, key: K) {
        if !self.map.contains_key(&key) {
            self.insert(key, ());
        }
    }
}

impl<K: Ord + Clone> Kept<K, u64> {
    pub fn count(&self, key: &K) -> u64 {
        self.map.get(key).copied().unwrap_or(0)
    }

    pub fn add_one(&mut self, key: K) {
        let count = self.count(&key);
        self.insert(key, count + 1);
    }
}
