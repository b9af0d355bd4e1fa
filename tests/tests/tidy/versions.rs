//! Versions in the lock file below which something is known to be broken.

use std::fs;

use ocap_tests::repository;

/// A crate, the first version that will do, the first that will not any more, and why.
const VERSIONS: &[(&str, [u64; 3], [u64; 3], &str)] = &[
    ("wasmtime", [48, 0, 8], [49, 0, 0], "48.0.8 bounds a component's handles; 49 was not looked at"),
    ("wasmtime-wasi", [48, 0, 8], [49, 0, 0], "the same release as wasmtime"),
    ("cap-std", [4, 0, 3], [5, 0, 0], "before 4.0.3 a trailing slash leads out of a directory (GHSA-vqjp-4c8c-hfgg)"),
    ("rusqlite", [0, 41, 1], [0, 42, 0], "its SQLite is not older than 3.51.3, which could damage a database"),
];

/// All versions of a crate in a lock file.
fn locked(lock: &str, name: &str) -> Vec<[u64; 3]> {
    let lock: toml::Table = lock.parse().expect("a lock file");
    let packages = lock["package"].as_array().expect("packages");
    let versions = packages.iter().filter(|package| package["name"].as_str() == Some(name));
    versions.map(|package| parts(package["version"].as_str().expect("a version"))).collect()
}

fn parts(version: &str) -> [u64; 3] {
    let release = version.split(['-', '+']).next().unwrap_or(version);
    let parts: Vec<u64> = release.split('.').map(|part| part.parse().expect("a number")).collect();
    parts.try_into().expect("three numbers")
}

#[test]
fn no_version_is_locked_that_is_known_to_be_broken() {
    let lock = fs::read_to_string(repository().join("Cargo.lock")).expect("a lock file");
    for (name, first, end, reason) in VERSIONS {
        let versions = locked(&lock, name);
        assert!(!versions.is_empty(), "{name} is not in the lock file");
        for version in versions {
            assert!((*first..*end).contains(&version), "{name} {version:?}: {reason}");
        }
    }
}
