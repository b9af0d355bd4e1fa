//! What no vat needs leaves the disk when it is asked for, and nothing else does.

use std::collections::BTreeSet;
use std::fs;
use std::thread::sleep;
use std::time::Duration;

use ocap_tests::{Host, Place, sample_component};
use serde_json::{Value, json};

/// An echo, and a counter at 5 that was upgraded once.
fn upgraded_counter(place: &Place) -> Host {
    let counter = place.sample("counter");
    let host = place.run(&[&counter.file(), &place.sample("echo").file()]);
    assert_eq!(place.call("counter", "increment", &["5"]), 5);
    fs::copy(sample_component("counter_next"), counter.component("counter")).expect("a component was built");
    place.ocap(&["upgrade", "counter/counter"]).expect(0);
    host
}

fn names(pruned: &Value, kind: &str) -> BTreeSet<String> {
    let list = pruned[kind].as_array().expect("a list");
    let name = |one: &Value| one["name"].as_str().expect("a name").trim_start_matches("sha256:").to_owned();
    list.iter().map(name).collect()
}

fn set(names: &[String]) -> BTreeSet<String> {
    names.iter().cloned().collect()
}

#[test]
fn what_a_vat_runs_or_could_be_rolled_back_to_is_never_pruned() {
    let place = Place::new();
    let host = upgraded_counter(&place);
    let (blobs, cache) = (place.listing("blobs"), place.listing("cache"));
    assert_eq!((blobs.len(), cache.len()), (3, 3));
    let pruned = place.ocap(&["prune", "--yes"]).expect(0).json();
    assert_eq!((&pruned["components"], &pruned["compiled"]), (&json!([]), &json!([])));
    assert_eq!((place.listing("blobs"), place.listing("cache")), (blobs.clone(), cache.clone()));
    assert_eq!(host.stop(&place), 0);
    let pruned = place.ocap(&["prune"]).expect(0).json();
    assert_eq!((&pruned["components"], &pruned["bytes"]), (&json!([]), &json!(0)), "nobody is asked about nothing");
    assert_eq!((place.listing("blobs"), place.listing("cache")), (blobs, cache));
    let _host = place.run(&[]);
    place.ocap(&["upgrade", "counter/counter", "--rollback"]).expect(0);
    assert_eq!(place.call("counter", "increment", &["1"]), 6);
}

#[test]
fn prune_is_previewed_and_removes_exactly_what_it_said() {
    for runs in [true, false] {
        let place = Place::new();
        let host = upgraded_counter(&place);
        place.ocap(&["terminate", "counter", "--yes"]).expect(0);
        for stranger in ["blobs/notes.txt", "cache/notes.txt"] {
            fs::write(place.home(stranger), "not the host's").expect("written");
        }
        let host = match runs {
            true => Some(host),
            false => {
                assert_eq!(host.stop(&place), 0);
                None
            }
        };
        let (blobs, cache) = (place.listing("blobs"), place.listing("cache"));
        let planned = place.ocap(&["prune", "--dry-run"]).expect(0).json();
        assert_eq!((&planned["$type"], &planned["outcome"]), (&json!("pruned"), &json!("planned")));
        assert_eq!((names(&planned, "components").len(), names(&planned, "compiled").len()), (2, 2));
        place.ocap(&["prune"]).expect(2).problem("ocap::usage::unconfirmed");
        assert_eq!((place.listing("blobs"), place.listing("cache")), (blobs.clone(), cache.clone()));

        let pruned = place.ocap(&["prune", "--yes"]).expect(0).json();
        assert_eq!(pruned["outcome"], "pruned");
        let gone = |before: &[String], kind: &str| set(before).difference(&names(&pruned, kind)).cloned().collect();
        let left: [BTreeSet<String>; 2] = [gone(&blobs, "components"), gone(&cache, "compiled")];
        assert_eq!([set(&place.listing("blobs")), set(&place.listing("cache"))], left);
        assert!(left.iter().all(|names| names.contains("notes.txt")));
        if let Some(host) = host {
            host.kill9();
        }
        let _host = place.run(&[]);
        assert_eq!(place.call("echo", "echo", &["1"]), 1);
    }
}

#[test]
fn a_component_that_only_an_app_names_by_its_digest_stays() {
    let place = Place::new();
    let host = upgraded_counter(&place);
    let digest = place.vat("counter", "counter")["component"]["sha256"].clone();
    let app = format!("name = \"later\"\nbootstrap = \"v\"\n[vats.v]\ncomponent = {digest}\n");
    fs::write(place.home("apps/later.toml"), app).expect("written");
    place.ocap(&["terminate", "counter", "--yes"]).expect(0);
    let pruned = place.ocap(&["prune", "--yes"]).expect(0).json();
    assert_eq!(names(&pruned, "components").len(), 1, "the one before the upgrade");
    let app = place.home("apps/later.toml");
    place.ocap(&["launch", app.to_str().expect("UTF-8")]).expect(0);
    assert_eq!(place.call("later", "get", &[]), 0);
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn a_kill_in_the_middle_of_a_prune_costs_no_vat_its_code() {
    let place = Place::new();
    let mut host = upgraded_counter(&place);
    for round in 0..5 {
        let pong = place.sample_as("pingpong", &format!("pong{round}"));
        place.ocap(&["launch", &pong.word()]).expect(0);
        place.ocap(&["terminate", &format!("pong{round}"), "--yes"]).expect(0);
        let pruning = place.begin(&["prune", "--yes"]);
        // Later in each round; in the last ones it is over by then.
        sleep(Duration::from_millis(1 << round));
        host.kill9();
        drop(pruning.done());
        host = place.run(&[]);
        assert_eq!(host.ready()["quarantined"], 0, "round {round}");
        assert_eq!(place.call("counter", "get", &[]), 5);
    }
    place.ocap(&["prune", "--yes"]).expect(0);
    assert_eq!(place.listing("blobs").len(), 3);
    assert_eq!(host.stop(&place), 0);
}

#[test]
fn nothing_is_pruned_where_it_is_not_known_what_is_needed() {
    let place = Place::new();
    let host = upgraded_counter(&place);
    assert_eq!(host.stop(&place), 0);
    let store = fs::read(place.home("store")).expect("a store");
    fs::remove_file(place.home("store")).expect("removed");
    place.ocap(&["prune", "--yes"]).expect(1).problem("ocap::store::gone");
    fs::remove_file(place.home("witness")).expect("removed");
    place.ocap(&["prune", "--yes"]).expect(1).problem("ocap::prune::not_known");
    fs::write(place.home("store"), &store[..store.len() / 2]).expect("written");
    assert_eq!(place.ocap(&["prune", "--yes"]).status, 1);
    assert_eq!(place.listing("blobs").len(), 3);
}
