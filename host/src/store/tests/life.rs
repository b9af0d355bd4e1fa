//! Opening, closing, refusing: the store's own life.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::mpsc;
use std::{fs, thread};

use ocap_kernel::{
    Change, Commit, Item, Kref, MessageId, ObjectId, Payload, Progress, PromiseId, Queue, Queued, Slot, State, VatId,
};
use rusqlite::Connection;

use super::{Home, abandon, vat_store, write};
use crate::store::witness::Witness;
use crate::store::writer::{Request, Writer};
use crate::store::{Store, StoreError, settings, version};

fn kept(number: u64, bytes: usize) -> Commit {
    let key = (VatId(1), number.to_be_bytes().to_vec());
    Commit { store: vec![Change { key, value: Some(Payload::plain(vec![number as u8; bytes])) }], ..Commit::default() }
}

#[test]
fn a_new_store_is_empty_and_for_its_owner_only() {
    let home = Home::new();
    let (store, state) = home.open();
    assert_eq!(state, State::default());
    assert_eq!(write(&store, kept(1, 10)), Ok(()));
    let names: Vec<_> = fs::read_dir(home.0.path()).expect("the home is there").flatten().collect();
    assert_eq!(names.len(), 3, "a database, its log and its witness, no shared memory");
    for file in names {
        assert_eq!(file.metadata().expect("it is there").permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

#[test]
fn a_start_that_died_before_the_first_table_is_done_again() {
    let home = Home::new();
    fs::write(home.path(), b"").expect("the home is writable");
    let connection = settings::connect(&home.path()).expect("the file opens");
    settings::shape_empty_file(&connection).expect("known settings");
    settings::make_durable(&connection, &home.path()).expect("known settings");
    drop(connection);
    assert!(fs::metadata(home.path()).expect("it is there").len() > 0);
    assert_eq!(home.open().1, State::default());
}

#[test]
fn a_closed_store_is_one_file_that_says_whose_it_is() {
    let home = Home::new();
    let (store, _) = home.open();
    for number in 0..100 {
        store.write(kept(number, 3_000), |result| assert_eq!(result, Ok(())));
    }
    store.close().expect("the store closes");
    let left = fs::read_dir(home.0.path()).expect("the home is there").flatten();
    let left: BTreeSet<_> = left.map(|entry| entry.file_name()).collect();
    assert_eq!(left, ["store.sqlite", "witness"].map(OsString::from).into());
    let connection = Connection::open(home.path()).expect("the file opens");
    let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).expect("a known pragma");
    assert_eq!(pragma("application_id"), 0x6f63_6170);
    assert_eq!(pragma("user_version"), 5);
    assert_eq!(pragma("auto_vacuum"), 2);
    let meta = "SELECT stop || ' ' || written_by FROM meta";
    let meta: String = connection.query_row(meta, (), |row| row.get(0)).expect("one row");
    assert_eq!(meta, format!("clean {}", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_second_opener_is_refused_whoever_it_is() {
    let home = Home::new();
    let (store, _) = home.open();
    assert_eq!(home.refusal(), StoreError::Busy { path: home.path() });
    let outsider = Connection::open(home.path()).expect("opening alone touches nothing");
    outsider.busy_timeout(std::time::Duration::ZERO).expect("a known setting");
    assert!(outsider.query_row("SELECT count(*) FROM vats", (), |row| row.get::<_, i64>(0)).is_err());
    drop(outsider);
    assert_eq!(write(&store, kept(1, 10)), Ok(()));
    store.close().expect("the store closes");
    home.open().0.close().expect("the store closes");
}

#[test]
fn a_home_that_is_missing_is_an_error_of_the_disk() {
    let refusal = Store::open(Path::new("/nowhere/at/all/store.sqlite")).expect_err("no such directory");
    assert!(matches!(refusal, StoreError::Io { .. }));
}

#[test]
fn the_log_is_moved_before_it_is_long() {
    let home = Home::new();
    let (store, _) = home.open();
    for number in 0..40 {
        assert_eq!(write(&store, kept(number, 1 << 20)), Ok(()));
    }
    let log = log_bytes(&home);
    assert!(log < 12 << 20, "the log has {log} bytes after 40 MiB of commits");
}

#[test]
fn a_store_that_is_dropped_leaves_its_log_to_the_next_start() {
    let home = Home::new();
    let (store, _) = home.open();
    assert_eq!(write(&store, kept(1, 100_000)), Ok(()));
    abandon(store);
    assert!(log_bytes(&home) > 100_000);
    let (store, _) = home.open();
    assert_eq!(log_bytes(&home), 0, "the start has moved it");
    assert_eq!(vat_store(&store.reader(), VatId(1)).expect("good rows").len(), 1);
}

fn log_bytes(home: &Home) -> u64 {
    fs::metadata(home.path().with_extension("sqlite-wal")).expect("the log is there").len()
}

#[test]
fn a_full_disk_is_named_and_nothing_is_taken_after_it() {
    let home = Home::new();
    home.open().0.close().expect("the store closes");
    let connection = settings::connect(&home.path()).expect("the file opens");
    settings::harden(&connection).expect("the settings are known");
    settings::make_durable(&connection, &home.path()).expect("the settings are known");
    connection.pragma_update(None, "max_page_count", 60).expect("a known pragma");
    let (sender, requests) = mpsc::channel();
    let path = home.path();
    let witness = Witness::begin(&connection, &path).expect("the home is writable");
    let thread = thread::spawn(move || Writer::new(connection, path, witness, false).run(&requests));
    let (report, results) = mpsc::channel();
    for number in 0..20 {
        let report = report.clone();
        let done = Box::new(move |result| report.send((number, result)).expect("the test waits"));
        let commit = Box::new(kept(number, 20_000));
        sender.send(Request::Write { commit, done }).expect("the writer is there");
    }
    drop((sender, report));
    let results: Vec<_> = results.iter().collect();
    thread.join().expect("the writer ends by itself");
    let written = results.iter().take_while(|(_, result)| result.is_ok()).count();
    assert!(written > 0);
    assert_eq!(results[written].1, Err(StoreError::Full { path: home.path() }));
    assert!(results[written + 1..].iter().all(|(_, result)| *result == Err(StoreError::Failed)));
    assert_eq!(results.len(), 20);

    let (store, _) = home.open();
    assert_eq!(vat_store(&store.reader(), VatId(1)).expect("good rows").len(), written);
}

#[test]
fn a_notice_that_ends_with_its_incarnation_is_refused() {
    let home = Home::new();
    let (store, _) = home.open();
    let item = Item::Settled { token: 4, promise: Kref::Promise(PromiseId(9)), by: None };
    let queued = Queued { queue: Queue::Inbox(VatId(1)), item };
    let hold = Change { key: ObjectId(1), value: Some(Kref::Object(ObjectId(2))) };
    let queue = vec![Change { key: MessageId(1), value: Some(queued) }];
    let refused = write(&store, Commit { holds: vec![hold], queue, ..Commit::default() });
    assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
    assert_eq!(vat_store(&store.reader(), VatId(1)), Err(StoreError::Failed));
    assert_eq!(store.close(), Err(StoreError::Failed));
    assert_eq!(home.open().1, State::default());
}

#[test]
fn a_number_that_would_be_out_of_order_is_refused() {
    let home = Home::new();
    let (store, _) = home.open();
    let progress = Change { key: VatId(1), value: Some(Progress { incarnation: 1, next_slot: Slot(1 << 63) }) };
    let refused = write(&store, Commit { progress: vec![progress], ..Commit::default() });
    assert!(matches!(refused, Err(StoreError::Refused { .. })), "{refused:?}");
}

#[test]
fn a_closed_store_answers_its_readers() {
    let home = Home::new();
    let (store, _) = home.open();
    let reader = store.reader();
    store.close().expect("the store closes");
    assert_eq!(vat_store(&reader, VatId(1)), Err(StoreError::Closed));
}

#[test]
fn only_a_store_that_was_not_put_down_is_looked_through() {
    let home = Home::new();
    let (store, _) = home.open();
    abandon(store);
    let connection = settings::connect(&home.path()).expect("the file opens");
    assert_eq!(version::was_closed(&connection), Ok(false));
    drop(connection);
    home.open().0.close().expect("the store closes");
    let connection = settings::connect(&home.path()).expect("the file opens");
    assert_eq!(version::was_closed(&connection), Ok(true));
}
