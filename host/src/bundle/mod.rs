//! Bundles: a declaration and its components in one file, which is an OCI image layout in a tar archive.
//!
//! One content has one form, byte for byte: [`pack`] writes it, and [`Bundle::open`] accepts nothing else, so that a bundle which was
//! cut, extended, re-ordered or altered in a single bit anywhere is refused. Nothing is ever unpacked to a path; whoever launches a
//! bundle puts its components into the content store. Whether they are good code is the engine's affair.

mod archive;
mod fault;
mod inspect;
mod layout;
mod open;
mod pack;
mod source;
#[cfg(test)]
mod tests;

pub use fault::BundleFault;
pub use inspect::{Listed, Listing};
pub use open::Bundle;
pub use pack::pack;
pub use source::{Source, VatCode, component_of, is_bundle};

/// The largest bundle: 256 MiB.
pub const BUNDLE_BYTES_MAX: u64 = 256 << 20;
/// The most entries in a bundle's archive.
pub const ENTRIES_MAX: usize = 256;
