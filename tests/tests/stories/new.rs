//! From nothing to a vat that runs: what the template promises is so.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use ocap_tests::{Place, ocap_host, repository};
use serde_json::Value;

/// A command of somebody who has Rust at hand; its status, its answer and what it said beside.
fn develop(directory: &Path, args: &[&str]) -> (Option<i32>, Value, String) {
    let mut command = Command::new(ocap_host());
    let output =
        command.args(["--format", "json"]).args(args).current_dir(directory).output().expect("it can be started");
    let answer = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code(), answer, String::from_utf8_lossy(&output.stderr).into_owned())
}

/// A new vat whose build goes on from the last test's: most of it is the same.
fn made(place: &Place, name: &str) -> PathBuf {
    let made = place.ocap(&["new", name]).expect(0).json();
    let directory = place.root().join(name);
    let files: Vec<&str> = made["files"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
    assert!(files.len() <= 4 && files.iter().all(|file| directory.join(file).is_file()), "{files:?}");
    assert_eq!(made["directory"].as_str(), directory.to_str());
    let shared = repository().join("target/new");
    fs::create_dir_all(&shared).expect("a target directory");
    symlink(&shared, directory.join("target")).expect("a link");
    directory
}

#[test]
fn a_new_vat_builds_and_runs_as_it_was_made() {
    let place = Place::new();
    let directory = made(&place, "my-counter");
    let (status, built, said) = develop(place.root(), &["build", "my-counter"]);
    assert_eq!(status, Some(0), "{said}");
    let component = built["vats"][0]["path"].as_str().expect("a path");
    assert_eq!(built["vats"][0]["bytes"].as_u64(), fs::metadata(component).ok().map(|found| found.len()));
    let _host = place.run(&[&directory.join("subcluster.toml")]);
    assert_eq!(place.call("my-counter", "increment", &["5"]), 5);

    // A mistake is the compiler's to explain, and nothing that runs is touched.
    let source = directory.join("src/lib.rs");
    let text = fs::read_to_string(&source).expect("a source");
    fs::write(&source, text.replace("self.count += by", "self.count += \"by\"")).expect("written");
    let (status, _, said) = develop(place.root(), &["build", "my-counter"]);
    assert_eq!(status, Some(1));
    assert!(said.contains("src/lib.rs") && said.contains("ocap::build::failed"), "{said}");
    assert_eq!(place.call("my-counter", "get", &[]), 5);
}

#[test]
fn the_test_of_a_new_vat_passes() {
    let place = Place::new();
    let directory = made(&place, "tested");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["test", "--quiet"]).current_dir(directory).env_remove("CARGO_TARGET_DIR");
    let output = cargo.output().expect("cargo can be started");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_is_there_already_and_what_is_no_name_is_refused() {
    let place = Place::new();
    fs::write(place.root().join("taken"), "precious").expect("written");
    place.ocap(&["new", "taken"]).expect(1).problem("ocap::new::exists");
    assert_eq!(fs::read_to_string(place.root().join("taken")).expect("a file"), "precious");
    place.ocap(&["new", "Bad Name"]).expect(2).problem("ocap::usage::name");
    place.ocap(&["new", "fine", "--sdk", "nowhere"]).expect(1).problem("ocap::new::no_sdk");
    assert!(!place.root().join("fine").exists());
    place.ocap(&["build", "."]).expect(1).problem("ocap::build::no_package");
    assert_eq!(fs::read_dir(place.root()).expect("a directory").count(), 1, "nothing else was made");
}
