//! Values by serde.
//!
//! A Rust type passes as what serde makes of it: structs and maps as a struct (integer and boolean keys as their text), sequences and
//! tuples as a list, a unit variant as its name, any other variant as a struct of one field. `Option` is the value or null. The shapes
//! that serde has no word for travel as newtype structs with reserved names, so that they also work inside untagged and flattened types.

pub(crate) mod bytes;
mod dynamic;
mod key;
mod read;
mod ser;
#[cfg(test)]
mod tests;
mod write;

use std::fmt;

pub use read::{Items, from_bytes, split_item};
use serde::Serialize;
use serde::de::{Expected, Unexpected};

use crate::cbor::DEPTH_MAX;
use crate::{NotPassable, Value};

/// The newtype struct around an unsigned integer that means a capability.
pub const CAP: &str = "$ocap::cap";

/// The newtype struct around a name and a message that means an error.
pub const ERROR: &str = "$ocap::error";

const BIG: &str = "$ocap::big";
const SYMBOL: &str = "$ocap::symbol";
const TAGGED: &str = "$ocap::tagged";

/// The passable value of a Rust one.
///
/// # Errors
/// If a map has keys other than text, integers and booleans, or a `Serialize` of the type's own refuses.
pub fn to_value<T: Serialize + ?Sized>(it: &T) -> Result<Value, NotPassable> {
    it.serialize(ser::ValueSerializer)
}

/// The canonical bytes of a Rust value.
///
/// # Errors
/// As [`to_value`], and if it is nested more than [`DEPTH_MAX`] deep.
pub fn to_bytes<T: Serialize + ?Sized>(it: &T) -> Result<Vec<u8>, NotPassable> {
    let mut out = Vec::with_capacity(64);
    it.serialize(write::Writer { out: &mut out, levels: DEPTH_MAX })?;
    Ok(out)
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

    #[cold]
    #[inline(never)]
    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> NotPassable {
        NotPassable::custom(format_args!("invalid type: {}, expected {expected}", Found(found)))
    }

    #[cold]
    #[inline(never)]
    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> NotPassable {
        NotPassable::custom(format_args!("invalid value: {}, expected {expected}", Found(found)))
    }
}

/// What was found, in serde's words, but for the digits of floats: a guest that passes none does not carry the code to write them.
struct Found<'a>(Unexpected<'a>);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Unexpected::Bool(it) => write!(f, "boolean `{it}`"),
            Unexpected::Unsigned(it) => write!(f, "integer `{it}`"),
            Unexpected::Signed(it) => write!(f, "integer `{it}`"),
            Unexpected::Float(_) => f.write_str("floating point number"),
            Unexpected::Char(it) => write!(f, "character `{it}`"),
            Unexpected::Str(it) => write!(f, "string {it:?}"),
            Unexpected::Bytes(_) => f.write_str("byte array"),
            Unexpected::Unit => f.write_str("unit value"),
            Unexpected::Option => f.write_str("Option value"),
            Unexpected::NewtypeStruct => f.write_str("newtype struct"),
            Unexpected::Seq => f.write_str("sequence"),
            Unexpected::Map => f.write_str("map"),
            Unexpected::Enum => f.write_str("enum"),
            Unexpected::UnitVariant => f.write_str("unit variant"),
            Unexpected::NewtypeVariant => f.write_str("newtype variant"),
            Unexpected::TupleVariant => f.write_str("tuple variant"),
            Unexpected::StructVariant => f.write_str("struct variant"),
            Unexpected::Other(it) => f.write_str(it),
        }
    }
}
