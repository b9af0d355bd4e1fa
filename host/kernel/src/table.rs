//! A table that journals itself: it remembers which rows were touched since the last commit, and yields each once.

use std::collections::BTreeMap;

use crate::rows::Change;

/// Rows by key. Not every row has to be stored: what ends with an incarnation anyway never reaches the disk.
#[derive(Debug, Clone)]
pub(crate) struct Table<K, V> {
    rows: BTreeMap<K, V>,
    /// For each touched key whether the last commit holds a row for it.
    touched: BTreeMap<K, bool>,
    stored: fn(&V) -> bool,
}

impl<K: Ord + Clone, V> Table<K, V> {
    /// A table all of whose rows are stored, starting from what a store holds.
    pub(crate) fn new(rows: impl IntoIterator<Item = (K, V)>) -> Table<K, V> {
        Table::with_stored(rows, |_| true)
    }

    /// The same, where only rows that satisfy `stored` are.
    pub(crate) fn with_stored(rows: impl IntoIterator<Item = (K, V)>, stored: fn(&V) -> bool) -> Table<K, V> {
        Table { rows: rows.into_iter().collect(), touched: BTreeMap::new(), stored }
    }

    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.rows.get(key)
    }

    pub(crate) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.touch(key);
        self.rows.get_mut(key)
    }

    /// Changes a row in a way that a store sees only if the row begins or ceases to be stored.
    pub(crate) fn change(&mut self, key: &K, change: impl FnOnce(&mut V)) -> Option<&V> {
        let row = self.rows.get_mut(key)?;
        let was_stored = (self.stored)(row);
        change(row);
        if was_stored != (self.stored)(row) {
            self.touched.entry(key.clone()).or_insert(was_stored);
        }
        Some(row)
    }

    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.touch(&key);
        self.rows.insert(key, value)
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.touch(key);
        self.rows.remove(key)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.rows.iter()
    }

    pub(crate) fn range(&self, range: impl std::ops::RangeBounds<K>) -> impl DoubleEndedIterator<Item = (&K, &V)> {
        self.rows.range(range)
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    fn touch(&mut self, key: &K) {
        if !self.touched.contains_key(key) {
            let was_stored = self.rows.get(key).is_some_and(self.stored);
            self.touched.insert(key.clone(), was_stored);
        }
    }

    /// The rows to write, each once, in key order; `row` gives what is stored of a value. From here on the journal is empty.
    pub(crate) fn commit<R>(&mut self, row: impl Fn(&V) -> R) -> Vec<Change<K, R>> {
        let stored = self.stored;
        std::mem::take(&mut self.touched)
            .into_iter()
            .filter_map(|(key, was_stored)| {
                let value = self.rows.get(&key).filter(|value| stored(value)).map(&row);
                (was_stored || value.is_some()).then_some(Change { key, value })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_comes_and_goes_between_two_commits_is_never_written() {
        let mut table = Table::new([(1, 'a')]);
        table.insert(2, 'b');
        table.remove(&2);
        *table.get_mut(&1).expect("row 1") = 'c';
        assert_eq!(table.commit(|value| *value), [Change { key: 1, value: Some('c') }]);
        table.remove(&1);
        assert_eq!(table.commit(|value| *value), [Change { key: 1, value: None }]);
        assert_eq!(table.commit(|value| *value), []);
    }

    #[test]
    fn a_row_that_stops_being_durable_is_deleted() {
        let mut table = Table::with_stored([(1, 5)], |value| *value > 0);
        table.insert(1, 0);
        table.insert(2, 0);
        assert_eq!(table.commit(|value| *value), [Change { key: 1, value: None }]);
    }
}
