//! Values one after the other.

use std::fmt;
use std::marker::PhantomData;
use std::ops::RangeBounds;

use serde::de::{DeserializeOwned, Deserializer};
use serde::ser::{Serialize, Serializer};

use super::iter::{Iter, Raw};
use super::key::full;
use super::part::{self, Part};
use crate::store;

/// Values in the order in which they were added, each with its number: 0, 1, .. Old ones can be let go; numbers stay.
pub struct Log<T> {
    part: Part,
    /// The number of the oldest that is kept.
    first: u64,
    /// The number that the next one gets.
    next: u64,
    values: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> Log<T> {
    /// An empty one.
    pub fn new() -> Log<T> {
        Log { part: Part::new(), first: 0, next: 0, values: PhantomData }
    }

    /// How many there are.
    pub fn len(&self) -> u64 {
        self.next - self.first
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number that the next one will get.
    pub fn end(&self) -> u64 {
        self.next
    }

    /// Adds one; its number.
    pub fn push(&mut self, value: &T) -> u64 {
        let number = self.next;
        part::write(&full(&self.part.prefix_or_begin(), &number), value);
        self.next += 1;
        number
    }

    /// The one of that number, if it is there and was not let go.
    pub fn get(&self, number: u64) -> Option<T> {
        store::raw_get(&full(&self.part.prefix()?, &number)).map(part::read)
    }

    /// The newest.
    pub fn last(&self) -> Option<T> {
        self.get(self.next.checked_sub(1)?)
    }

    /// All that are kept, oldest first, with their numbers.
    pub fn iter(&self) -> Iter<'_, u64, T> {
        self.range(..)
    }

    /// Those with numbers in a range: `range(seen..)`.
    pub fn range(&self, range: impl RangeBounds<u64>) -> Iter<'_, u64, T> {
        Iter::new(Raw::new(self.part.prefix(), &range))
    }

    /// Lets the oldest go until there are at most so many.
    pub fn keep_newest(&mut self, count: u64) {
        let Some(prefix) = self.part.prefix() else { return };
        while self.len() > count {
            store::raw_remove(&full(&prefix, &self.first));
            self.first += 1;
        }
    }
}

impl<T: Serialize + DeserializeOwned> Default for Log<T> {
    fn default() -> Log<T> {
        Log::new()
    }
}

impl<T> fmt::Debug for Log<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        part::show(f, "Log", self.next - self.first)
    }
}

impl<T> Serialize for Log<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.part.save((self.first, self.next), serializer)
    }
}

impl<'de, T> serde::Deserialize<'de> for Log<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Log<T>, D::Error> {
        let (part, numbers) = Part::load(deserializer)?;
        let (first, next) = numbers.unwrap_or((0, 0));
        Ok(Log { part, first, next, values: PhantomData })
    }
}
