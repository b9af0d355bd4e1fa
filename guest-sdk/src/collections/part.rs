//! Which part of whose state a collection is: the beginning of its keys.

use std::cell::Cell;
use std::fmt;

use ocap_passable::NotPassable;
use serde::Serialize;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::ser::{Error as _, Serializer};

use crate::body::Body;
use crate::this::EPHEMERAL_IDS;
use crate::{durable, store};

/// Where the code is that runs: collections are made, read and written as parts of the object that is being looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    /// Nowhere in particular, or in an object that ends with the incarnation.
    Outside,
    /// In a closure or a method that looks at a durable object.
    Object(u64),
    /// Where its state is read.
    Loading(u64),
    /// Where its state is written.
    Saving(u64),
}

thread_local! {
    static PLACE: Cell<Place> = const { Cell::new(Place::Outside) };
}

/// While it lives, the code is in that place.
pub(crate) struct Within(Place);

impl Place {
    /// In the object of that number.
    pub(crate) fn of(id: u64) -> Place {
        if id < EPHEMERAL_IDS { Place::Object(id) } else { Place::Outside }
    }

    pub(crate) fn enter(self) -> Within {
        Within(PLACE.replace(self))
    }

    pub(crate) fn within<R>(self, act: impl FnOnce() -> R) -> R {
        let _within = self.enter();
        act()
    }

    fn object(self) -> Option<u64> {
        match self {
            Place::Outside => None,
            Place::Object(id) | Place::Loading(id) | Place::Saving(id) => Some(id),
        }
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        PLACE.set(self.0);
    }
}

/// All keys of parts of objects begin so.
const PARTS: &[u8] = b"part/";

/// The beginning of the keys of all parts of an object.
pub(super) fn of_object(id: u64) -> Vec<u8> {
    [PARTS, &id.to_be_bytes()].concat()
}

/// A collection's identity. It has a number from its first entry on.
pub(super) struct Part {
    owner: Option<u64>,
    number: Option<u64>,
}

impl Part {
    /// A new one, in the object that is being looked at.
    pub(super) fn new() -> Part {
        Part { owner: PLACE.get().object(), number: None }
    }

    /// The beginning of its keys; `None` if there can't be any.
    pub(super) fn prefix(&self) -> Option<Vec<u8>> {
        Some([of_object(self.owner?).as_slice(), &self.number?.to_be_bytes()].concat())
    }

    /// The beginning of its keys, now that there will be one.
    pub(super) fn prefix_or_begin(&mut self) -> Vec<u8> {
        assert!(
            self.owner.is_some(),
            "a collection is a part of a durable object: make the object first (`This::durable`), then fill it in one of its methods or in `with`"
        );
        self.number.get_or_insert_with(durable::next_id);
        self.prefix().expect("it has both")
    }

    /// Gives all entries up.
    pub(super) fn clear(&mut self) {
        if let Some(prefix) = self.prefix() {
            super::sweep::all(&prefix);
        }
        self.number = None;
    }

    /// As a field of the object's state, with a number more that the collection keeps there.
    pub(super) fn save<S: Serializer, N: Serialize>(&self, what: N, serializer: S) -> Result<S::Ok, S::Error> {
        let Place::Saving(owner) = PLACE.get() else {
            return Err(S::Error::custom(
                "a durable collection is kept in the state of an object and goes nowhere else",
            ));
        };
        let Some(number) = self.number else { return serializer.serialize_none() };
        if self.owner != Some(owner) {
            return Err(S::Error::custom("a durable collection stays in the object that it was made in"));
        }
        (number, what).serialize(serializer)
    }

    /// The part, and what was kept with it, if anything was.
    pub(super) fn load<'de, D: Deserializer<'de>, N: DeserializeOwned>(
        deserializer: D,
    ) -> Result<(Part, Option<N>), D::Error> {
        let Place::Loading(owner) = PLACE.get() else {
            return Err(D::Error::custom(
                "a durable collection comes from the state of an object and from nowhere else",
            ));
        };
        let kept: Option<(u64, N)> = serde::Deserialize::deserialize(deserializer)?;
        let (number, what) = kept.map_or((None, None), |(number, what)| (Some(number), Some(what)));
        Ok((Part { owner: Some(owner), number }, what))
    }
}

/// An entry as a value.
pub(super) fn read<T: DeserializeOwned>(body: Body) -> T {
    body.read().unwrap_or_else(|error| panic!("an entry of a collection can not be read as it is declared: {error}"))
}

/// Writes an entry.
pub(super) fn write<T: Serialize + ?Sized>(key: &[u8], value: &T) {
    store::raw_put(
        key,
        &Body::write(value).unwrap_or_else(|error: NotPassable| panic!("an entry can not be kept: {error}")),
    );
}

/// Collections are shown by how much is in them.
pub(super) fn show(f: &mut fmt::Formatter<'_>, name: &str, len: u64) -> fmt::Result {
    write!(f, "{name}({len})")
}
