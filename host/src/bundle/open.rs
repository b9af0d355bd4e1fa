//! Opening a bundle: everything is checked before anything is believed.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::archive;
use super::fault::BundleFault;
use super::layout::{self, Blob, Contents, INDEX, MARKER};
use crate::component::{COMPONENT_BYTES_MAX, Digest};
use crate::declaration::{ComponentRef, Declaration, Linkage, TEXT_BYTES_MAX, VatDeclaration};
use crate::problem::printable;

/// The largest manifest: 1 MiB.
const MANIFEST_BYTES_MAX: u64 = 1 << 20;

/// A bundle that is whole: every digest in it was verified.
#[derive(Debug)]
pub struct Bundle {
    /// The declaration, as it was packed.
    pub declaration: Declaration,
    /// Of the whole file.
    pub digest: Digest,
    bytes: Vec<u8>,
    manifest: Digest,
    contents: Contents,
    members: BTreeMap<String, Range<usize>>,
}

impl Bundle {
    /// Whether these bytes are meant to be a bundle rather than the text of a declaration. That they are a good one is not said.
    pub fn is_meant(bytes: &[u8]) -> bool {
        archive::is_not_text(bytes)
    }

    /// Opens a bundle from its file's bytes. `file` is what its user calls it, for diagnostics about the declaration in it.
    ///
    /// # Errors
    /// If it is not, to the last bit, what [`super::pack`] makes of some declaration and components within the limits.
    pub fn open(bytes: Vec<u8>, file: &str) -> Result<Bundle, BundleFault> {
        let members = archive::read(&bytes)?;
        let member = |name: &str| {
            let range = members.get(name).ok_or_else(|| BundleFault::Lacks { name: name.to_owned() })?;
            Ok(&bytes[range.clone()])
        };
        layout::check_marker(member(MARKER)?)?;
        let manifest = layout::read_index(within(MANIFEST_BYTES_MAX, INDEX, member(INDEX)?)?)?;
        let contents = layout::read_manifest(verified(&manifest, MANIFEST_BYTES_MAX, &member)?)?;
        let text = verified(&contents.declaration, TEXT_BYTES_MAX, &member)?;
        for component in contents.components.values() {
            verified(component, COMPONENT_BYTES_MAX, &member)?;
        }
        check_references(&manifest, &contents, &members)?;
        let declaration = declaration(text, file)?;
        check_components(&declaration, &contents)?;
        let digest = Digest::of(&bytes);
        Ok(Bundle { declaration, digest, manifest: manifest.digest, contents, members, bytes })
    }

    /// A component by the path that the declaration has for it.
    pub fn component(&self, written: &str) -> Option<(Digest, &[u8])> {
        let blob = self.contents.components.get(written)?;
        let range = self.members.get(&blob.name())?;
        Some((blob.digest, &self.bytes[range.clone()]))
    }

    /// The paths that the declaration has for its components, with digest and size in bytes.
    pub fn components(&self) -> impl Iterator<Item = (&str, Digest, u64)> {
        self.contents.components.iter().map(|(path, blob)| (path.as_str(), blob.digest, blob.size))
    }

    /// The whole file.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Of the whole file, in bytes.
    pub fn size(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Of its manifest: what a registry would call it by.
    pub fn manifest(&self) -> Digest {
        self.manifest
    }

    /// Of its declaration's text.
    pub fn declaration_digest(&self) -> Digest {
        self.contents.declaration.digest
    }
}

/// Why a vat can't be in a bundle, if it can't.
pub(super) fn check_portable(declaration: &Declaration) -> Result<(), BundleFault> {
    for (name, vat) in &declaration.vats {
        let reason = match (vat.linkage, &vat.component) {
            (Linkage::Linked, _) => "has `link = true`: it is read from a path of one machine at each start",
            (Linkage::Stored, ComponentRef::Digest(_)) => {
                "names its component by digest: a bundle holds components that are named by path"
            }
            (Linkage::Stored, ComponentRef::Path(_)) => continue,
        };
        return Err(BundleFault::NotPortable { vat: name.clone(), reason });
    }
    Ok(())
}

/// The paths by which a portable declaration calls its components.
pub(super) fn paths<'d>(declaration: &'d Declaration) -> BTreeSet<&'d str> {
    let path = |vat: &'d VatDeclaration| match &vat.component {
        ComponentRef::Path(path) => Some(path.as_str()),
        ComponentRef::Digest(_) => None,
    };
    declaration.vats.values().filter_map(path).collect()
}

fn within<'b>(max: u64, name: &str, bytes: &'b [u8]) -> Result<&'b [u8], BundleFault> {
    match bytes.len() as u64 {
        size if size > max => Err(BundleFault::MemberTooLarge { name: name.to_owned(), size, max }),
        _ => Ok(bytes),
    }
}

/// The bytes of a blob, which are as many and the very ones that its descriptor says.
fn verified<'b>(
    blob: &Blob,
    max: u64,
    member: &impl Fn(&str) -> Result<&'b [u8], BundleFault>,
) -> Result<&'b [u8], BundleFault> {
    let name = blob.name();
    let bytes = within(max, &name, member(&name)?)?;
    let actual = Blob::of(bytes);
    if actual.size != blob.size {
        return Err(BundleFault::SizeMismatch { name, declared: blob.size, actual: actual.size });
    }
    if actual.digest != blob.digest {
        return Err(BundleFault::DigestMismatch { name, actual: actual.digest });
    }
    Ok(bytes)
}

/// Whether something refers to every member.
fn check_references(
    manifest: &Blob,
    contents: &Contents,
    members: &BTreeMap<String, Range<usize>>,
) -> Result<(), BundleFault> {
    let blobs = [manifest, &contents.declaration].into_iter().chain(contents.components.values());
    let mut referred: BTreeSet<String> = blobs.map(Blob::name).collect();
    referred.extend([MARKER.to_owned(), INDEX.to_owned()]);
    match members.keys().find(|name| !referred.contains(*name)) {
        Some(name) => Err(BundleFault::Unreferenced { name: name.clone() }),
        None => Ok(()),
    }
}

fn declaration(text: &[u8], file: &str) -> Result<Declaration, BundleFault> {
    let text = std::str::from_utf8(text)
        .map_err(|error| BundleFault::ForeignDocument { name: "declaration", reason: error.to_string() })?;
    Declaration::parse(text, &format!("{file}/subcluster.toml"))
        .map_err(|problem| BundleFault::Declaration(problem.into()))
}

/// Whether the manifest has exactly the components that the declaration asks for.
fn check_components(declaration: &Declaration, contents: &Contents) -> Result<(), BundleFault> {
    check_portable(declaration)?;
    let wanted = paths(declaration);
    if let Some(path) = wanted.iter().find(|path| !contents.components.contains_key(**path)) {
        return Err(BundleFault::Lacks { name: (*path).to_owned() });
    }
    match contents.components.keys().find(|path| !wanted.contains(path.as_str())) {
        Some(path) => Err(BundleFault::Unreferenced { name: printable(path) }),
        None => Ok(()),
    }
}
