//! The bytes: canonical CBOR out, strict CBOR in.

mod decode;
mod encode;
#[cfg(test)]
pub(crate) mod tests;

pub use decode::decode;
pub(crate) use decode::{Head, Reader, Tagged, float};
pub use encode::{encode, encode_error};
pub(crate) use encode::{write, write_float, write_head, write_integer, write_text};

/// The one private tag: "OCAP" in ASCII.
pub const OCAP_TAG: u64 = 0x4F43_4150;

/// The most containers (lists, structs, tagged values) inside each other.
pub const DEPTH_MAX: usize = 64;

/// The high three bits of an item's first byte; 7 is simple values and floats.
pub(crate) mod major {
    pub(crate) const UNSIGNED: u8 = 0;
    pub(crate) const NEGATIVE: u8 = 1;
    pub(crate) const BYTES: u8 = 2;
    pub(crate) const TEXT: u8 = 3;
    pub(crate) const LIST: u8 = 4;
    pub(crate) const STRUCT: u8 = 5;
    pub(crate) const TAG: u8 = 6;
}

/// Simple values.
pub(crate) const FALSE: u8 = 0xf4;
pub(crate) const TRUE: u8 = 0xf5;
pub(crate) const NULL: u8 = 0xf6;

/// Tags of integers outside of 64 bits.
const BIG_POSITIVE: u64 = 2;
const BIG_NEGATIVE: u64 = 3;
