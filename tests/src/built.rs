//! The binary and the sample vats, as they are in the sources now.
//!
//! Cargo is asked once in each test process. It knows what is stale, so nobody ever tests yesterday's binary; when all is fresh it
//! says so within a second.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The `ocap-host` that belongs to this test: built from the same sources, with the same profile, in the same target directory.
pub fn ocap_host() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let output = profile_directory();
        let profile = match output.file_name().and_then(|name| name.to_str()) {
            Some("debug") => "dev",
            Some(profile) => profile,
            None => panic!("the test lies in no directory of a profile: {}", output.display()),
        };
        // The whole workspace's features, as in the build of the tests: another choice would build every dependency anew.
        let features = if cfg!(feature = "otel") { "ocap-host/otel" } else { "" };
        let build = ["build", "--workspace", "--bin", "ocap-host", "--profile", profile, "--features", features];
        cargo(repository(), target_directory(), &build);
        output.join("ocap-host")
    })
}

/// The component of a sample vat, by its package's name: `counter`, `index`.
pub fn sample_component(package: &str) -> PathBuf {
    if ["polyglot-", "python-", "js-"].iter().any(|prefix| package.starts_with(prefix)) {
        return foreign_component(package);
    }
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let vats = BUILT.get_or_init(|| {
        let guests = target_directory().join("guests");
        let build = ["build", "--profile", "vat", "--target", "wasm32-wasip2"];
        cargo(&repository().join("sample-vats"), &guests, &build);
        guests.join("wasm32-wasip2/vat")
    });
    vats.join(format!("{package}.wasm"))
}

/// The component of a sample vat in another language, which needs tools from other registries and so is not built from here.
fn foreign_component(name: &str) -> PathBuf {
    let build = repository().join("sample-vats/build.py");
    let check = Command::new("python3")
        .arg(build)
        .args(["check", name])
        .env("CARGO_TARGET_DIR", target_directory())
        .output()
        .expect("python3 can be started");
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    target_directory().join("vats").join(format!("{name}.wasm"))
}

fn cargo(directory: &Path, target: &Path, args: &[&str]) {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(args)
        // A test changes nothing in the repository, also no lock file that is behind.
        .args(["--quiet", "--locked"])
        .arg("--target-dir")
        .arg(target)
        .current_dir(directory)
        .output()
        .expect("cargo can be started");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo {} in {}:\n{said}", args.join(" "), directory.display());
}

/// `target/debug`, where this test lies in `deps`.
fn profile_directory() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        let test = std::env::current_exe().expect("a test knows its own path");
        test.ancestors().nth(2).expect("a test lies in target/PROFILE/deps").to_owned()
    })
}

pub(crate) fn target_directory() -> &'static Path {
    profile_directory().parent().expect("the directory of a profile lies in the target directory")
}
