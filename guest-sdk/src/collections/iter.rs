//! Entries one after the other, a page of keys at a time.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use serde::de::DeserializeOwned;

use super::key::{AsKey, Key, full, just_before};
use super::map::{entry, key};
use crate::store;

/// How many keys are asked for at once.
const PAGE: u32 = 64;

/// Keys as they lie in the store, from one bound to the other.
pub(super) struct Raw {
    prefix: Vec<u8>,
    after: Option<Vec<u8>>,
    end: Bound<Vec<u8>>,
    page: VecDeque<Vec<u8>>,
    is_over: bool,
}

impl Raw {
    /// Those of a collection; of one that never had any, none.
    pub(super) fn new<Q: AsKey + ?Sized>(prefix: Option<Vec<u8>>, range: &impl RangeBounds<Q>) -> Raw {
        let is_over = prefix.is_none();
        let prefix = prefix.unwrap_or_default();
        let after = match range.start_bound() {
            Bound::Unbounded => None,
            Bound::Excluded(key) => Some(full(&prefix, key)),
            Bound::Included(key) => Some(just_before(full(&prefix, key))),
        };
        let end = range.end_bound().map(|key| full(&prefix, key));
        Raw { prefix, after, end, page: VecDeque::new(), is_over }
    }
}

impl Iterator for Raw {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if self.is_over {
            return None;
        }
        if self.page.is_empty() {
            self.page = store::raw_keys(&self.prefix, self.after.as_deref(), PAGE).into();
            self.after = self.page.back().cloned();
        }
        let key = self.page.pop_front().filter(|key| match &self.end {
            Bound::Unbounded => true,
            Bound::Included(end) => key <= end,
            Bound::Excluded(end) => key < end,
        });
        self.is_over = key.is_none();
        key
    }
}

/// Entries in the order of their keys: what [`super::Map::iter`] and [`super::Map::range`] give.
pub struct Iter<'m, K, V> {
    raw: Raw,
    /// The map can't change while it is gone through.
    map: PhantomData<&'m (K, V)>,
}

impl<K, V> Iter<'_, K, V> {
    pub(super) fn new(raw: Raw) -> Self {
        Iter { raw, map: PhantomData }
    }
}

impl<K: Key, V: DeserializeOwned> Iterator for Iter<'_, K, V> {
    type Item = (K, V);

    fn next(&mut self) -> Option<(K, V)> {
        let bytes = self.raw.next()?;
        Some(entry(self.raw.prefix.len(), &bytes))
    }
}

/// Keys in their order: what [`super::Map::keys`] and [`super::Set::iter`] give.
pub struct Keys<'m, K> {
    raw: Raw,
    map: PhantomData<&'m K>,
}

impl<K> Keys<'_, K> {
    pub(super) fn new(raw: Raw) -> Self {
        Keys { raw, map: PhantomData }
    }
}

impl<K: Key> Iterator for Keys<'_, K> {
    type Item = K;

    fn next(&mut self) -> Option<K> {
        let bytes = self.raw.next()?;
        Some(key(self.raw.prefix.len(), &bytes))
    }
}
