//! Objects whose state outlives the incarnation, and the kinds of them that a vat knows.

use std::cell::Cell;

use ocap_passable::{NotPassable, from_bytes, split_item};
use serde::de::Deserializer;
use serde::ser::{Serialize, Serializer};

use crate::answer::Outcome;
use crate::args::Args;
use crate::body::Body;
use crate::collections::{Place, sweep};
use crate::interface::Description;
use crate::migration::{self, Old};
use crate::then::Answered;
use crate::{Error, Object, This, store};

/// State that is kept in the vat's store. Derive it: `#[derive(Durable, Default)]`.
///
/// Each field is kept by serde, and `#[serde(..)]` attributes work; `#[serde(default)]` on the type lets old state be read after a field
/// was added. Deriving serde's own traits too is not needed. For any other change of its shape: `#[durable(version = 2, migrate = function)]`.
#[diagnostic::on_unimplemented(
    message = "the state of a `{Self}` can not be kept in the vat's store",
    label = "not durable",
    note = "write `#[derive(Durable)]` above it, or make it with `This::ephemeral` if it may end with the incarnation"
)]
pub trait Durable: Sized + 'static {
    /// The kind's name, which is kept beside the state. The type's own name when derived, so a renamed type is another kind.
    const KIND: &'static str;

    /// Which shape of the state this is.
    const VERSION: u32 = 1;

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

    /// Makes one of what is kept in an older version.
    #[doc(hidden)]
    fn migrate(version: u32, _old: Old<'_>) -> Result<Self, Error> {
        Err(migration::unknown(Self::KIND, version, Self::VERSION))
    }
}

/// A kind of durable objects: what a delivery to one of them needs.
#[doc(hidden)]
pub struct Kind {
    pub(crate) name: &'static str,
    pub(crate) deliver: fn(u64, &str, Args) -> Outcome,
    pub(crate) answered: fn(u64, &str, Answered) -> Outcome,
    pub(crate) describe: fn() -> Description,
    /// Of the root's kind: puts the default into the store.
    begin: Option<fn()>,
}

impl Kind {
    /// The kind of a type.
    pub const fn of<T: Object + Durable>() -> Kind {
        assert!(T::KIND.len() < 256, "the name of a kind has at most 255 bytes");
        Kind {
            name: T::KIND,
            deliver: |id, method, args| T::dispatch(&This::<T>::stored(id), method, args),
            answered: |id, method, answer| T::answered(&This::<T>::stored(id), method, answer),
            describe: T::describe,
            begin: None,
        }
    }

    /// The kind of the root.
    pub const fn root<T: Object + Durable + Default>() -> Kind {
        let begin: fn() = || {
            let root = Place::Object(ROOT).within(T::default);
            save(ROOT, &to_body(ROOT, &root).unwrap_or_else(|error| panic!("`{}`: {error}", T::KIND)));
        };
        Kind { begin: Some(begin), ..Kind::of::<T>() }
    }
}

/// The number of the root.
pub(crate) const ROOT: u64 = 0;

/// The longest state that is remembered.
const REMEMBERED_BYTES_MAX: usize = 4 << 10;

thread_local! {
    static KINDS: Cell<&'static [Kind]> = const { Cell::new(&[]) };
    /// What the store has of the object that was looked at last: often it is looked at again, and a question to the host is dear. Nobody else
    /// writes there, and a heap that has seen what was not kept is not used again.
    static LAST: Cell<Option<(u64, Vec<u8>)>> = const { Cell::new(None) };
}

/// Set once an incarnation, before any delivery.
pub(crate) fn set_kinds(kinds: &'static [Kind]) {
    KINDS.set(kinds);
}

/// The kind of that name.
pub(crate) fn kind(name: &str) -> Option<&'static Kind> {
    KINDS.get().iter().find(|kind| kind.name == name)
}

/// The kind of an object that is in the store. The root is put there when it is first looked at.
pub(crate) fn kind_of_object(id: u64) -> Option<&'static Kind> {
    if id != ROOT {
        return kind(&kind_name(id)?);
    }
    let root = KINDS.get().first()?;
    if store::raw_get_bytes(&key(ROOT)).is_none() {
        (root.begin?)();
    }
    Some(root)
}

/// The next number that was never used: of an object, or of a part of one's state.
pub(crate) fn next_id() -> u64 {
    const KEY: &[u8] = b"sdk/next-object";
    let id = store::raw_get(KEY).map_or(Ok(1), Body::read).expect("the counter of objects is a number");
    let body = Body::write(&(id + 1)).expect("a number can be written");
    store::raw_put(KEY, &body);
    id
}

fn key(id: u64) -> [u8; 15] {
    let mut key = *b"object/\0\0\0\0\0\0\0\0";
    key[7..].copy_from_slice(&id.to_be_bytes());
    key
}

/// What the store has of an object: its kind's name, its state, and the version of that if it is not the first.
pub(crate) fn load(id: u64) -> Option<Body> {
    match LAST.take() {
        Some((last, bytes)) if last == id => Some(Body { bytes, caps: Vec::new() }),
        _ => store::raw_get(&key(id)),
    }
}

pub(crate) fn save(id: u64, body: &Body) {
    forget(id);
    store::raw_put(&key(id), body);
}

/// Remembers what the store has of an object, for whoever looks at it next. Capabilities are not held for that.
pub(crate) fn remember(id: u64, body: Body) {
    if body.caps.is_empty() && body.bytes.len() <= REMEMBERED_BYTES_MAX {
        LAST.set(Some((id, body.bytes)));
    }
}

fn forget(id: u64) {
    LAST.set(LAST.take().filter(|(last, _)| *last != id));
}

/// An object is gone, and its state with it.
pub(crate) fn remove(id: u64) {
    forget(id);
    store::raw_remove(&key(id));
    sweep::all_of(id);
}

/// The kind's name in what is kept of an object.
pub(crate) fn kind_name(id: u64) -> Option<String> {
    match LAST.take() {
        Some((last, bytes)) if last == id => {
            let name = kind_of(&bytes);
            LAST.set(Some((last, bytes)));
            name
        }
        other => {
            LAST.set(other);
            kind_of(&store::raw_get_bytes(&key(id))?)
        }
    }
}

/// The first element of a list of two or three, if it is a text: without reading the rest.
fn kind_of(record: &[u8]) -> Option<String> {
    let (0x82 | 0x83, rest) = record.split_first()? else { return None };
    let (kind, _) = split_kind(rest)?;
    String::from_utf8(kind.to_vec()).ok()
}

/// What is kept of an object, without its kind.
#[derive(Debug, PartialEq)]
pub(crate) struct Record<'a> {
    pub(crate) state: &'a [u8],
    pub(crate) version: u32,
}

/// The parts of what is kept: a list of two for the first version, of three for any other.
pub(crate) fn record(bytes: &[u8]) -> Result<Record<'_>, NotPassable> {
    let bad = || NotPassable::Mismatch("it is no record of an object".to_owned());
    let (length, rest) = bytes.split_first().ok_or_else(bad)?;
    let (_, rest) = split_kind(rest).ok_or_else(bad)?;
    match length {
        0x82 => Ok(Record { state: rest, version: 1 }),
        0x83 => {
            let (state, version) = split_item(rest)?;
            let version = from_bytes::<u64>(version)?;
            Ok(Record { state, version: u32::try_from(version).unwrap_or(u32::MAX) })
        }
        _ => Err(bad()),
    }
}

/// The kind's name and what comes after it.
fn split_kind(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = match rest.split_first()? {
        (head @ 0x60..=0x77, rest) => (usize::from(head - 0x60), rest),
        (0x78, rest) => rest.split_first().map(|(length, rest)| (usize::from(*length), rest))?,
        _ => return None,
    };
    rest.split_at_checked(length)
}

/// What is kept of an object of this state.
pub(crate) fn to_body<T: Durable>(id: u64, state: &T) -> Result<Body, NotPassable> {
    Place::Saving(id).within(|| match T::VERSION {
        1 => Body::write(&(T::KIND, Saved(state))),
        version => Body::write(&(T::KIND, Saved(state), version)),
    })
}

/// Durable state as serde sees it.
struct Saved<'a, T>(&'a T);

impl<T: Durable> Serialize for Saved<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.save(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// There is no host in this test: whoever asked one would panic.
    #[test]
    fn a_little_state_that_was_looked_at_last_is_not_asked_for_again() {
        let body = |length: usize| Body { bytes: vec![7; length], caps: Vec::new() };
        remember(1, body(REMEMBERED_BYTES_MAX));
        assert_eq!(kind_name(1), None, "its bytes are no record");
        assert_eq!(load(1).map(|body| body.bytes.len()), Some(REMEMBERED_BYTES_MAX));
        assert_eq!(LAST.take(), None, "it is remembered anew by whoever has looked at it");
        remember(1, body(REMEMBERED_BYTES_MAX + 1));
        assert_eq!(LAST.take(), None, "what is long is not held twice");
        remember(1, body(1));
        forget(2);
        remember(3, body(3));
        assert_eq!(LAST.take(), Some((3, vec![7; 3])));
        remember(1, body(1));
        forget(1);
        assert_eq!(LAST.take(), None);
    }

    #[test]
    fn the_kind_is_read_from_the_beginning_of_what_is_kept() {
        let long = "k".repeat(200);
        for name in ["Lamp", "$then", long.as_str(), ""] {
            let two = ocap_passable::to_bytes(&(name, [1, 2, 3])).expect("passable");
            let three = ocap_passable::to_bytes(&(name, "state", 2)).expect("passable");
            assert_eq!((kind_of(&two).as_deref(), kind_of(&three).as_deref()), (Some(name), Some(name)));
        }
        assert_eq!(kind_of(&[0x82, 0x64, b'L']), None);
        assert_eq!(record(b"\x82\x64Lamp\xa0"), Ok(Record { state: b"\xa0", version: 1 }));
        assert_eq!(record(b"\x83\x64Lamp\xa0\x02"), Ok(Record { state: b"\xa0", version: 2 }));
        for bad in [&b""[..], b"\x82", b"\x84\x64Lamp\xa0\x02\x02", b"\x83\x64Lamp\xa0", b"\x83\x64Lamp\xa0\x20"] {
            assert!(record(bad).is_err(), "{bad:x?}");
        }
        assert_eq!(kind_of(&ocap_passable::to_bytes(&(1, 2)).expect("passable")), None);
    }
}
