//! Component sources: where a vat's code comes from, how it is kept, and what is said when it can't be had.
//!
//! Code is data (design section 6): at launch the bytes go into the home's content store under their SHA-256, and the path they
//! came from is provenance. A linked vat is read from its path at each start instead. This room does not know what a component
//! *is*: whether bytes compile is the engine's affair, whose verdict arrives here as a code and a sentence.

mod blobs;
mod diagnosis;
mod digest;
mod path;
mod record;
mod source;
mod versioned;

pub use blobs::{BlobFault, Blobs, COMPONENT_BYTES_MAX};
pub use diagnosis::{ComponentProblem, Moment, Place};
pub use digest::{Digest, NotADigest};
pub use path::{ResolvedPath, resolve};
pub use record::{CodeRecord, CodeSource, Origin};
pub use source::{Absence, ReadFault, Seen, UserFiles, WriteFault};
pub use versioned::RecordFault;
pub(crate) use versioned::{from_versioned, to_versioned};

/// Reads a component from the path that a person wrote.
///
/// # Errors
/// If there is no such file, or it is not a readable, regular, non-empty file of at most [`COMPONENT_BYTES_MAX`].
pub fn read(path: &ResolvedPath, files: &UserFiles) -> Result<(Vec<u8>, Seen), ComponentProblem> {
    let (bytes, seen) = files.read(path.resolved(), COMPONENT_BYTES_MAX)?;
    if bytes.is_empty() {
        return Err(ComponentProblem::Empty { path: path.resolved().to_owned() });
    }
    Ok((bytes, seen))
}
