//! The OCI image layout: which documents a bundle has, and their one form.
//!
//! `index.json` names the manifest; the manifest's config is the declaration, and each of its layers is a component, annotated with the
//! path by which the declaration calls it. Documents are compared as bytes with what these functions make of the facts in them: there
//! is no second way to say the same, and nothing can be said that this host would overlook.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr;

use oci_spec::image::{Descriptor, ImageIndex, ImageIndexBuilder, ImageManifest, ImageManifestBuilder};
use oci_spec::image::{MediaType, OciLayoutBuilder, SCHEMA_VERSION, Sha256Digest};
use serde::Serialize;

use super::fault::BundleFault;
use crate::component::Digest;
use crate::problem::printable;

/// The file that marks a layout.
pub(super) const MARKER: &str = "oci-layout";
/// The file from which everything is reached.
pub(super) const INDEX: &str = "index.json";
/// The directory of everything else, by digest.
pub(super) const BLOBS: &str = "blobs/sha256/";
/// The media type of the declaration.
pub(super) const DECLARATION_TYPE: &str = "application/vnd.ocap.subcluster.v1+toml";
/// The media type of a component.
pub(super) const COMPONENT_TYPE: &str = "application/wasm";
/// The annotation of a layer: the component's path as the declaration has it.
const PATH: &str = "vnd.ocap.component.path";
/// The version of the layout itself.
const LAYOUT_VERSION: &str = "1.0.0";

/// A blob as a descriptor has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blob {
    pub(super) digest: Digest,
    /// In bytes.
    pub(super) size: u64,
}

/// What a manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) declaration: Blob,
    /// By the path as written. Two paths may have the same bytes.
    pub(super) components: BTreeMap<String, Blob>,
}

impl Blob {
    pub(super) fn of(bytes: &[u8]) -> Blob {
        Blob { digest: Digest::of(bytes), size: bytes.len() as u64 }
    }

    /// Its name in the archive.
    pub(super) fn name(&self) -> String {
        format!("{BLOBS}{}", self.digest.hex())
    }

    fn descriptor(&self, media_type: MediaType) -> Descriptor {
        let digest = Sha256Digest::from_str(&self.digest.hex()).expect("64 hexadecimal digits are a SHA-256");
        Descriptor::new(media_type, self.size, digest)
    }

    fn described(descriptor: &Descriptor) -> Option<Blob> {
        let digest = Digest::from_hex(descriptor.as_digest_sha256()?).ok()?;
        Some(Blob { digest, size: descriptor.size() })
    }
}

/// The marker's text.
pub(super) fn marker() -> Vec<u8> {
    let layout = OciLayoutBuilder::default().image_layout_version(LAYOUT_VERSION).build();
    canonical(&layout.expect("every required field is set"))
}

/// The index of a bundle with this manifest.
pub(super) fn index(manifest: &Blob) -> Vec<u8> {
    let index = ImageIndexBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageIndex)
        .manifests([manifest.descriptor(MediaType::ImageManifest)])
        .build();
    canonical(&index.expect("every required field is set"))
}

/// The manifest of these contents.
pub(super) fn manifest(contents: &Contents) -> Vec<u8> {
    let layers = contents.components.iter().map(|(path, blob)| {
        let mut layer = blob.descriptor(MediaType::from(COMPONENT_TYPE));
        layer.set_annotations(Some(HashMap::from([(PATH.to_owned(), path.clone())])));
        layer
    });
    let manifest = ImageManifestBuilder::default()
        .schema_version(SCHEMA_VERSION)
        .media_type(MediaType::ImageManifest)
        .config(contents.declaration.descriptor(MediaType::from(DECLARATION_TYPE)))
        .layers(layers.collect::<Vec<_>>())
        .build();
    canonical(&manifest.expect("every required field is set"))
}

/// Whether these are the marker's bytes.
pub(super) fn check_marker(bytes: &[u8]) -> Result<(), BundleFault> {
    if bytes == marker() { Ok(()) } else { Err(foreign(MARKER, "another version or form")) }
}

/// The manifest that an index names.
pub(super) fn read_index(bytes: &[u8]) -> Result<Blob, BundleFault> {
    let read: ImageIndex = serde_json::from_slice(bytes).map_err(|error| foreign(INDEX, &error.to_string()))?;
    let [manifest] = read.manifests().as_slice() else {
        return Err(foreign(INDEX, &format!("one manifest is wanted, it names {}", read.manifests().len())));
    };
    let manifest = Blob::described(manifest).ok_or_else(|| foreign(INDEX, "a digest that is not SHA-256"))?;
    same(INDEX, bytes, &index(&manifest))?;
    Ok(manifest)
}

/// What a manifest says.
pub(super) fn read_manifest(bytes: &[u8]) -> Result<Contents, BundleFault> {
    const NAME: &str = "manifest";
    let read: ImageManifest = serde_json::from_slice(bytes).map_err(|error| foreign(NAME, &error.to_string()))?;
    if *read.config().media_type() != MediaType::from(DECLARATION_TYPE) {
        let found = printable(read.config().media_type().as_ref());
        return Err(foreign(NAME, &format!("its config is of type `{found}`, a declaration is `{DECLARATION_TYPE}`")));
    }
    let not_sha256 = || foreign(NAME, "a digest that is not SHA-256");
    let mut components = BTreeMap::new();
    for layer in read.layers() {
        let path = layer.annotations().as_ref().and_then(|annotations| annotations.get(PATH));
        let path = path.ok_or_else(|| foreign(NAME, "a layer without the path of its component"))?;
        components.insert(path.clone(), Blob::described(layer).ok_or_else(not_sha256)?);
    }
    let declaration = Blob::described(read.config()).ok_or_else(not_sha256)?;
    let contents = Contents { declaration, components };
    same(NAME, bytes, &manifest(&contents))?;
    Ok(contents)
}

/// JSON without spaces and with sorted keys, whatever order a library's types have.
fn canonical(document: &impl Serialize) -> Vec<u8> {
    let mut value = serde_json::to_value(document).expect("these types have string keys only");
    value.sort_all_objects();
    serde_json::to_vec(&value).expect("a JSON value has a text")
}

fn same(name: &'static str, found: &[u8], wanted: &[u8]) -> Result<(), BundleFault> {
    if found == wanted { Ok(()) } else { Err(foreign(name, "it says more than a bundle can, or in another form")) }
}

fn foreign(name: &'static str, reason: &str) -> BundleFault {
    BundleFault::ForeignDocument { name, reason: printable(reason) }
}
