//! What `run` and `launch` take: the file of a declaration, or a bundle. Which of them it is its content says, not its name.

use std::path::{Path, PathBuf};

use super::pack::place;
use super::{BUNDLE_BYTES_MAX, Bundle, BundleFault, archive};
use crate::component::{Blobs, CodeRecord, ComponentProblem, Origin, Place, ReadFault, ResolvedPath, Seen, UserFiles};
use crate::component::{read, resolve};
use crate::declaration::{ComponentRef, Declaration, Linkage, Standing};
use crate::problem::Problem;

/// A declaration and where its components are to be had.
#[derive(Debug)]
pub struct Source {
    /// The declaration.
    pub declaration: Declaration,
    /// The absolute directory of the file: what relative paths are relative to.
    pub directory: PathBuf,
    form: Form,
}

#[derive(Debug)]
enum Form {
    /// Components lie at their paths.
    Files,
    /// They lie in this bundle, whose file is at `path`.
    Bundle { bundle: Box<Bundle>, path: PathBuf, seen: Seen },
}

/// A vat's code as it was found: for the engine, for the content store, and for the kernel.
#[derive(Debug)]
pub struct VatCode {
    /// The component.
    pub bytes: Vec<u8>,
    /// What is to be remembered of it. Unless it is linked, the bytes belong into the content store.
    pub record: CodeRecord,
}

impl Source {
    /// Opens the file that a person named. No component outside of a bundle is looked at yet.
    ///
    /// # Errors
    /// If there is no such file, or it is neither a declaration nor a bundle that this host accepts.
    pub fn open(path: &Path, files: &UserFiles) -> Result<Source, Problem> {
        let (resolved, bytes, seen) = read_named(path, files)?;
        let directory = resolved.parent().unwrap_or(Path::new("/")).to_owned();
        let written = path.to_string_lossy();
        if !Bundle::is_meant(&bytes) {
            let declaration = parse(&bytes, &written, &resolved)?;
            return Ok(Source { declaration, directory, form: Form::Files });
        }
        let bundle = Bundle::open(bytes, &written).map_err(|fault| fault.into_problem(&written, &resolved))?;
        let declaration = bundle.declaration.clone();
        Ok(Source { declaration, directory, form: Form::Bundle { bundle: Box::new(bundle), path: resolved, seen } })
    }

    /// The bytes for the kernel's `Subcluster.declaration`.
    ///
    /// # Errors
    /// If the directory's path is not Unicode.
    pub fn to_record(&self, standing: Standing) -> Result<Vec<u8>, Problem> {
        self.declaration.to_record(&self.directory, standing)
    }

    /// Whom a vat's code belongs to and where that was declared, for diagnostics that the engine makes of the bytes.
    pub fn place(&self, vat: &str) -> Place {
        place(&self.declaration, vat, &self.path(vat))
    }

    /// The code of one of the declaration's vats.
    ///
    /// # Errors
    /// If it can't be read; a digest, if the content store has no such bytes.
    ///
    /// # Panics
    /// If the declaration has no such vat.
    pub fn code(&self, vat: &str, files: &UserFiles, blobs: &Blobs) -> Result<VatCode, Problem> {
        self.find(vat, files, blobs).map_err(|fault| {
            let problem = self.place(vat).diagnose(&fault);
            match &fault {
                ComponentProblem::Blob(_) => {
                    problem.with_help("launch a declaration that names the component by its path")
                }
                _ => problem.with_help(format!("put a component at {}, then launch again", self.path(vat))),
            }
        })
    }

    fn find(&self, vat: &str, files: &UserFiles, blobs: &Blobs) -> Result<VatCode, ComponentProblem> {
        let declared = &self.declaration.vats[vat];
        if let ComponentRef::Digest(digest) = &declared.component {
            let bytes = blobs.get(digest)?;
            let record = CodeRecord::by_digest(*digest, bytes.len() as u64);
            return Ok(VatCode { bytes, record });
        }
        let path = self.path(vat);
        if let Form::Bundle { bundle, seen, .. } = &self.form {
            let (digest, bytes) =
                bundle.component(path.written()).expect("an open bundle has what its declaration names");
            let origin = Origin { sha256: bundle.digest, seen: *seen };
            let record = CodeRecord::bundled(&path, digest, bytes.len() as u64, origin);
            return Ok(VatCode { bytes: bytes.to_vec(), record });
        }
        let (bytes, seen) = read(&path, files)?;
        let record = match declared.linkage {
            Linkage::Stored => CodeRecord::stored(&path, &bytes, seen),
            Linkage::Linked => CodeRecord::linked(&path),
        };
        Ok(VatCode { bytes, record })
    }

    fn path(&self, vat: &str) -> ResolvedPath {
        let written = self.declaration.vats[vat].component.to_string();
        match (&self.declaration.vats[vat].component, &self.form) {
            (ComponentRef::Digest(_), _) => ResolvedPath::known(&written, Path::new(&written)),
            (ComponentRef::Path(_), Form::Bundle { path, .. }) => ResolvedPath::known(&written, path),
            (ComponentRef::Path(_), Form::Files) => resolve(&self.directory, &written),
        }
    }
}

/// The bundle that a person named.
pub(super) fn read_bundle(path: &Path, files: &UserFiles) -> Result<Bundle, Problem> {
    let (resolved, bytes, _) = read_named(path, files)?;
    let written = path.to_string_lossy();
    let opened = if Bundle::is_meant(&bytes) {
        Bundle::open(bytes, &written)
    } else {
        Err(BundleFault::NotABundle { found: "a text" })
    };
    opened.map_err(|fault| fault.into_problem(&written, &resolved))
}

/// Whether there is a file that is meant to be a bundle rather than a component.
pub fn is_bundle(path: &Path, files: &UserFiles) -> bool {
    files.read(path, BUNDLE_BYTES_MAX).is_ok_and(|(bytes, _)| archive::has_magic(&bytes))
}

/// A component of a bundle that something was launched from before, as the bundle is now.
///
/// # Errors
/// If there is no bundle any more, or it has no such component.
pub fn component_of(bundle: &Path, member: &str, files: &UserFiles) -> Result<VatCode, Problem> {
    let (resolved, bytes, seen) = read_named(bundle, files)?;
    let written = bundle.to_string_lossy();
    let explained = |fault: BundleFault| fault.into_problem(&written, &resolved);
    let opened = Bundle::open(bytes, &written).map_err(explained)?;
    let found = opened.component(member).ok_or_else(|| explained(BundleFault::Lacks { name: member.to_owned() }))?;
    let (digest, bytes) = (found.0, found.1.to_vec());
    let origin = Origin { sha256: opened.digest, seen };
    let path = ResolvedPath::known(member, &resolved);
    let record = CodeRecord::bundled(&path, digest, bytes.len() as u64, origin);
    Ok(VatCode { bytes, record })
}

/// The declaration that a person named.
pub(super) fn read_declaration(path: &Path, files: &UserFiles) -> Result<Declaration, Problem> {
    let (resolved, bytes, _) = read_named(path, files)?;
    parse(&bytes, &path.to_string_lossy(), &resolved)
}

/// The absolute form of a path on the command line.
pub(super) fn absolute(path: &Path, files: &UserFiles) -> Result<PathBuf, Problem> {
    files.absolute(path).map_err(|error| {
        let message = format!("{} is no path to a file", path.display());
        Problem::new("ocap::source::unreadable", message).because(&error)
    })
}

fn read_named(path: &Path, files: &UserFiles) -> Result<(PathBuf, Vec<u8>, Seen), Problem> {
    let resolved = absolute(path, files)?;
    match files.read(&resolved, BUNDLE_BYTES_MAX) {
        Ok((bytes, seen)) => Ok((resolved, bytes, seen)),
        Err(fault) => Err(unreadable(&fault, path, &resolved)),
    }
}

fn unreadable(fault: &ReadFault, path: &Path, resolved: &Path) -> Problem {
    let (code, help) = match fault {
        ReadFault::Missing { .. } => ("ocap::source::missing", "name a `subcluster.toml` or a bundle".to_owned()),
        ReadFault::Unreadable { .. } => ("ocap::source::unreadable", format!("`chmod u+r {}`", path.display())),
        ReadFault::NotAFile { .. } => {
            ("ocap::source::not_a_file", format!("name a file, such as {}", path.join("subcluster.toml").display()))
        }
        ReadFault::TooLarge { .. } => ("ocap::source::too_large", "name a `subcluster.toml` or a bundle".to_owned()),
    };
    let problem = Problem::new(code, fault.to_string()).with_help(help).at_path(path.display(), resolved.display());
    match std::error::Error::source(fault) {
        Some(cause) => problem.because(cause),
        None => problem,
    }
}

fn parse(bytes: &[u8], written: &str, resolved: &Path) -> Result<Declaration, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let message = format!("{} is neither a declaration nor a bundle: it is not Unicode", resolved.display());
        Problem::new("ocap::source::not_a_text", message).because(&error).at_path(written, resolved.display())
    })?;
    Declaration::parse(text, written)
}
