//! A new vat: four files that build, pass their test and run.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use cap_std::fs::{Dir, OpenOptions};
use serde::Serialize;

use crate::powers::Powers;
use crate::problem::{Problem, printable};

/// Each file of the template, with its text.
const FILES: [(&str, &str); 4] = [
    ("Cargo.toml", include_str!("template/Cargo.toml.in")),
    ("src/lib.rs", include_str!("template/lib.rs.in")),
    ("subcluster.toml", include_str!("template/subcluster.toml.in")),
    (".gitignore", include_str!("template/gitignore.in")),
];

/// The SDK that lies beside the sources of this very program.
const SDK_OF_THIS_BUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../guest-sdk");

const NAME_CHARACTERS_MAX: usize = 64;

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "$type", rename = "made")]
pub struct Made {
    /// The new directory's absolute path.
    pub directory: String,
    /// Its files, from there.
    pub files: Vec<String>,
}

/// Makes the directory `path` with a vat in it that has the name of the directory. `sdk` is the directory of the guest SDK; without it, the one
/// that this program was built with.
///
/// # Errors
/// If the name is no name for a vat, something is there already, the SDK is not to be found, or the system refuses. A directory that was
/// made before the system refused is left, with what is in it.
pub fn make(path: &Path, sdk: Option<&Path>, powers: Powers) -> Result<Made, Problem> {
    let absolute = powers.absolute(path).map_err(|error| not_made(path, &error))?;
    let name = name_of(&absolute)?;
    let sdk = find_sdk(sdk, powers)?;
    let parent = absolute.parent().unwrap_or(Path::new("/"));
    let directory = create(parent, &name, powers).map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Problem::new("ocap::new::exists", format!("{} is there already", absolute.display()))
                .with_help("choose another name, or remove it")
        }
        _ => not_made(&absolute, &error),
    })?;
    for (file, text) in FILES {
        let text = filled(text, &name, &sdk);
        write(&directory, file, &text).map_err(|error| not_made(&absolute.join(file), &error))?;
    }
    let files = FILES.map(|(file, _)| file.to_owned()).into();
    Ok(Made { directory: absolute.display().to_string(), files })
}

/// The last part of the path, which names the package, the subcluster and its vat.
fn name_of(path: &Path) -> Result<String, Problem> {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_part = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    let is_name = name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(is_part)
        && name.len() <= NAME_CHARACTERS_MAX;
    if is_name {
        return Ok(name.to_owned());
    }
    Err(Problem::new("ocap::usage::name", format!("`{}` is no name for a vat", printable(name)))
        .with_help("1 to 64 of the characters a-z, 0-9, `-` and `_`, the first one a letter: `ocap-host new counter`"))
}

fn find_sdk(named: Option<&Path>, powers: Powers) -> Result<String, Problem> {
    let path = named.unwrap_or(Path::new(SDK_OF_THIS_BUILD));
    let unusable = |error: &(dyn std::error::Error + 'static)| {
        Problem::new("ocap::new::no_sdk", format!("there is no guest SDK at {}", path.display()))
            .because(error)
            .with_help("name the directory `guest-sdk` of a checkout of ocap-host: `--sdk DIR`")
    };
    let found: io::Result<PathBuf> = powers.directory(path).and_then(|sdk| {
        sdk.metadata("testing/Cargo.toml")?;
        powers.canonical(path)
    });
    let found = found.map_err(|error| unusable(&error))?;
    found.into_os_string().into_string().map_err(|path| {
        Problem::new("ocap::new::no_sdk", format!("the path {} can't be written into a Cargo.toml", path.display()))
            .with_help("move the checkout to a path of plain text")
    })
}

fn create(parent: &Path, name: &str, powers: Powers) -> io::Result<Dir> {
    let parent = powers.directory(parent)?;
    parent.create_dir(name)?;
    let directory = parent.open_dir(name)?;
    directory.create_dir("src")?;
    Ok(directory)
}

fn filled(text: &str, name: &str, sdk: &str) -> String {
    // TOML's basic strings, which the paths go into, escape these two.
    let sdk = sdk.replace('\\', "\\\\").replace('"', "\\\"");
    text.replace("CRATE", &name.replace('-', "_")).replace("NAME", name).replace("SDK", &sdk)
}

fn write(directory: &Dir, file: &str, text: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    directory.open_with(file, &options)?.write_all(text.as_bytes())
}

fn not_made(path: &Path, error: &io::Error) -> Problem {
    Problem::new("ocap::new::not_made", format!("{} can't be made", path.display()))
        .because(error)
        .with_help("choose a place where you may write")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_a_declaration_and_a_crate_can_have() {
        assert_eq!(name_of(Path::new("/a/my-vat_2")).expect("a name"), "my-vat_2");
        for bad in ["/a/2nd", "/a/Vat", "/a/v t", "/", "/a/.."] {
            assert_eq!(name_of(Path::new(bad)).expect_err(bad).code, "ocap::usage::name");
        }
    }

    #[test]
    fn the_template_is_filled_everywhere() {
        for (file, text) in FILES {
            let text = filled(text, "my-vat", "/sdk \"x\"");
            // `NAME` is also what comments call a name that is to be chosen.
            for left in ["CRATE", "SDK\"", "\"NAME\""] {
                assert!(!text.contains(left), "{left} is left in {file}:\n{text}");
            }
        }
        assert!(filled(FILES[2].1, "my-vat", "").contains("release/my_vat.wasm"));
    }
}
