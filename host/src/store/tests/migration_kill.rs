//! A process that dies anywhere in a migration, really: before each statement, and at each write (promise E11 of the study of reliability).

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::Command;

use rusqlite::Connection;
use rusqlite::trace::{TraceEvent, TraceEventCodes};
use rusqlite::types::Value;
use rustix::process::{Resource, Rlimit, Signal, setrlimit};

use super::Home;
use super::migration::home_of_version_1;
use crate::store::version::{self, STEPS};
use crate::store::{Store, settings};

/// Where the child finds its store, and where it is to die: before the statement of this number, or at the first write behind these bytes.
const STORE: &str = "OCAP_STORE_OF_THE_MIGRATION_TEST";
const STATEMENT: &str = "OCAP_DIES_BEFORE_STATEMENT";
const BYTES: &str = "OCAP_DIES_BEHIND_BYTES";

#[test]
#[ignore = "the child of `a_migration_whose_process_dies_anywhere_leaves_one_version_or_the_next_and_never_a_third_state`"]
fn a_child_migrates_its_store_and_dies_on_the_way() {
    let path = std::env::var_os(STORE).expect("started by the test");
    let number = |name: &str| std::env::var(name).ok().map(|number| number.parse::<u64>().expect("a number"));
    let mut connection = settings::connect(path.as_ref()).expect("the file opens");
    let found = version::identify(&connection, STEPS.len() as i64, path.as_ref()).expect("a store");
    if found == 0 {
        settings::shape_empty_file(&connection).expect("known settings");
    }
    settings::harden(&connection).expect("known settings");
    settings::make_durable(&connection, path.as_ref()).expect("known settings");
    if let Some(mut left) = number(STATEMENT) {
        let count = move |event: TraceEvent<'_>| {
            left -= u64::from(matches!(event, TraceEvent::Stmt(..)));
            if left == 0 {
                std::process::abort();
            }
        };
        connection.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(count)).expect("it can be traced");
    }
    if let Some(bytes) = number(BYTES) {
        // The signal of a file that grows too large ends the process.
        setrlimit(Resource::Fsize, Rlimit { current: Some(bytes), maximum: Some(bytes) }).expect("it is less");
    }
    version::migrate(&mut connection, found, &STEPS).expect("the steps are good");
    // As a crash would leave it: the next one finds all of it in the log.
    std::process::exit(0);
}

/// How a child ended that was to die there.
enum End {
    Died(i32),
    Finished,
}

fn child(home: &Home, place: &str, number: u64) -> End {
    let status = Command::new(std::env::current_exe().expect("a test knows its program"))
        .args(["--exact", "--ignored", "--test-threads=1", "--quiet"])
        .arg("store::tests::migration_kill::a_child_migrates_its_store_and_dies_on_the_way")
        .env(STORE, home.path())
        .env(place, number.to_string())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .expect("the child starts");
    match status.signal() {
        Some(signal) => End::Died(signal),
        None => {
            assert!(status.success(), "{place} {number}: {status}");
            End::Finished
        }
    }
}

/// Everything in a store: its schema and its rows, but for what is drawn by chance and who had it open last.
fn everything(connection: &Connection) -> Vec<Vec<Value>> {
    let rows = |sql: &str| {
        let mut statement = connection.prepare(sql).expect("a table");
        let width = statement.column_count();
        let row = |row: &rusqlite::Row<'_>| (0..width).map(|column| row.get(column)).collect();
        let rows: Result<Vec<Vec<Value>>, _> = statement.query_map((), row).expect("rows").collect();
        rows.expect("rows")
    };
    let mut found =
        rows("SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY name");
    let tables = rows("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name");
    for table in tables {
        let [Value::Text(table)] = table.as_slice() else { panic!("{table:?}") };
        let columns = match table.as_str() {
            "meta" => "id, min_reader, min_writer",
            _ => "*",
        };
        let all = format!("SELECT {columns} FROM \"{table}\"");
        let width = connection.prepare(&all).expect("a table").column_count();
        found.extend(rows(&format!("{all} ORDER BY {}", if width > 1 { "1, 2" } else { "1" })));
    }
    found
}

/// What a store of each version from its own on holds, when it is migrated without a death.
fn versions(home: &Home) -> Vec<(i64, Vec<Vec<Value>>)> {
    let copy = copy_of(home);
    let mut connection = Connection::open(copy.path()).expect("the file opens");
    let from = version::identify(&connection, STEPS.len() as i64, &copy.path()).expect("a store");
    let mut versions = vec![(from, everything(&connection))];
    for to in from + 1..=STEPS.len() as i64 {
        version::migrate(&mut connection, to - 1, &STEPS[..to as usize]).expect("the steps are good");
        versions.push((to, everything(&connection)));
    }
    versions
}

fn copy_of(home: &Home) -> Home {
    let copy = Home::new();
    fs::copy(home.path(), copy.path()).expect("copied");
    copy
}

/// After a death: one version, whole, and the next start makes it the last one.
fn check(home: &Home, versions: &[(i64, Vec<Vec<Value>>)], place: &str) -> i64 {
    let connection = settings::connect(&home.path()).expect("the file opens");
    let found = version::identify(&connection, STEPS.len() as i64, &home.path()).expect("a store");
    let (_, whole) = versions.iter().find(|(version, _)| *version == found).expect("a version on the way");
    assert!(everything(&connection) == *whole, "{place}: version {found} is not whole");
    drop(connection);
    let (store, _) = Store::open(&home.path()).expect("the next start goes on");
    store.close().expect("the store closes");
    let connection = Connection::open(home.path()).expect("the file opens");
    let done = version::identify(&connection, STEPS.len() as i64, &home.path()).expect("a store");
    assert_eq!(done, STEPS.len() as i64, "{place}");
    assert!(everything(&connection) == versions.last().expect("one at least").1, "{place}: another end");
    found
}

#[test]
fn a_migration_whose_process_dies_anywhere_leaves_one_version_or_the_next_and_never_a_third_state() {
    let empty = Home::new();
    fs::write(empty.path(), b"").expect("the home is writable");
    for (home, name) in [(empty, "a new store"), (home_of_version_1(), "a store of version 1")] {
        let versions = versions(&home);
        let mut reached = std::collections::BTreeSet::new();
        let mut deaths = 0;
        for (place, step, signal) in [(STATEMENT, 1, Signal::ABORT), (BYTES, 4096, Signal::XFSZ)] {
            for number in (1..).map(|nth| nth * step) {
                let copy = copy_of(&home);
                let at = format!("{name}, {place} {number}");
                match child(&copy, place, number) {
                    End::Finished => break,
                    End::Died(died) => assert_eq!(died, signal.as_raw(), "{at}"),
                }
                deaths += 1;
                reached.insert(check(&copy, &versions, &at));
            }
        }
        eprintln!("{name}: {deaths} deaths, which left versions {reached:?}");
        let last = STEPS.len() as i64;
        let all: Vec<i64> = versions.iter().map(|(version, _)| *version).filter(|version| *version < last).collect();
        assert!(all.iter().all(|version| reached.contains(version)), "{reached:?}");
        assert!(deaths > 40, "{name}: {deaths}");
    }
}
