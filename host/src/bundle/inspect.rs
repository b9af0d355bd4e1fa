//! What is in a bundle, for people and for programs.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use super::Bundle;
use crate::component::{Digest, UserFiles};
use crate::declaration::ComponentRef;
use crate::problem::Problem;

/// What is in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listing {
    /// The subcluster's name.
    pub name: String,
    /// Its bootstrap vat.
    pub bootstrap: String,
    /// Of the whole file.
    pub digest: Digest,
    /// Of the whole file, in bytes.
    pub size: u64,
    /// Of the OCI manifest.
    pub manifest: Digest,
    /// Of the declaration's text.
    pub declaration: Digest,
    /// By path.
    pub components: Vec<Listed>,
}

/// A component in a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// As the declaration calls it.
    pub path: String,
    /// Of its bytes.
    pub digest: Digest,
    /// In bytes.
    pub size: u64,
    /// The vats that it is the code of.
    pub vats: Vec<String>,
}

impl Bundle {
    /// What is in it.
    pub fn listing(&self) -> Listing {
        let declaration = &self.declaration;
        let vats_of = |path: &str| {
            let of = |component: &ComponentRef| *component == ComponentRef::Path(path.to_owned());
            declaration.vats.iter().filter(|(_, vat)| of(&vat.component)).map(|(name, _)| name.clone()).collect()
        };
        let components = self.components().map(|(path, digest, size)| Listed {
            path: path.to_owned(),
            digest,
            size,
            vats: vats_of(path),
        });
        Listing {
            name: declaration.name.clone(),
            bootstrap: declaration.bootstrap.clone(),
            digest: self.digest,
            size: self.size(),
            manifest: self.manifest(),
            declaration: self.declaration_digest(),
            components: components.collect(),
        }
    }

    /// Opens the bundle that a person named and says what is in it.
    ///
    /// # Errors
    /// If there is no such file, or it is no bundle that this host accepts.
    pub fn inspect(path: &Path, files: &UserFiles) -> Result<Listing, Problem> {
        super::source::read_bundle(path, files).map(|bundle| bundle.listing())
    }
}

impl fmt::Display for Listing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} (bootstrap {}), {} bytes", self.name, self.bootstrap, self.size)?;
        writeln!(f, "bundle       {}", self.digest)?;
        writeln!(f, "manifest     {}", self.manifest)?;
        write!(f, "declaration  {}", self.declaration)?;
        for component in &self.components {
            let Listed { path, digest, size, vats } = component;
            write!(f, "\ncomponent    {digest}  {path}, {size} bytes, code of {}", vats.join(", "))?;
        }
        Ok(())
    }
}
