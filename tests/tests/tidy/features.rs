//! That tests are built of the same dependencies as the host: one feature more in a dependency of tests alone, and everything below it,
//! the engine for one, is built twice.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use ocap_tests::repository;

/// Each package of the build with the sets of features that it is built with, seen along these edges.
fn packages(edges: &str) -> BTreeMap<String, BTreeSet<String>> {
    let tree = Command::new(env!("CARGO"))
        .args(["tree", "--workspace", "--locked", "--prefix", "none", "--edges", edges, "--format", "{p}|{f}"])
        .current_dir(repository())
        .output()
        .expect("cargo can be started");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).expect("UTF-8");
    let mut packages: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in tree.lines() {
        let Some((package, features)) = line.trim_end_matches(" (*)").split_once('|') else { continue };
        packages.entry(package.to_owned()).or_default().insert(features.to_owned());
    }
    packages
}

#[test]
fn what_only_tests_need_changes_no_dependency_of_the_host() {
    let (built, tested) = (packages("normal,build"), packages("normal,build,dev"));
    assert!(built.keys().any(|package| package.starts_with("wasmtime v")), "{:?}", built.keys());
    for (package, features) in &built {
        assert_eq!(
            tested.get(package),
            Some(features),
            "{package}: name the dependency that adds the feature among the `dependencies` of the tests, not of their `dev-dependencies`"
        );
    }
}
