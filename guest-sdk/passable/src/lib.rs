//! What can be passed between vats: the data model of OCapN's passables, and its canonical CBOR.
//!
//! A message's body is one [`Value`] in CBOR (RFC 8949, 4.2.1: shortest integers and floats, definite lengths, the keys of a struct in
//! the order of their encoded bytes). By convention the body of a method call is a list, the positional arguments; the body of an answer
//! is the answer. A capability is written as its index in the message's list of capabilities, under the one private tag
//! [`OCAP_TAG`]. The same tag holds the shapes that CBOR has no kind for:
//!
//! | content of the tag | means |
//! |---|---|
//! | unsigned `n` | capability `n` of the message |
//! | `["error", name, message]` | an error |
//! | `["symbol", text]` | a symbol |
//! | `["tagged", label, value]` | a value with a label |
//!
//! Encoding always yields the canonical form. Decoding takes any definite-length form whose meaning is the same (a longer integer,
//! struct keys in another order), and refuses all else: [`NotPassable`] lists what. This crate knows nothing of vats, kernels and hosts.

mod cbor;
mod integer;
#[cfg(feature = "json")]
mod json;
mod typed;
mod value;

pub use cbor::{DEPTH_MAX, OCAP_TAG, decode, encode, encode_error};
pub use integer::{BigInteger, INTEGER_BYTES_MAX};
#[cfg(feature = "json")]
pub use json::{from_json, to_json};
pub use typed::bytes::Bytes;
pub use typed::{CAP, ERROR, Items, from_bytes, split_item, to_bytes, to_value};
pub use value::{Failure, Reference, Value};

/// Why something can not be passed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPassable {
    /// The bytes end inside an item.
    #[error("the bytes end at {at}, inside an item")]
    Truncated {
        /// Offset in bytes.
        at: usize,
    },
    /// A byte that begins no item of the data model: a reserved width, an indefinite length, an unknown simple value.
    #[error("byte {at} begins no item that can be passed")]
    BadItem {
        /// Offset in bytes.
        at: usize,
    },
    /// A tag other than [`OCAP_TAG`] and the two of big integers, or one with the wrong content.
    #[error("the tag at byte {at} is unknown or holds the wrong thing")]
    BadTag {
        /// Offset in bytes.
        at: usize,
    },
    /// Text that is no UTF-8.
    #[error("the text at byte {at} is no UTF-8")]
    BadText {
        /// Offset in bytes.
        at: usize,
    },
    /// A struct with a key that is no text, or with the same key twice.
    #[error("the struct at byte {at} has a key that is no text, or a key twice")]
    BadKey {
        /// Offset in bytes.
        at: usize,
    },
    /// Bytes after the one item.
    #[error("there are bytes after the item, from {at}")]
    Trailing {
        /// Offset in bytes.
        at: usize,
    },
    /// More than [`DEPTH_MAX`] containers inside each other.
    #[error("nested more than {DEPTH_MAX} deep")]
    TooDeep,
    /// An integer of more than [`INTEGER_BYTES_MAX`] bytes.
    #[error("an integer of more than {INTEGER_BYTES_MAX} bytes")]
    IntegerTooLong,
    /// A Rust value and a passable one do not fit; the text says where.
    #[error("{0}")]
    Mismatch(String),
    /// JSON with a `$` form that says nothing; the text names it.
    #[error("{0}")]
    BadJson(String),
}
