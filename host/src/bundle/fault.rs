//! What is wrong with a bundle, and how it is told.

use std::path::Path;

use super::{BUNDLE_BYTES_MAX, ENTRIES_MAX};
use crate::component::Digest;
use crate::problem::Problem;

/// Why a file is not accepted as a bundle. Names are safe to show.
#[derive(Debug, thiserror::Error)]
pub enum BundleFault {
    /// Something else altogether.
    #[error("it is not a bundle, but {found}")]
    NotABundle {
        /// What it seems to be.
        found: &'static str,
    },
    /// The file is over [`BUNDLE_BYTES_MAX`].
    #[error("it has {size} bytes, the limit is {BUNDLE_BYTES_MAX}")]
    TooLarge {
        /// In bytes.
        size: u64,
    },
    /// Over [`ENTRIES_MAX`].
    #[error("it has more than {ENTRIES_MAX} entries")]
    TooManyEntries,
    /// A member is over its limit.
    #[error("its {name} has {size} bytes, the limit is {max}")]
    MemberTooLarge {
        /// Which.
        name: String,
        /// In bytes.
        size: u64,
        /// In bytes.
        max: u64,
    },
    /// The end is missing.
    #[error("it is truncated: the end is missing after byte {size}")]
    Truncated {
        /// How long the file is.
        size: u64,
    },
    /// Something follows the end.
    #[error("{count} bytes follow its end")]
    Trailing {
        /// How many.
        count: u64,
    },
    /// The archive's own structure is damaged.
    #[error("it is damaged at byte {position}: {reason}")]
    Damaged {
        /// Where.
        position: u64,
        /// What.
        reason: String,
    },
    /// A link, a directory, a device.
    #[error("its entry `{name}` is not a regular file, but of kind {kind}")]
    NotARegularFile {
        /// Which.
        name: String,
        /// What.
        kind: String,
    },
    /// A name that no bundle has.
    #[error("it has an entry of the name `{name}`, which no bundle has")]
    ForeignName {
        /// Which.
        name: String,
    },
    /// The same name again.
    #[error("it has `{name}` twice")]
    Duplicate {
        /// Which.
        name: String,
    },
    /// The entries are not sorted.
    #[error("its entry `{name}` is out of order")]
    OutOfOrder {
        /// Which.
        name: String,
    },
    /// Something that it should have.
    #[error("it lacks `{name}`")]
    Lacks {
        /// What.
        name: String,
    },
    /// Something that nothing in it refers to.
    #[error("it has `{name}`, which nothing in it refers to")]
    Unreferenced {
        /// What.
        name: String,
    },
    /// Other bytes than its name says.
    #[error("its `{name}` is altered: the digest is {actual}")]
    DigestMismatch {
        /// Which.
        name: String,
        /// What was found.
        actual: Digest,
    },
    /// More or fewer bytes than its descriptor says.
    #[error("its `{name}` has {actual} bytes, {declared} are declared")]
    SizeMismatch {
        /// Which.
        name: String,
        /// In bytes.
        declared: u64,
        /// In bytes.
        actual: u64,
    },
    /// A document that says something else than a bundle's, or says it in another form.
    #[error("its `{name}` is not as this host writes it: {reason}")]
    ForeignDocument {
        /// Which.
        name: &'static str,
        /// Why.
        reason: String,
    },
    /// The declaration asks for code that no bundle can hold.
    #[error("vat `{vat}` {reason}")]
    NotPortable {
        /// Which.
        vat: String,
        /// Why, after its name.
        reason: &'static str,
    },
    /// The declaration itself is wrong.
    #[error("its declaration is wrong")]
    Declaration(#[source] Box<Problem>),
}

impl BundleFault {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            BundleFault::NotABundle { .. } => "ocap::bundle::not_a_bundle",
            BundleFault::TooLarge { .. } | BundleFault::MemberTooLarge { .. } => "ocap::bundle::too_large",
            BundleFault::TooManyEntries => "ocap::bundle::too_many_entries",
            BundleFault::Truncated { .. } => "ocap::bundle::truncated",
            BundleFault::Trailing { .. } => "ocap::bundle::trailing_bytes",
            BundleFault::Damaged { .. } => "ocap::bundle::damaged",
            BundleFault::NotARegularFile { .. } => "ocap::bundle::not_a_regular_file",
            BundleFault::ForeignName { .. } => "ocap::bundle::foreign_name",
            BundleFault::Duplicate { .. } => "ocap::bundle::duplicate",
            BundleFault::OutOfOrder { .. } => "ocap::bundle::out_of_order",
            BundleFault::Lacks { .. } => "ocap::bundle::lacks",
            BundleFault::Unreferenced { .. } => "ocap::bundle::unreferenced",
            BundleFault::DigestMismatch { .. } => "ocap::bundle::digest_mismatch",
            BundleFault::SizeMismatch { .. } => "ocap::bundle::size_mismatch",
            BundleFault::ForeignDocument { .. } => "ocap::bundle::foreign_document",
            BundleFault::NotPortable { .. } => "ocap::bundle::not_portable",
            BundleFault::Declaration(_) => "ocap::bundle::declaration",
        }
    }

    /// The diagnostic, of a bundle at this path. A wrong declaration speaks for itself.
    pub fn into_problem(self, written: &str, resolved: &Path) -> Problem {
        let code = self.code();
        let message = format!("the bundle {} is refused: {self}", resolved.display());
        let help = match &self {
            BundleFault::NotABundle { found } if *found == WASM => {
                "name the component in a declaration (a `subcluster.toml`) and run that"
            }
            _ => "nothing was taken from it; get it again from where it came, or make it anew: `ocap-host bundle pack`",
        };
        match self {
            BundleFault::Declaration(problem) => problem.at_path(written, resolved.display()),
            _ => Problem::new(code, message).with_help(help).at_path(written, resolved.display()),
        }
    }
}

/// What is said of a file that begins like a component or a module.
pub(super) const WASM: &str = "WebAssembly code";
