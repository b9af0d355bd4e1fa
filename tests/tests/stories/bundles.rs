//! Bundles: a subcluster as one file, or nothing at all.

use std::fs;
use std::path::PathBuf;

use ocap_tests::{Place, Sample};
use serde_json::json;

/// A packed matcher; the bundle's path.
fn packed(place: &Place) -> (Sample, PathBuf) {
    let matcher = place.sample("matcher");
    let bundle = place.root().join("matcher.ocap");
    place.ocap(&["bundle", "pack", &matcher.word(), "-o", "matcher.ocap"]).expect(0);
    (matcher, bundle)
}

#[test]
fn a_bundle_is_packed_reproducibly() {
    let place = Place::new();
    let (matcher, bundle) = packed(&place);
    let first = fs::read(&bundle).expect("a bundle");
    // Other times, another directory, another order of files in it: the same bytes.
    let moved = place.root().join("moved");
    fs::create_dir(&moved).expect("made");
    for name in ["index.wasm", "subcluster.toml", "matcher.wasm"] {
        let from = matcher.file().with_file_name(name);
        fs::copy(from, moved.join(name)).expect("copied");
    }
    let other = moved.join("subcluster.toml");
    place.ocap(&["bundle", "pack", other.to_str().expect("UTF-8"), "-o", "other.ocap"]).expect(0);
    assert!(fs::read(place.root().join("other.ocap")).expect("a bundle") == first, "the bytes differ");
}

#[test]
fn inspect_lists_what_was_packed() {
    let place = Place::new();
    let (matcher, bundle) = packed(&place);
    let listing = place.ocap(&["bundle", "inspect", "matcher.ocap"]).expect(0).json();
    assert_eq!((&listing["$type"], &listing["name"]), (&json!("bundle"), &json!("matcher")));
    assert_eq!(listing["size"], fs::metadata(bundle).expect("a bundle").len());
    let listed = listing["components"].as_array().expect("components");
    let names: Vec<_> = listed.iter().map(|component| component["path"].as_str().expect("a path")).collect();
    assert_eq!(names, ["index.wasm", "matcher.wasm"]);
    assert_eq!(listed[0]["size"], fs::metadata(matcher.component("index")).expect("a component").len());
    assert!(!place.home("").exists(), "nothing was made for it");
    let text = place.ocap(&["bundle", "inspect", "matcher.ocap", "--format", "text"]).expect(0).stdout;
    assert!(text.contains("index.wasm") && text.contains("sha256:"), "{text}");
}

#[test]
fn a_bundle_runs_when_its_sources_are_gone_and_later_without_the_bundle() {
    for verb in ["run", "launch"] {
        let place = Place::new();
        let (matcher, bundle) = packed(&place);
        matcher.remove();
        let host = match verb {
            "run" => place.run(&[&bundle]),
            _ => {
                let host = place.run(&[]);
                place.ocap(&["launch", "matcher.ocap"]).expect(0);
                host
            }
        };
        let lamp = json!({ "id": 1, "register": { "name": "lamp", "description": "lights the room" } });
        assert_eq!(place.client("run/llm.sock").ask(&lamp), json!({ "id": 1, "ok": true }));
        host.kill9();
        fs::remove_file(&bundle).expect("removed");
        let _host = place.run(&[]);
        let found = place.client("run/llm.sock").ask(&json!({ "id": 2, "find": "room" }));
        assert_eq!(found, json!({ "id": 2, "found": ["lamp"] }));
        let status = place.ocap(&["status"]).expect(0).json();
        assert_eq!(status["problems"][0]["code"], "ocap::component::source_gone");
    }
}

#[test]
fn a_bundle_that_is_known_goes_on() {
    let place = Place::new();
    let (_, bundle) = packed(&place);
    let host = place.run(&[&bundle]);
    assert_eq!(place.ocap(&["launch", "matcher.ocap"]).expect(0).json()["origin"], "known");
    assert_eq!(host.stop(&place), 0);
    assert_eq!(place.run(&[&bundle]).ready()["vats"], 2);
}

#[test]
fn a_truncated_or_altered_bundle_is_refused_and_leaves_nothing_behind() {
    let place = Place::new();
    let (_, bundle) = packed(&place);
    let whole = fs::read(&bundle).expect("a bundle");
    let host = place.run(&[&place.sample("echo").file()]);
    let traces = || {
        let directories = ["", "blobs", "channels", "cache"].map(|directory| place.listing(directory));
        (place.status()["subclusters"].clone(), directories)
    };
    let before = traces();
    let altered = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let refused = [
        whole[..whole.len() / 2].to_vec(),
        whole[..whole.len() - 1024].to_vec(),
        whole[..100].to_vec(),
        altered(whole.len() / 2),
        altered(whole.len() / 3),
        altered(600),
        [whole.as_slice(), b"more"].concat(),
        Vec::new(),
    ];
    for (n, bytes) in refused.into_iter().enumerate() {
        let name = format!("bad{n}.ocap");
        let size = bytes.len();
        fs::write(place.root().join(&name), bytes).expect("written");
        for command in [&["launch", &name][..], &["bundle", "inspect", &name]] {
            let problems = place.ocap(command).expect(1).problems();
            let code = problems[0]["code"].as_str().expect("a code");
            // What has no content is no bundle either, but might have become a declaration.
            assert!(code.starts_with("ocap::bundle::") || size == 0, "{name}: {code}");
            assert!(problems[0].to_string().contains(&name), "{}", problems[0]);
        }
        assert_eq!(traces(), before, "{name}");
    }
    place.ocap(&["launch", "matcher.ocap"]).expect(0);
    assert_eq!(host.stop(&place), 0);
}
