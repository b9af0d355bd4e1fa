//! The bytes: canonical CBOR out, strict CBOR in.

mod decode;
mod encode;
#[cfg(test)]
mod tests;

pub use decode::decode;
pub use encode::encode;

/// The one private tag: "OCAP" in ASCII.
pub const OCAP_TAG: u64 = 0x4F43_4150;

/// The most containers (lists, structs, tagged values) inside each other.
pub const DEPTH_MAX: usize = 64;

/// The high three bits of an item's first byte; 7 is simple values and floats.
mod major {
    pub(super) const UNSIGNED: u8 = 0;
    pub(super) const NEGATIVE: u8 = 1;
    pub(super) const BYTES: u8 = 2;
    pub(super) const TEXT: u8 = 3;
    pub(super) const LIST: u8 = 4;
    pub(super) const STRUCT: u8 = 5;
    pub(super) const TAG: u8 = 6;
}

/// Tags of integers outside of 64 bits.
const BIG_POSITIVE: u64 = 2;
const BIG_NEGATIVE: u64 = 3;
