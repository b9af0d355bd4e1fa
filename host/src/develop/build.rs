//! The build of a package of vats, and the check of its components by the engine that will run them.

use std::path::Path;
use std::process::{self, Stdio};

use serde::Serialize;

use crate::bundle::Source;
use crate::component::{Digest, UserFiles, read, resolve};
use crate::declaration::ComponentRef;
use crate::engine::Engine;
use crate::powers::Powers;
use crate::problem::Problem;

const TARGET: &str = "wasm32-wasip2";
const DECLARATION: &str = "subcluster.toml";

/// What a build left, checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "$type", rename = "built")]
pub struct Built {
    /// The declaration's absolute path.
    pub declaration: String,
    /// Its vats, by name.
    pub vats: Vec<BuiltVat>,
}

/// The component of one vat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BuiltVat {
    /// The vat's name.
    pub vat: String,
    /// Where its component lies.
    pub path: String,
    /// The component's digest: `sha256:` and 64 hexadecimal digits.
    pub sha256: String,
    /// The component's size in bytes.
    pub bytes: u64,
}

/// Builds the package in a directory with cargo, which writes to stderr, and checks each component that the declaration beside it names as a
/// launch would.
///
/// # Errors
/// If there is no package or no declaration, a tool is missing, the build fails, or a component is not one that this host runs.
pub fn build(directory: &Path, powers: Powers, files: &UserFiles) -> Result<Built, Problem> {
    let directory = powers.absolute(directory).map_err(|error| {
        Problem::new("ocap::build::no_package", format!("{} is no directory", directory.display())).because(&error)
    })?;
    let package = directory.join("Cargo.toml");
    files.look(&package).map_err(|fault| {
        Problem::new("ocap::build::no_package", format!("there is no package to build: {fault}"))
            .with_help("name the directory of a package, or make one: `ocap-host new NAME`")
    })?;
    has_target()?;
    cargo(&directory)?;
    check(&directory.join(DECLARATION), files)
}

/// Whether rustc can make components at all: it says where the target's library would be.
fn has_target() -> Result<(), Problem> {
    let asked = process::Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    let output = asked.map_err(|error| no_tool("rustc", &error))?;
    let directory = String::from_utf8_lossy(&output.stdout);
    if output.status.success() && Path::new(directory.trim()).is_dir() {
        return Ok(());
    }
    Err(Problem::new("ocap::build::no_target", format!("this Rust can't build for {TARGET}"))
        .with_help(format!("rustup target add {TARGET}")))
}

fn cargo(directory: &Path) -> Result<(), Problem> {
    let mut command = process::Command::new("cargo");
    command.args(["build", "--release", "--target", TARGET]).current_dir(directory);
    // Where the declaration looks for components, whatever the environment says.
    command.arg("--target-dir").arg(directory.join("target"));
    // stdout is for this command's own answer; cargo says what it has to say on stderr.
    let status =
        command.stdin(Stdio::null()).stdout(Stdio::null()).status().map_err(|error| no_tool("cargo", &error))?;
    if status.success() {
        return Ok(());
    }
    Err(Problem::new("ocap::build::failed", format!("cargo could not build {}", directory.display()))
        .with_help("mend what it says above, then build again"))
}

fn no_tool(tool: &str, error: &std::io::Error) -> Problem {
    Problem::new("ocap::build::no_tool", format!("`{tool}` can't be started"))
        .because(error)
        .with_help("install Rust with rustup, and see that its programs are in PATH")
}

/// Checks every component of a declaration.
///
/// # Errors
/// If the declaration can't be read, or a component is not one that this host runs.
fn check(declaration: &Path, files: &UserFiles) -> Result<Built, Problem> {
    let source = Source::open(declaration, files)?;
    let engine = Engine::new(None).map_err(|error| {
        Problem::new("ocap::engine::unusable", "the WebAssembly engine can't be set up").because(&error)
    })?;
    let mut vats = Vec::new();
    for (vat, declared) in &source.declaration.vats {
        // What is named by a digest lies in some home, and is not built.
        let ComponentRef::Path(written) = &declared.component else { continue };
        let path = resolve(&source.directory, written);
        let place = source.place(vat);
        let (bytes, _) = read(&path, files).map_err(|fault| place.diagnose(&fault))?;
        engine
            .prepare(&bytes)
            .map_err(|fault| place.problem(fault.code(), &fault.to_string()).with_help(fault.help()))?;
        vats.push(BuiltVat {
            vat: vat.clone(),
            path: path.to_string(),
            sha256: Digest::of(&bytes).to_string(),
            bytes: bytes.len() as u64,
        });
    }
    Ok(Built { declaration: declaration.display().to_string(), vats })
}
