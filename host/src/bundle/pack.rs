//! Making a bundle of a declaration.

use std::collections::BTreeMap;
use std::path::Path;

use super::fault::BundleFault;
use super::layout::{self, Blob, Contents, INDEX, MARKER};
use super::open::{check_portable, paths};
use super::source::{absolute, read_declaration};
use super::{Bundle, Listing, archive};
use crate::component::{Moment, Place, ResolvedPath, UserFiles, read, resolve};
use crate::declaration::{ComponentRef, Declaration};
use crate::problem::Problem;

/// Writes a bundle of a declaration and the components that it names, and says what is in it. The same declaration and components make
/// the same bundle, byte for byte, wherever and whenever it is packed.
///
/// # Errors
/// If the declaration is wrong or can't be bundled, a component can't be read, a limit is passed, or the file can't be written; then
/// the output is what it was before.
pub fn pack(declaration: &Path, output: &Path, files: &UserFiles) -> Result<Listing, Problem> {
    let written = output.to_string_lossy().into_owned();
    let output = absolute(output, files)?;
    let path = absolute(declaration, files)?;
    let declaration = read_declaration(declaration, files)?;
    check_portable(&declaration).map_err(|fault| not_portable(fault, &declaration))?;
    let mut inputs = vec![path.clone()];
    let mut components = BTreeMap::new();
    for name in paths(&declaration) {
        let component = resolve(path.parent().unwrap_or(Path::new("/")), name);
        let bytes = read_for(&declaration, &component, files)?;
        inputs.push(component.resolved().to_owned());
        components.insert(name.to_owned(), bytes);
    }
    if let Some(input) = inputs.iter().find(|input| files.same(input, &output)) {
        let message = format!("the bundle would be written over {}, of which it is made", input.display());
        return Err(Problem::new("ocap::bundle::output_is_input", message).with_help("choose another file with `-o`"));
    }
    let bytes = assemble(declaration.text(), &components)
        .map_err(|error| Problem::new("ocap::bundle::damaged", "the archive can not be made").because(&error))?;
    // What this host would refuse to open it does not write: limits are checked in one place.
    let bundle = Bundle::open(bytes, &written).map_err(|fault| fault.into_problem(&written, &output))?;
    files.write(&output, bundle.bytes()).map_err(|fault| {
        let problem = Problem::new("ocap::bundle::not_written", fault.to_string()).because(&fault.source);
        problem.at_path(&written, output.display()).with_help("choose another file with `-o`")
    })?;
    Ok(bundle.listing())
}

/// The bytes of the bundle.
pub(super) fn assemble(text: &str, components: &BTreeMap<String, Vec<u8>>) -> std::io::Result<Vec<u8>> {
    let contents = Contents {
        declaration: Blob::of(text.as_bytes()),
        components: components.iter().map(|(path, bytes)| (path.clone(), Blob::of(bytes))).collect(),
    };
    let manifest = layout::manifest(&contents);
    let (marker, index) = (layout::marker(), layout::index(&Blob::of(&manifest)));
    let mut members: BTreeMap<String, &[u8]> = BTreeMap::new();
    members.insert(MARKER.to_owned(), &marker);
    members.insert(INDEX.to_owned(), &index);
    members.insert(Blob::of(&manifest).name(), &manifest);
    members.insert(contents.declaration.name(), text.as_bytes());
    for (path, blob) in &contents.components {
        members.insert(blob.name(), &components[path]);
    }
    archive::write(&members)
}

/// The component's bytes, or the problem of the first vat that has it.
fn read_for(declaration: &Declaration, path: &ResolvedPath, files: &UserFiles) -> Result<Vec<u8>, Problem> {
    read(path, files).map(|(bytes, _)| bytes).map_err(|fault| {
        let has_it = |component: &ComponentRef| *component == ComponentRef::Path(path.written().to_owned());
        let vat = declaration.vats.iter().find(|(_, vat)| has_it(&vat.component)).map_or("", |(name, _)| name);
        place(declaration, vat, path).diagnose(&fault).with_help(format!("put a component at {path}, then pack again"))
    })
}

/// Where a component was declared.
pub(super) fn place(declaration: &Declaration, vat: &str, path: &ResolvedPath) -> Place {
    Place {
        subcluster: declaration.name.clone(),
        vat: vat.to_owned(),
        written: path.written().to_owned(),
        resolved: path.to_string(),
        span: declaration.component_span(vat),
        moment: Moment::Launch,
    }
}

fn not_portable(fault: BundleFault, declaration: &Declaration) -> Problem {
    let (code, message) = (fault.code(), format!("this declaration can not be bundled: {fault}"));
    let problem = Problem::new(code, message).with_help("name the component by its path, without `link = true`");
    let BundleFault::NotPortable { vat, .. } = fault else { return problem };
    let problem = problem.of_vat(&declaration.name, &vat);
    let span = declaration.span(&format!("vats.{vat}.link"), "this").or_else(|| declaration.component_span(&vat));
    match span {
        Some(span) => problem.in_text(span),
        None => problem,
    }
}
