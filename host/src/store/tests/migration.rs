//! Stores of earlier versions, as homes of that time have them.

use ocap_kernel::{Kernel, Owner, Promise, Upgrade, VatId, VatStatus};
use rusqlite::Connection;
use rusqlite::types::Value;

use super::Home;
use crate::store::version::{self, STEPS};
use crate::store::{StoreError, settings};

const VERSION_1: &str = include_str!("version1.sql");

/// What version 1 had, column by column.
const COLUMNS_OF_VERSION_1: [(&str, &str); 10] = [
    ("counters", "id, subcluster, vat, object, promise, message, boot"),
    ("subclusters", "id, name, bootstrap, declaration"),
    ("vats", "id, subcluster, name, code, parameters, grants, mailbox_max, when_quarantined, status, diagnostic"),
    ("progress", "vat, incarnation, next_slot"),
    ("objects", "id, owner, vat, object, lifetime, name, lost"),
    ("promises", "id, state, listeners, body, caps, target, code"),
    ("clist", "vat, slot, kref"),
    ("queue", "id, place, place_id, target, method, body, caps, answer, sender"),
    ("holds", "object, kref"),
    ("vat_store", "vat, key, body, slots"),
];

pub(super) fn home_of_version_1() -> Home {
    let home = Home::new();
    home.tamper(VERSION_1);
    home
}

/// All rows of a table, as far as version 1 knew it.
fn rows(home: &Home, table: &str, columns: &str) -> Vec<Vec<Value>> {
    let connection = Connection::open(home.path()).expect("the file opens");
    let mut statement = connection.prepare(&format!("SELECT {columns} FROM {table} ORDER BY 1, 2")).expect("a table");
    let width = statement.column_count();
    let row = |row: &rusqlite::Row<'_>| (0..width).map(|column| row.get(column)).collect();
    statement.query_map((), row).expect("rows").map(|row| row.expect("a row")).collect()
}

fn all_rows(home: &Home) -> Vec<Vec<Vec<Value>>> {
    COLUMNS_OF_VERSION_1.map(|(table, columns)| rows(home, table, columns)).to_vec()
}

#[test]
fn a_store_of_version_1_keeps_every_row_but_those_of_ended_vats_and_gains_what_is_usual() {
    let home = home_of_version_1();
    let mut before = all_rows(&home);
    assert!(before.iter().all(|rows| !rows.is_empty()), "the fixture has rows in every table");
    let vats = before[2].len();
    before[2].retain(|row| row[8] != Value::Text("terminated".to_owned()));
    assert_eq!(before[2].len(), vats - 1, "the fixture has one that has ended");
    let (store, state) = home.open();
    store.close().expect("the store closes");
    assert_eq!(all_rows(&home), before);
    for (_, vat) in &state.vats {
        assert_eq!((&vat.upgrade, vat.references_max, vat.turns), (&Upgrade::None, 100_000, 1), "{}", vat.name);
    }
    assert_eq!((state.suspicions.len(), state.dead_letters.len()), (0, 0));
    let again = home.open();
    assert_eq!(again.1, state, "the second start finds what the first one made of it");
}

#[test]
fn a_kernel_of_version_1_is_taken_up_where_it_was_put_down() {
    let home = home_of_version_1();
    let (_store, state) = home.open();
    let waiting = state.promises.iter().filter(|(_, row)| matches!(row, Promise::Unsettled { .. })).count();
    assert_eq!((state.queue.len(), waiting), (3, 5));
    let kernel = Kernel::load(state).expect("the rows agree");
    assert_eq!(kernel.boot(), 3);
    let names: Vec<&str> = kernel.vats().map(|vat| vat.row.name.as_str()).collect();
    assert_eq!(names, ["counter", "ping", "pong", "index", "matcher", "misbehaver"]);
    let counter = kernel.vat(VatId(1)).expect("it lives");
    assert!(matches!(counter.row.status, VatStatus::Quarantined(_)));
    assert_eq!(counter.queued, 3);
}

/// Each number of statements after which a process could die in the middle of the migration.
#[test]
fn a_migration_that_is_cut_off_after_any_statement_never_happened() {
    let statements: Vec<&str> = STEPS[1].split_inclusive(';').collect();
    assert!(statements.len() > 10);
    let home = home_of_version_1();
    let before = all_rows(&home);
    for count in 0..statements.len() {
        let connection = settings::connect(&home.path()).expect("the file opens");
        settings::harden(&connection).expect("known settings");
        settings::make_durable(&connection, &home.path()).expect("known settings");
        connection.execute_batch("BEGIN IMMEDIATE").expect("nobody else has it");
        connection.execute_batch(&statements[..count].concat()).expect("the statements are good");
        // What a process that dies leaves: its log, without the end of a transaction.
        drop(connection);
        let connection = settings::connect(&home.path()).expect("the file opens");
        assert_eq!(version::identify(&connection, 2, &home.path()), Ok(1), "after {count} statements");
        drop(connection);
        assert_eq!(all_rows(&home), before, "after {count} statements");
    }
    let (_store, state) = home.open();
    assert_eq!(state.vats.len(), 6, "all but the one that has ended");
}

#[test]
fn a_host_of_version_1_would_refuse_the_store_from_then_on() {
    let home = home_of_version_1();
    home.open().0.close().expect("the store closes");
    let connection = settings::connect(&home.path()).expect("the file opens");
    let refused = version::identify(&connection, 1, &home.path());
    assert!(matches!(refused, Err(StoreError::TooNew { found: 5, known: 1, .. })), "{refused:?}");
}

#[test]
fn the_new_words_of_version_2_are_taken_and_others_are_not() {
    let home = home_of_version_1();
    home.open().0.close().expect("the store closes");
    let connection = Connection::open(home.path()).expect("the file opens");
    let insert = |owner: &str, rest: &str| {
        connection.execute_batch(&format!(
            "INSERT INTO objects VALUES (NULL, '{owner}', NULL, NULL, NULL, {rest}, NULL, NULL)"
        ))
    };
    insert("caretaker", "NULL, 4, NULL").expect("a caretaker");
    insert("revoker", "NULL, NULL, 1").expect("a revoker");
    insert("host-while-held", "'timer', NULL, NULL").expect("a host's");
    for (owner, rest) in [("caretaker", "'name', 4, NULL"), ("revoker", "NULL, 4, NULL"), ("host", "NULL, NULL, NULL")]
    {
        insert(owner, rest).expect_err(owner);
    }
    drop(connection);
    let (_store, state) = home.open();
    assert!(state.objects.iter().any(|(_, object)| matches!(object.owner, Owner::Caretaker { .. })));
}

/// A store as a host of version 2 left it, with a vat that holds its root and an answer to a listener that waits.
fn home_of_version_2() -> Home {
    let home = Home::new();
    home.tamper(&STEPS[..2].concat());
    home.tamper(
        "INSERT INTO clist VALUES (1, 1, 4), (1, 2, 8);
         INSERT INTO queue VALUES (7, 'inbox', 1, 4, 'fulfill', x'', NULL, NULL, 1, NULL);
         PRAGMA application_id = 0x6f636170; PRAGMA user_version = 2",
    );
    home
}

#[test]
fn a_store_of_version_2_keeps_what_vats_hold_and_nobody_knows_since_when() {
    let home = home_of_version_2();
    let before = [rows(&home, "clist", "vat, slot, kref"), rows(&home, "queue", "id, place, target, method, sender")];
    let (store, state) = home.open();
    store.close().expect("the store closes");
    let after = [rows(&home, "clist", "vat, slot, kref"), rows(&home, "queue", "id, place, target, method, sender")];
    assert_eq!(after, before);
    assert!(state.clist.len() == 2 && state.clist.iter().all(|(_, row)| row.origin.is_none()));
    let connection = settings::connect(&home.path()).expect("the file opens");
    let refused = version::identify(&connection, 2, &home.path());
    assert!(matches!(refused, Err(StoreError::TooNew { found: 5, known: 2, .. })), "{refused:?}");
}

#[test]
fn the_columns_of_version_3_go_together() {
    let home = home_of_version_2();
    home.open().0.close().expect("the store closes");
    let connection = Connection::open(home.path()).expect("the file opens");
    let insert = |slot: u64, columns: &str| {
        connection.execute(&format!("INSERT INTO clist VALUES (9, {slot}, {slot}, {columns}, NULL)"), ())
    };
    for (slot, good) in [
        "NULL, NULL, NULL, NULL, NULL, NULL, NULL",
        "'granted', 'io.llm', NULL, NULL, NULL, 1, 0",
        "'sent', 'take', 3, 0, 4, 1, 0",
        "'answered', NULL, NULL, NULL, NULL, 1, 0",
        "'answered', NULL, NULL, 2, NULL, 1, 0",
    ]
    .iter()
    .enumerate()
    {
        assert_eq!(insert(slot as u64 * 4, good), Ok(1), "{good}");
    }
    for bad in [
        "NULL, 'io.llm', NULL, NULL, NULL, NULL, NULL",
        "'granted', NULL, NULL, NULL, NULL, 1, 0",
        "'granted', 'io.llm', NULL, NULL, NULL, NULL, 0",
        "'made', NULL, NULL, 1, NULL, 1, 0",
        "'sent', 'take', NULL, 0, 4, 1, 0",
        "'asked', NULL, NULL, NULL, NULL, 1, 0",
    ] {
        assert!(insert(80, bad).is_err(), "{bad}");
    }
}
