//! The rooms of the host: which other rooms and which crates each of them may know.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::Source;

/// A room, and the rooms that it may name. ARCHITECTURE.md draws it.
const ARROWS: &[(&str, &[&str])] = &[
    ("cli", &["boot", "bundle", "component", "daemon", "develop", "powers", "problem", "schema", "time"]),
    ("develop", &["bundle", "component", "declaration", "engine", "powers", "problem"]),
    (
        "boot",
        &[
            "bundle",
            "component",
            "daemon",
            "declaration",
            "engine",
            "escape",
            "io",
            "powers",
            "problem",
            "run_loop",
            "services",
            "store",
            "telemetry",
        ],
    ),
    // Only with the feature `otel`.
    ("telemetry", &["problem", "run_loop"]),
    ("daemon", &["powers", "problem", "schema"]),
    ("run_loop", &["engine", "escape", "io", "services", "store"]),
    ("store", &["problem"]),
    ("engine", &["escape"]),
    ("io", &["problem"]),
    // Who may have a service depends on who launched its subcluster.
    ("services", &["declaration"]),
    ("bundle", &["component", "declaration", "problem"]),
    ("declaration", &["component", "problem"]),
    ("component", &["problem"]),
    // The time of a crank is given in the engine's words.
    ("powers", &["engine"]),
    ("problem", &["schema", "time"]),
    ("schema", &[]),
    ("time", &[]),
    ("escape", &[]),
];

/// A crate that the host depends on, and the rooms that may use it.
const CRATES: &[(&str, &[&str])] = &[
    // One room each: what it stands for is that room's business alone.
    ("rusqlite", &["store"]),
    ("xxhash_rust", &["store"]),
    ("wasmtime", &["engine"]),
    ("wasmtime_wasi", &["engine"]),
    ("rustc_demangle", &["engine"]),
    ("chacha20", &["engine"]),
    ("bytes", &["engine"]),
    ("axum", &["daemon"]),
    ("tracing_subscriber", &["daemon"]),
    ("clap", &["cli"]),
    ("clap_complete", &["cli"]),
    ("clap_mangen", &["cli"]),
    ("hyper", &["cli", "daemon", "telemetry"]),
    ("hyper_util", &["cli", "daemon", "telemetry"]),
    ("http_body_util", &["cli", "daemon", "telemetry"]),
    ("opentelemetry", &["telemetry"]),
    ("opentelemetry_http", &["telemetry"]),
    ("opentelemetry_otlp", &["telemetry"]),
    ("opentelemetry_sdk", &["telemetry"]),
    ("unicode_width", &["cli"]),
    ("tar", &["bundle"]),
    ("oci_spec", &["bundle"]),
    ("tokio_util", &["io"]),
    ("toml", &["declaration"]),
    ("getrandom", &["powers"]),
    // Files that a user named are replaced whole, by way of a temporary one.
    ("tempfile", &["component"]),
    ("notify", &["develop"]),
    ("prometheus_client", &["daemon"]),
    ("ratatui", &["cli"]),
    ("schemars", &["cli", "daemon", "problem", "schema"]),
    // The service manager that started this process.
    ("sd_notify", &["daemon"]),
    // The kernel's types: not for the command line, nor for what is known before there is a kernel.
    ("ocap_kernel", &["boot", "declaration", "engine", "io", "run_loop", "services", "store"]),
    ("ocap_worker", &["engine", "run_loop"]),
    // What bodies mean: calls of operators are translated at boot, the rest by the few shapes that channels and services know.
    ("ocap_passable", &["boot", "io", "services"]),
    ("tokio", &["boot", "cli", "daemon", "develop", "io", "run_loop", "services", "telemetry"]),
    // Directories that were handed in.
    ("cap_std", &["boot", "cli", "component", "daemon", "develop", "engine", "io", "powers", "run_loop"]),
    // What the standard library lacks of the system's calls.
    ("rustix", &["component", "daemon", "engine", "io"]),
    ("hmac", &["boot", "engine"]),
    ("sha2", &["boot", "component", "daemon", "engine"]),
    ("strsim", &["boot", "cli", "daemon", "declaration"]),
    ("tracing", &["boot", "daemon", "engine", "run_loop", "telemetry"]),
    ("miette", &["cli", "engine", "problem", "store"]),
    ("thiserror", &["bundle", "component", "engine", "io", "run_loop", "store"]),
    ("serde", &["bundle", "cli", "component", "daemon", "declaration", "develop", "problem"]),
    ("serde_json", &["boot", "bundle", "cli", "component", "daemon", "declaration", "schema"]),
];

type Known = BTreeMap<String, BTreeSet<String>>;

/// The same as found in the code, with the first place where.
type Found = BTreeMap<String, BTreeMap<String, String>>;

/// The code of each room that ships.
fn rooms() -> Vec<(String, Source)> {
    let sources = Source::all("host/src", &[".rs"]).into_iter().filter(|source| !source.is_test());
    let room = |source: &Source| {
        let below = source.path.trim_start_matches("host/src/");
        below.split('/').next().unwrap_or(below).trim_end_matches(".rs").to_owned()
    };
    let rooms = sources.map(|source| (room(&source), source));
    // The binary and the list of rooms are no rooms.
    rooms.filter(|(room, _)| room != "main" && room != "lib").collect()
}

/// The rooms that a line names: after `crate::`, and in the file that is a room's door after `super::`.
fn named(line: &str, at_the_door: bool) -> Vec<&str> {
    let ways: &[&str] = if at_the_door { &["crate::", "super::"] } else { &["crate::"] };
    let after = ways.iter().flat_map(|way| line.match_indices(way).map(|(at, _)| &line[at + way.len()..]));
    after.map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or(rest)).collect()
}

/// Whether a line has a path that begins with this crate.
fn is_path_of(line: &str, name: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(&format!("{name}::")).any(|(at, _)| !line[..at].ends_with(part_of_word))
}

fn table(rows: &[(&str, &[&str])]) -> Known {
    let set = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    rows.iter().map(|(name, words)| ((*name).to_owned(), set(words))).collect()
}

/// Fails on the first entry that is in the code and not in the table, or the other way round.
fn compare(in_code: &Found, in_table: &Known, sentence: &str) {
    for (name, words) in in_code {
        let allowed = in_table.get(name).unwrap_or_else(|| panic!("`{name}` is not in the table"));
        for (word, place) in words {
            assert!(allowed.contains(word), "{place}: `{name}` {sentence} `{word}`, which the table does not allow");
        }
    }
    for (name, words) in in_table {
        let used = in_code.get(name).unwrap_or_else(|| panic!("the table has `{name}`, the code has not"));
        for word in words {
            assert!(used.contains_key(word), "`{name}` {sentence} `{word}` no longer: take it out of the table");
        }
    }
}

#[test]
fn arrows_between_rooms_go_one_way() {
    let mut arrows = Found::new();
    for (room, source) in rooms() {
        let arrows = arrows.entry(room.clone()).or_default();
        let at_the_door = source.path.ends_with("/mod.rs") || source.path.matches('/').count() == 2;
        for (number, line) in source.shipped() {
            let place = format!("{}:{number}", source.path);
            assert!(!line.contains("crate::{"), "{place}: name each room in a line of its own");
            for other in named(line, at_the_door).into_iter().filter(|other| *other != room) {
                arrows.entry(other.to_owned()).or_insert_with(|| place.clone());
            }
        }
    }
    compare(&arrows, &table(ARROWS), "names");
}

#[test]
fn the_arrows_of_the_table_have_no_way_back() {
    let arrows = table(ARROWS);
    let mut low: BTreeSet<&str> = BTreeSet::new();
    while low.len() < arrows.len() {
        let settled = |others: &BTreeSet<String>| others.iter().all(|other| low.contains(other.as_str()));
        let next = arrows.iter().find(|(room, others)| !low.contains(room.as_str()) && settled(others));
        let (room, _) = next.unwrap_or_else(|| panic!("a circle among all but {low:?}"));
        low.insert(room);
    }
}

#[test]
fn each_crate_is_used_by_the_rooms_it_is_meant_for() {
    let manifest = Source::all("host", &["Cargo.toml"]).remove(0);
    assert_eq!(manifest.path, "host/Cargo.toml");
    let manifest: toml::Table = manifest.text.parse().expect("a manifest");
    let dependencies = manifest["dependencies"].as_table().expect("dependencies");
    let mut users: Found = dependencies.keys().map(|name| (name.replace('-', "_"), BTreeMap::new())).collect();
    for (room, source) in rooms() {
        for (number, line) in source.shipped() {
            for (name, rooms) in &mut users {
                if is_path_of(line, name) {
                    rooms.entry(room.clone()).or_insert_with(|| format!("{}:{number}", source.path));
                }
            }
        }
    }
    compare(&users, &table(CRATES), "is used by");
}

#[test]
fn the_kernel_depends_on_thiserror_alone() {
    let manifest = Source::all("host/kernel", &["Cargo.toml"]).remove(0);
    let manifest: toml::Table = manifest.text.parse().expect("a manifest");
    let dependencies = manifest["dependencies"].as_table().expect("dependencies");
    assert_eq!(dependencies.keys().collect::<Vec<_>>(), ["thiserror"]);
    for section in ["build-dependencies", "dev-dependencies"] {
        assert!(!manifest.contains_key(section), "the kernel has {section}");
    }
}
