//! Diagnostics word for word, in each of their forms: JSON, sentences, and the picture on a terminal (suite 22 of the study of reliability).
//!
//! A snapshot that changes is a text that users read: look at it, then accept it (`INSTA_UPDATE=always cargo test goldens`).

use std::fs;
use std::path::Path;

use ocap_tests::damage::{Damage, OF_A_BLOB, OF_A_FILE, OF_A_SOCKET};
use ocap_tests::{Done, Host, Place, Sample, components, eventually, is_time};
use serde_json::Value;

/// How a person sees it whose terminal has no colours.
const PICTURE: [&str; 3] = ["TERM=xterm", "NO_COLOR=1", "CI=1"];

/// The parts of a snapshot, and what differs from run to run made the same.
struct Golden<'p> {
    place: &'p Place,
    text: String,
    count: usize,
}

impl<'p> Golden<'p> {
    fn new(place: &'p Place) -> Golden<'p> {
        Golden { place, text: String::new(), count: 0 }
    }

    /// What a command says on stderr that can't do what it should, in three forms.
    fn refused(&mut self, name: &str, args: &[&str]) {
        let json = self.place.ocap(args);
        assert_ne!(json.status, 0, "{name} is no fault");
        self.json(name, &json.problems());
        let sentences = self.place.ocap(&[args, &["--format", "text"]].concat());
        self.part(name, "sentences", &without_log(&sentences.stderr));
        self.picture(name, args);
    }

    /// What a command answers on stdout, in three forms.
    fn answered(&mut self, name: &str, args: &[&str], problems: impl Fn(&Done) -> Vec<Value>) {
        let json = self.place.ocap(args);
        self.json(name, &problems(&json));
        let sentences = self.place.ocap(&[args, &["--format", "text"]].concat());
        self.part(name, "sentences", &sentences.stdout);
        self.picture(name, args);
    }

    fn picture(&mut self, name: &str, args: &[&str]) {
        let shown = self.place.at_a_terminal(&[args, &["--format", "text"]].concat(), &PICTURE, "");
        self.part(name, "picture", &without_log(&shown.text));
    }

    fn json(&mut self, name: &str, problems: &[Value]) {
        assert!(!problems.is_empty(), "{name} has no diagnostic");
        self.count += problems.len();
        let text: Vec<String> = problems.iter().map(|problem| format!("{problem:#}\n")).collect();
        self.part(name, "json", &text.concat());
    }

    fn part(&mut self, name: &str, form: &str, text: &str) {
        let root = self.place.root().to_str().expect("a temporary directory has a path in UTF-8");
        let text = times_hidden(&text.replace(root, "[DIR]"));
        self.text += &format!("=== {name}, {form}\n{}\n\n", text.trim_end());
    }
}

/// When a fault began differs from run to run: `2026-01-02T03:04:05.678Z`.
fn times_hidden(text: &str) -> String {
    let mut hidden = String::new();
    let mut rest = text;
    while let Some(at) = rest.match_indices("20").map(|(at, _)| at).find(|at| is_time(&rest[*at..])) {
        hidden += &rest[..at];
        hidden += "[TIME]";
        rest = rest[at..].split_once('Z').expect("a time ends in Z").1;
    }
    hidden + rest
}

/// Lines of the host's log begin with the time, if there is one to tell, and a level.
fn without_log(text: &str) -> String {
    let is_log = |line: &str| {
        let line = line.trim_start();
        line.starts_with("20") || ["INFO ", "WARN ", "ERROR "].iter().any(|level| line.starts_with(level))
    };
    text.lines().filter(|line| !is_log(line)).map(|line| format!("{line}\n")).collect()
}

fn damaged(damages: &[Damage]) -> impl Iterator<Item = (String, &Damage)> {
    damages.iter().enumerate().map(|(number, damage)| (format!("c{number:02}"), damage))
}

/// The host started again with everything damaged, and everything mended when it is over.
fn started_damaged(
    place: &Place,
    host: Host,
    inflict: impl FnOnce() -> Vec<ocap_tests::damage::Wound>,
    look: impl FnOnce(),
) {
    host.kill9();
    let wounds = inflict();
    let host = place.run(&[]);
    look();
    host.kill9();
    wounds.into_iter().for_each(ocap_tests::damage::Wound::mend);
}

fn quarantined(done: &Done) -> Vec<Value> {
    done.json()["problems"].as_array().expect("a list").clone()
}

#[test]
fn suite22_what_can_be_wrong_with_the_file_of_a_component() {
    let place = Place::new();
    let samples: Vec<Sample> = damaged(OF_A_FILE)
        .map(|(name, _)| {
            let sample = place.sample_as("counter", &name);
            sample.link("counter");
            sample
        })
        .collect();
    let files: Vec<_> = samples.iter().map(Sample::file).collect();
    let host = place.run(&files.iter().map(std::path::PathBuf::as_path).collect::<Vec<_>>());
    let mut golden = Golden::new(&place);
    let inflict = || {
        let pairs = samples.iter().zip(OF_A_FILE);
        pairs.map(|(sample, damage)| damage.to_file(&sample.component("counter"))).collect()
    };
    started_damaged(&place, host, inflict, || golden.answered("quarantine", &["quarantine", "list"], quarantined));
    assert_eq!(golden.count, OF_A_FILE.len());
    // The sizes are those of this build, and so is what the compiler makes of garbage in the middle.
    insta::with_settings!({ filters => vec![(r"\d{4,}", "[NUMBER]"), (r#"does not compile: [^\n"]*"#, "does not compile: [REASON]")] }, {
        insta::assert_snapshot!("component_files", golden.text);
    });
}

#[test]
fn suite22_what_can_be_wrong_with_a_stored_component() {
    let place = Place::new();
    let samples: Vec<Sample> = damaged(OF_A_BLOB).map(|(name, _)| place.sample_as("counter", &name)).collect();
    for (number, sample) in samples.iter().enumerate() {
        // A blob of its own for each.
        let whole = fs::read(sample.component("counter")).expect("a component");
        fs::write(sample.component("counter"), components::named(&whole, &format!("blob{number}"))).expect("written");
    }
    let files: Vec<_> = samples.iter().map(Sample::file).collect();
    let host = place.run(&files.iter().map(std::path::PathBuf::as_path).collect::<Vec<_>>());
    let digests: Vec<String> = damaged(OF_A_BLOB)
        .map(|(name, _)| {
            let digest = place.vat(&name, "counter")["component"]["sha256"].clone();
            digest.as_str().expect("a digest").trim_start_matches("sha256:").to_owned()
        })
        .collect();
    samples.iter().for_each(|sample| drop(sample.move_away("counter")));
    let mut golden = Golden::new(&place);
    let inflict = || {
        let blob = |digest: &String| {
            place.listing("blobs").into_iter().find(|file| file.contains(digest.as_str())).expect("it is stored")
        };
        let pairs = digests.iter().zip(OF_A_BLOB);
        pairs.map(|(digest, damage)| damage.to_file(&place.home("blobs").join(blob(digest)))).collect()
    };
    started_damaged(&place, host, inflict, || golden.answered("quarantine", &["quarantine", "list"], quarantined));
    assert_eq!(golden.count, OF_A_BLOB.len());
    // The digests and sizes of what this build made, and of what was made of it.
    insta::with_settings!({ filters => vec![(r"[0-9a-f]{64}", "[DIGEST]"), (r"\d{3,} bytes|\d+ were stored", "[SIZE]")] }, {
        insta::assert_snapshot!("stored_components", golden.text);
    });
}

#[test]
fn suite22_what_can_be_in_the_way_of_a_channel() {
    let place = Place::new();
    let samples: Vec<Sample> = damaged(OF_A_SOCKET)
        .map(|(name, _)| {
            let sample = place.sample_as("matcher", &name);
            sample.replace("run/llm.sock", &format!("{name}/llm.sock"));
            sample
        })
        .collect();
    let files: Vec<_> = samples.iter().map(Sample::file).collect();
    let host = place.run(&files.iter().map(std::path::PathBuf::as_path).collect::<Vec<_>>());
    let mut golden = Golden::new(&place);
    let names: Vec<String> = damaged(OF_A_SOCKET).map(|(name, _)| name).collect();
    let inflict = || {
        let pairs = names.iter().zip(OF_A_SOCKET);
        pairs.map(|(name, damage)| damage.to_socket(&place.home("channels").join(name).join("llm.sock"))).collect()
    };
    started_damaged(&place, host, inflict, || {
        for name in &names {
            let reason = place.channel(name, "llm")["reason"].clone();
            golden.json(name, &[reason]);
        }
    });
    assert_eq!(golden.count, OF_A_SOCKET.len());
    insta::assert_snapshot!("channels", golden.text);
}

/// A declaration that is refused: what is wrong with it, and its text.
const DECLARATIONS: [(&str, &str); 21] = [
    ("no TOML", "name = \"a\nbootstrap = 1"),
    ("a key twice", "name = \"a\"\nname = \"b\"\nbootstrap = \"v\"\n[vats.v]\ncomponent = \"v.wasm\"\n"),
    ("a mistyped key", "name = \"a\"\nbootstrap = \"v\"\n[vats.v]\ncomponet = \"v.wasm\"\n"),
    ("a missing key", "name = \"a\"\nbootstrap = \"v\"\n[vats.v]\nstart = \"eager\"\n"),
    ("a number for a text", "name = 7\nbootstrap = \"v\"\n[vats.v]\ncomponent = \"v.wasm\"\n"),
    ("a word that is none", "name = \"a\"\nbootstrap = \"v\"\n[vats.v]\ncomponent = \"v.wasm\"\nstart = \"eagre\"\n"),
    ("a bad name", "name = \"A b\"\nbootstrap = \"v\"\n[vats.v]\ncomponent = \"v.wasm\"\n"),
    ("no vats", "name = \"a\"\nbootstrap = \"v\"\n[vats]\n"),
    ("an unknown bootstrap", "name = \"a\"\nbootstrap = \"w\"\n[vats.v]\ncomponent = \"v.wasm\"\n"),
    ("an unknown use", "name = \"a\"\nbootstrap = \"v\"\n[vats.v]\ncomponent = \"v.wasm\"\nuses = [\"io.llm\"]\n"),
    (
        "a use that is none",
        "name = \"a\"\nbootstrap = \"v\"\n[vats.v]\ncomponent = \"v.wasm\"\nuses = [\"everything\"]\n",
    ),
    ("itself", "name = \"a\"\nbootstrap = \"v\"\n[vats.v]\ncomponent = \"v.wasm\"\nuses = [\"vat.v\"]\n"),
    (
        "the same use twice",
        "name = \"a\"\nbootstrap = \"v\"\n[vats.v]\ncomponent = \"v.wasm\"\nuses = [\"service.timer\", \"service.timer\"]\n",
    ),
    (
        "an unknown service",
        "name = \"a\"\nbootstrap = \"v\"\n[vats.v]\ncomponent = \"v.wasm\"\nuses = [\"service.tmer\"]\n",
    ),
    (
        "a size without a unit",
        "name = \"a\"\nbootstrap = \"v\"\n[vats.v]\ncomponent = \"v.wasm\"\nlimits = { memory = \"64\" }\n",
    ),
    (
        "more than allowed",
        "name = \"a\"\nbootstrap = \"v\"\n[vats.v]\ncomponent = \"v.wasm\"\nlimits = { memory = \"900GiB\" }\n",
    ),
    ("a digest that is none", "name = \"a\"\nbootstrap = \"v\"\n[vats.v]\ncomponent = \"sha256:12\"\n"),
    ("a date", "name = \"a\"\nbootstrap = \"v\"\n[vats.v]\ncomponent = \"v.wasm\"\nparameters = { at = 2026-01-01 }\n"),
    (
        "a channel of no kind",
        "name = \"a\"\nbootstrap = \"v\"\n[vats.v]\ncomponent = \"v.wasm\"\n[io.c]\ntype = \"carrier-pigeon\"\npath = \"c\"\n\
         direction = \"inout\"\nframing = \"lines\"\n",
    ),
    (
        "a way out",
        "name = \"a\"\nbootstrap = \"v\"\n[vats.v]\ncomponent = \"v.wasm\"\n[io.c]\ntype = \"unix-listen\"\npath = \"../c\"\n\
         direction = \"inout\"\nframing = \"lines\"\n",
    ),
    ("a component that is not there", "name = \"a\"\nbootstrap = \"v\"\n[vats.v]\ncomponent = \"v.wasm\"\n"),
];

#[test]
fn suite22_what_can_be_wrong_with_a_declaration() {
    let place = Place::new();
    let _host = place.run(&[]);
    let mut golden = Golden::new(&place);
    for (name, text) in DECLARATIONS {
        fs::write(place.root().join("subcluster.toml"), text).expect("written");
        golden.refused(name, &["launch", "subcluster.toml"]);
    }
    golden.refused("no declaration", &["launch", "nowhere.toml"]);
    golden.refused("a directory", &["launch", "."]);
    assert_eq!(golden.count, DECLARATIONS.len() + 2);
    insta::assert_snapshot!("declarations", golden.text);
}

#[test]
fn suite22_what_can_be_wrong_with_a_bundle() {
    let place = Place::new();
    let sample = place.sample("counter");
    place.ocap(&["bundle", "pack", &sample.word(), "-o", "whole.ocap"]).expect(0);
    let whole = fs::read(place.root().join("whole.ocap")).expect("a bundle");
    let mut turned = whole.clone();
    turned[whole.len() - 2_000] ^= 1;
    let faults: [(&str, &[u8]); 5] = [
        ("no bundle", b"\x7fELF and so on"),
        ("empty", b""),
        ("half of it", &whole[..whole.len() / 1024 * 512]),
        ("more than it", &[whole.as_slice(), &[0; 512]].concat()),
        ("a bit turned", &turned),
    ];
    let mut golden = Golden::new(&place);
    for (name, bytes) in faults {
        fs::write(place.root().join("bad.ocap"), bytes).expect("written");
        golden.refused(name, &["bundle", "inspect", "bad.ocap"]);
    }
    insta::with_settings!({ filters => vec![(r"[0-9a-f]{64}", "[DIGEST]"), (r"\d{3,}", "[NUMBER]")] }, {
        insta::assert_snapshot!("bundles", golden.text);
    });
}

#[test]
fn suite22_what_can_be_wrong_with_the_configuration_and_the_store() {
    let place = Place::new();
    let host = place.run(&[]);
    assert_eq!(host.stop(&place), 0);
    let mut golden = Golden::new(&place);
    for (name, text) in [
        ("no TOML", "[memory"),
        ("a mistyped key", "[memroy]\nawake_vats = 10\n"),
        ("too small", "[memory]\nawake_vats = 0\n"),
        ("a word for a number", "[memory]\nawake_vats = \"many\"\n"),
    ] {
        fs::write(place.home("host.toml"), text).expect("written");
        golden.refused(&format!("host.toml, {name}"), &["run"]);
    }
    fs::remove_file(place.home("host.toml")).expect("it was there");
    let whole = fs::read(place.home("store")).expect("a store");
    replace_store(&place, &[0x5a; 8192]);
    golden.refused("no store", &["run"]);
    replace_store(&place, &whole);
    let store = rusqlite::Connection::open(place.home("store")).expect("the store");
    let later = "PRAGMA user_version = 999; UPDATE meta SET min_reader = 999, min_writer = 999;";
    store.execute_batch(later).expect("a version to come");
    drop(store);
    golden.refused("of a later version", &["run"]);
    assert_eq!(golden.count, 6);
    insta::with_settings!({ filters => vec![(r"process \d+", "process [PID]"), (r"version \d+;|knows version \d+", "[VERSION]")] }, {
        insta::assert_snapshot!("configuration_and_store", golden.text);
    });
}

fn replace_store(place: &Place, bytes: &[u8]) {
    for beside in ["store-wal", "store-shm"] {
        // What is not there need not be removed.
        let _ = fs::remove_file(place.home(beside));
    }
    fs::write(place.home("store"), bytes).expect("written");
}

#[test]
fn suite22_commands_that_make_no_sense_or_find_nobody() {
    let place = Place::new();
    let mut golden = Golden::new(&place);
    golden.refused("no home", &["status"]);
    let host = place.run(&[&place.sample("counter").file()]);
    golden.refused("no such vat", &["call", "conter", "get"]);
    golden.refused("no such grant", &["revoke", "counter/counter", "io.llm"]);
    golden.refused("no such dead letter", &["dead-letters", "show", "m9"]);
    golden.refused("not in quarantine", &["quarantine", "retry", "counter/counter"]);
    golden.refused("an error of the vat", &["call", "counter", "nothing"]);
    golden.refused("not confirmed", &["terminate", "counter"]);
    golden.refused("no such code", &["explain", "ocap::component::mising"]);
    assert_eq!(host.stop(&place), 0);
    golden.refused("no host", &["status"]);
    insta::with_settings!({ filters => vec![(r"process \d+", "process [PID]"), (r"ko\d+", "[OBJECT]")] }, {
        insta::assert_snapshot!("commands", golden.text);
    });
    eventually("the home is free", || (!Path::new(&place.home("control.sock")).exists()).then_some(()));
}
