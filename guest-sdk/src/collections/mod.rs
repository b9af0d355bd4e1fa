//! Durable collections: parts of an object's state that are loaded entry by entry, however many there are.
//!
//! ```
//! # use ocap_guest_sdk::prelude::*;
//! /// Who is where.
//! #[derive(Durable, Default)]
//! struct Directory {
//!     places: Map<String, Cap>,
//!     guests: Set<String>,
//!     visits: Log<String>,
//! }
//! ```
//!
//! A collection is a field of a durable object, at any depth of its state. Each entry lies under a key of its own in the vat's store, so
//! that a method loads and saves what it touches and nothing else; changes are made at once and belong to the delivery like any other.
//! Values are what serde can pass, capabilities included, which are held for as long as the entry is there. An entry is read anew each time:
//! what [`Map::get`] gives is a copy, to be put back if it was changed ([`Map::update`] does both).
//!
//! When the object goes, so do its collections, a slice at a time if they are large. A collection stays in the object that it was made
//! in, and holds no other collection: use a key of two parts, `Map<(String, u64), V>`. One that is replaced by a new one is not emptied by that;
//! say [`Map::clear`].

mod cell;
mod iter;
mod key;
mod log;
mod map;
mod part;
mod set;
pub(crate) mod sweep;

pub use cell::Cell;
pub use iter::{Iter, Keys};
pub use key::{AsKey, Key};
pub use log::Log;
pub use map::Map;
pub use set::Set;

pub(crate) use part::{Place, Within};
pub(crate) use sweep::SWEEPER;
