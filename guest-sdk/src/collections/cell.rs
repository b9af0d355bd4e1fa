//! One value apart from the rest of its object's state.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Deserializer};
use serde::ser::{Serialize, Serializer};

use super::part::{self, Part};
use crate::store;

/// One value that is loaded and saved only when it is asked for: for what is large, beside state that is looked at often.
pub struct Cell<T> {
    part: Part,
    value: PhantomData<fn() -> T>,
}

impl<T: Serialize + DeserializeOwned> Cell<T> {
    /// An empty one.
    pub fn new() -> Cell<T> {
        Cell { part: Part::new(), value: PhantomData }
    }

    /// What is in it.
    pub fn get(&self) -> Option<T> {
        store::raw_get(&self.part.prefix()?).map(part::read)
    }

    /// Puts a value into it, in place of the one that may be there.
    pub fn set(&mut self, value: &T) {
        part::write(&self.part.prefix_or_begin(), value);
    }

    /// Takes the value out.
    pub fn take(&mut self) -> Option<T> {
        let value = self.get();
        self.part.clear();
        value
    }
}

impl<T: Serialize + DeserializeOwned> Default for Cell<T> {
    fn default() -> Cell<T> {
        Cell::new()
    }
}

impl<T> fmt::Debug for Cell<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cell(..)")
    }
}

impl<T> Serialize for Cell<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.part.save((), serializer)
    }
}

impl<'de, T> serde::Deserialize<'de> for Cell<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Cell<T>, D::Error> {
        let (part, _) = Part::load::<_, ()>(deserializer)?;
        Ok(Cell { part, value: PhantomData })
    }
}
