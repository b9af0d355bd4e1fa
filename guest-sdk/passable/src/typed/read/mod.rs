//! From canonical bytes straight to Rust values, without a [`Value`](crate::Value) in between: what a vat hears and keeps comes this way.
//!
//! The outcome is that of a whole [`decode`] followed by a visit of the value, fields in the order of their names. On the way there nothing is
//! decoded that will do without: only where it fails are the bytes looked at again, for the word that says why.

mod access;
mod item;
mod items;
mod source;

use serde::de::DeserializeOwned;

use crate::NotPassable;
use crate::cbor::{DEPTH_MAX, decode};

pub(super) use items::split_fields;
pub use items::{Items, split_item};
use source::{Order, Source};

/// The Rust value of these bytes.
///
/// # Errors
/// As [`decode`], and if the value and the type do not fit; the text says what was found and what was expected.
pub fn from_bytes<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, NotPassable> {
    read(bytes, Order::Written).or_else(|_| {
        decode(bytes)?;
        read(bytes, Order::ByName)
    })
}

fn read<T: DeserializeOwned>(bytes: &[u8], order: Order) -> Result<T, NotPassable> {
    let mut source = Source::new(bytes, 0, order);
    let it = T::deserialize(source.item(DEPTH_MAX)?)?;
    source.finish()?;
    Ok(it)
}
