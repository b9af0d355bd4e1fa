//! State that is loaded entry by entry: maps, sets, logs, and very many objects.

use ocap_tests::{Host, Place, eventually};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};

fn names(page: &Value) -> Vec<&str> {
    page.as_array().expect("a list").iter().map(|line| line["name"].as_str().expect("a name")).collect()
}

#[test]
fn ex1_what_is_made_at_the_first_start_is_there_and_is_made_once() {
    let place = Place::new();
    let host = place.run(&[&place.sample("registry").file()]);
    assert_eq!(place.call("registry", "find", &["services"]), json!(["registry"]));
    let itself = place.call("registry", "service", &["registry"]);
    let reference = itself["$cap"].as_str().expect("a reference").to_owned();
    assert_eq!(place.call(&reference, "len", &[]), 1);
    host.kill9();
    let _host = place.run(&[]);
    assert_eq!(place.call("registry", "history", &["10"]), json!(["registry"]));
    assert_eq!(place.call("registry", "service", &["registry"]), itself);
}

#[test]
fn ex2_maps_sets_and_logs_keep_order_and_capabilities() {
    let place = Place::new();
    let host = place.run(&[&place.sample("registry").file(), &place.sample("courier").file()]);
    let letter = place.call("courier", "write", &["hello"]);
    for (name, description) in [("lamp", "lights the room"), ("bell", "rings in the room"), ("abacus", "Counts")] {
        place.call("registry", "register", &[name, description, &letter.to_string()]);
    }
    place.call("registry", "register", &["bell", "tolls", "null"]);
    host.kill9();

    let _host = place.run(&[]);
    assert_eq!(place.call("registry", "len", &[]), 4);
    assert_eq!(names(&place.call("registry", "list", &["null", "3"])), ["abacus", "bell", "lamp"]);
    assert_eq!(names(&place.call("registry", "list", &["lamp", "3"])), ["registry"]);
    assert_eq!(place.call("registry", "find", &["ROOM"]), json!(["lamp"]));
    assert_eq!(place.call("registry", "find", &["counts"]), json!(["abacus"]));
    assert_eq!(place.call("registry", "history", &["2"]), json!(["abacus", "bell"]));

    // What an entry holds lives as long as the entry.
    let service = place.call("registry", "service", &["lamp"]);
    assert_eq!(service, letter);
    assert_eq!(place.call(service["$cap"].as_str().expect("a reference"), "read", &[]), "hello");
    let refused = place.ocap(&["call", "registry", "service", "bell"]).expect(1).json();
    assert_eq!(refused["error"]["$error"]["name"], "no-service");

    assert_eq!(place.call("registry", "favour", &[&letter.to_string()]), true);
    assert_eq!(place.call("registry", "favourites", &[]), json!([letter]));
    assert_eq!(place.call("registry", "favour", &[&letter.to_string()]), false);
    assert_eq!(place.call("registry", "favourites", &[]), json!([]));

    assert_eq!(place.call("registry", "forget", &["lamp"]), true);
    assert_eq!(place.call("registry", "forget", &["lamp"]), false);
    place.call("registry", "clear", &[]);
    assert_eq!(place.call("registry", "list", &["null", "3"]), json!([]));
    assert_eq!((place.call("registry", "len", &[]), place.call("registry", "find", &["room"])), (json!(0), json!([])));
    place.call("registry", "register", &["lamp", "lights the room", "null"]);
    assert_eq!(names(&place.call("registry", "list", &["null", "3"])), ["lamp"]);
}

#[test]
fn ex3_objects_are_made_by_messages_and_used_by_messages() {
    let place = Place::new();
    let host = place.run(&[&place.sample("notes").file()]);
    let write = |text: &str| place.call("notes", "write", &[text])["$cap"].as_str().expect("a reference").to_owned();
    let [shopping, garden] = ["shopping", "garden"].map(write);
    place.call(&shopping, "append", &["bread"]);
    place.call(&garden, "append", &["roses"]);
    place.call(&shopping, "append", &["milk"]);
    host.kill9();
    let _host = place.run(&[]);
    assert_eq!(place.call(&shopping, "text", &[]), "shopping\nbread\nmilk");
    assert_eq!(place.call(&garden, "text", &[]), "garden\nroses");
    assert_eq!(place.call("notes", "all", &[]).as_array().map(Vec::len), Some(2));
}

/// A hive with so many bees, made over one connection.
fn hive(place: &Place, bees: u64) -> Host {
    const AT_ONCE: u64 = 2_000;
    let host = place.run(&[&place.sample("hive").file()]);
    let mut wire = place.wire();
    for begun in 0..bees / AT_ONCE {
        let hatched = wire.call("hive", "hatch", &[json!(AT_ONCE)]).expect("an answer");
        assert_eq!(hatched["value"], json!((begun + 1) * AT_ONCE), "{hatched}");
    }
    host
}

#[test]
fn a_hundred_thousand_durable_objects_are_kept_and_only_those_in_use_are_loaded() {
    const BEES: u64 = 100_000;
    let place = Place::new();
    let host = hive(&place, BEES);
    host.kill9();
    let _host = place.run(&[]);
    for number in [0, 1, BEES / 2, BEES - 1] {
        let bee = place.call("hive", "bee", &[&number.to_string()]);
        let bee = bee["$cap"].as_str().unwrap_or_else(|| panic!("no bee {number}: {bee}"));
        assert_eq!(place.call(bee, "number", &[]), number);
        assert_eq!(place.call(bee, "fly", &[]), 1);
        assert_eq!(place.call(bee, "fly", &[]), 2);
    }
    assert_eq!(place.call("hive", "bee", &[&BEES.to_string()]), Value::Null);
    // All of them at once would not fit into the memory that a vat may have.
    assert_eq!(place.call("hive", "hatch", &["1"]), BEES + 1);
}

#[test]
fn a_store_that_is_larger_than_what_the_host_keeps_of_it_is_read_by_need_and_loses_nothing() {
    // 24 MB, of which the host keeps 8 MiB.
    const CELLS: u64 = 120;
    const LETTERS: u64 = 200_000;
    let place = Place::new();
    let host = hive(&place, 2_000);
    let bee = place.call("hive", "bee", &["7"])["$cap"].as_str().expect("a reference").to_owned();
    let mut wire = place.wire();
    for cell in 0..CELLS {
        let stuffed = wire.call(&bee, "stuff", &[json!(cell), json!(LETTERS + cell)]).expect("an answer");
        assert_eq!(stuffed["value"], json!(cell + 1), "{stuffed}");
    }
    let all = (0..CELLS).map(|cell| LETTERS + cell).sum::<u64>();
    let is_whole = |place: &Place| {
        for cell in [CELLS - 1, 0, CELLS / 2, 1, CELLS - 2] {
            assert_eq!(place.call(&bee, "letters", &[&cell.to_string()]), LETTERS + cell);
        }
        assert_eq!(place.call(&bee, "letters", &[&CELLS.to_string()]), Value::Null);
        assert_eq!(place.call(&bee, "weigh", &[]), all);
    };
    is_whole(&place);
    let size = |place: &Place| {
        let shown = place.ocap(&["inspect", "hive"]).expect(0).json();
        shown["usage"]["store_bytes"].as_u64().expect("a number")
    };
    let before = size(&place);
    assert!(before > all, "{before}");
    host.kill9();
    let host = place.run(&[]);
    is_whole(&place);
    assert_eq!(size(&place), before, "what is not in memory counts as well");
    // One is replaced that was not in memory.
    assert_eq!(place.call(&bee, "stuff", &["3", "1"]), CELLS);
    let after = size(&place);
    assert!((before - LETTERS - 20..before - LETTERS).contains(&after), "{before}, {after}");
    host.kill9();
    let _host = place.run(&[]);
    assert_eq!(place.call(&bee, "weigh", &[]), all - LETTERS - 2);
}

/// How many entries the store of the only vat has, on a host that does not run.
fn entries(place: &Place) -> i64 {
    let store = Connection::open_with_flags(place.home("store"), OpenFlags::SQLITE_OPEN_READ_ONLY).expect("a store");
    store.query_row("SELECT count(*) FROM vat_store", [], |row| row.get(0)).expect("a count")
}

#[test]
fn a_large_collection_goes_with_its_object_also_when_the_host_is_killed_meanwhile() {
    let place = Place::new();
    let host = hive(&place, 2_000);
    assert_eq!(host.stop(&place), 0);
    let before = entries(&place);
    let host = place.run(&[]);
    let bee = place.call("hive", "bee", &["7"])["$cap"].as_str().expect("a reference").to_owned();
    assert_eq!(place.call(&bee, "fill", &["5000"]), 5_000);
    place.call("hive", "let_go", &["7"]);
    // The host itself remembers for a while what it has shown; that ends with it.
    host.kill9();

    let mut running = Some(place.run(&[]));
    eventually("nothing is left of it", || {
        let host = running.take().unwrap_or_else(|| place.run(&[]));
        place.call("hive", "bee", &["8"]);
        assert_eq!(host.stop(&place), 0);
        // Less than before by the object, and its entry in the map.
        (entries(&place) == before - 2).then_some(())
    });
}
