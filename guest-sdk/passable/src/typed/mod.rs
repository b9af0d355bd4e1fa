//! Values by serde.
//!
//! A Rust type passes as what serde makes of it: structs and maps as a struct (integer and boolean keys as their text), sequences and
//! tuples as a list, a unit variant as its name, any other variant as a struct of one field. `Option` is the value or null. The shapes
//! that serde has no word for travel as newtype structs with reserved names, so that they also work inside untagged and flattened types.

pub(crate) mod bytes;
mod de;
mod dynamic;
mod key;
mod ser;
#[cfg(test)]
mod tests;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cbor::{DEPTH_MAX, decode, encode};
use crate::{NotPassable, Value};

/// The newtype struct around an unsigned integer that means a capability.
pub const CAP: &str = "$ocap::cap";

/// The newtype struct around a name and a message that means an error.
pub const ERROR: &str = "$ocap::error";

const BIG: &str = "$ocap::big";
const SYMBOL: &str = "$ocap::symbol";
const TAGGED: &str = "$ocap::tagged";
const VALUE: &str = "$ocap::value";

/// The passable value of a Rust one.
///
/// # Errors
/// If a map has keys other than text, integers and booleans, or a `Serialize` of the type's own refuses.
pub fn to_value<T: Serialize + ?Sized>(it: &T) -> Result<Value, NotPassable> {
    it.serialize(ser::ValueSerializer)
}

/// The Rust value of a passable one.
///
/// # Errors
/// If they do not fit; the text says what was found and what was expected.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, NotPassable> {
    T::deserialize(de::ValueDeserializer(value))
}

/// The canonical bytes of a Rust value.
///
/// # Errors
/// As [`to_value`], and if it is nested more than [`DEPTH_MAX`] deep.
pub fn to_bytes<T: Serialize + ?Sized>(it: &T) -> Result<Vec<u8>, NotPassable> {
    let value = to_value(it)?;
    if !value.fits(DEPTH_MAX) {
        return Err(NotPassable::TooDeep);
    }
    Ok(encode(&value))
}

/// The Rust value of these bytes.
///
/// # Errors
/// As [`decode`] and [`from_value`].
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, NotPassable> {
    from_value(decode(bytes)?)
}

impl serde::ser::Error for NotPassable {
    fn custom<T: std::fmt::Display>(text: T) -> NotPassable {
        NotPassable::Mismatch(text.to_string())
    }
}

impl serde::de::Error for NotPassable {
    fn custom<T: std::fmt::Display>(text: T) -> NotPassable {
        NotPassable::Mismatch(text.to_string())
    }
}
