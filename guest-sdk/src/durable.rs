//! Objects whose state outlives the incarnation, and the kinds of them that a vat knows.

use std::cell::Cell;

use ocap_passable::NotPassable;
use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use crate::answer::Outcome;
use crate::args::Args;
use crate::body::Body;
use crate::{Object, This, store};

/// State that is kept in the vat's store. Derive it: `#[derive(Durable, Default)]`.
///
/// Each field is kept by serde, and `#[serde(..)]` attributes work; `#[serde(default)]` on the type lets old state be read after a field
/// was added. Deriving serde's own traits too is not needed.
pub trait Durable: Sized + 'static {
    /// The kind's name, which is kept beside the state. The type's own name when derived, so a renamed type is another kind.
    const KIND: &'static str;

    /// Writes it.
    ///
    /// # Errors
    /// The serializer's.
    fn save<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;

    /// Reads it.
    ///
    /// # Errors
    /// The deserializer's, if what is kept does not fit the type.
    fn load<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error>;
}

/// A kind of durable objects: what a delivery to one of them needs.
#[doc(hidden)]
pub struct Kind {
    pub(crate) name: &'static str,
    pub(crate) deliver: fn(u64, &str, Args) -> Outcome,
}

impl Kind {
    /// The kind of a type.
    pub const fn of<T: Object + Durable>() -> Kind {
        Kind { name: T::KIND, deliver: |id, method, args| T::dispatch(&This::<T>::stored(id), method, args) }
    }
}

thread_local! {
    static KINDS: Cell<&'static [Kind]> = const { Cell::new(&[]) };
}

/// Set once an incarnation, before any delivery.
pub(crate) fn set_kinds(kinds: &'static [Kind]) {
    KINDS.set(kinds);
}

/// The kind of that name.
pub(crate) fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.get().iter().find(|kind| kind.name == name)
}

/// The kind of the root.
pub(crate) fn root_kind() -> Option<&'static Kind> {
    KINDS.get().first()
}

/// The number of a new durable object. 0 is the root.
pub(crate) fn next_id() -> u64 {
    const KEY: &[u8] = b"sdk/next-object";
    let id = store::raw_get(KEY).map_or(Ok(1), Body::read).expect("the counter of objects is a number");
    let body = Body::write(&(id + 1)).expect("a number can be written");
    store::raw_put(KEY, &body);
    id
}

fn key(id: u64) -> Vec<u8> {
    [b"object/".as_slice(), &id.to_be_bytes()].concat()
}

/// What the store has of an object: its kind's name and its state.
pub(crate) fn load(id: u64) -> Option<Body> {
    store::raw_get(&key(id))
}

pub(crate) fn save(id: u64, body: &Body) {
    store::raw_put(&key(id), body);
}

pub(crate) fn remove(id: u64) {
    store::raw_remove(&key(id));
}

/// The kind's name in what is kept of an object.
pub(crate) fn kind_of(body: Body) -> Result<String, NotPassable> {
    let (name, _): (String, serde::de::IgnoredAny) = body.read()?;
    Ok(name)
}

pub(crate) fn to_body<T: Durable>(state: &T) -> Result<Body, NotPassable> {
    Body::write(&(T::KIND, Saved(state)))
}

pub(crate) fn from_body<T: Durable>(body: Body) -> Result<T, NotPassable> {
    let (_, Loaded(state)): (serde::de::IgnoredAny, Loaded<T>) = body.read()?;
    Ok(state)
}

/// Durable state as serde sees it.
struct Saved<'a, T>(&'a T);

impl<T: Durable> Serialize for Saved<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.save(serializer)
    }
}

struct Loaded<T>(T);

impl<'de, T: Durable> Deserialize<'de> for Loaded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Loaded<T>, D::Error> {
        T::load(deserializer).map(Loaded)
    }
}
