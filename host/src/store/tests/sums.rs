//! Rows that are not what was written there: by one bit, or because they lie in the place of others (promise F4 of the study of reliability).

use std::path::Path;

use ocap_kernel::{Change, Commit, Payload, VatId};
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::migration::home_of_version_1;
use super::model::Model;
use super::random::Random;
use super::{Home, vat_store, write};
use crate::store::StoreError;
use crate::store::load::Reading;

/// Every table whose rows the kernel acts on.
const TABLES: [&str; 12] = [
    "counters",
    "subclusters",
    "vats",
    "progress",
    "objects",
    "promises",
    "clist",
    "queue",
    "holds",
    "suspicions",
    "dead_letters",
    "vat_store",
];

/// Bits that are turned over in each table.
const FLIPS: usize = 400;

/// A store with rows in every table, open as another program has it.
fn filled() -> (Home, Connection) {
    let home = Home::new();
    let (store, _) = home.open();
    let (mut random, mut model) = (Random::new(11), Model::default());
    for _ in 0..80 {
        let commit = model.random_commit(&mut random);
        model.apply(&commit);
        assert_eq!(write(&store, commit), Ok(()));
    }
    store.close().expect("the store closes");
    let connection = Connection::open(home.path()).expect("the file opens");
    connection.execute_batch("PRAGMA ignore_check_constraints = 1").expect("a known pragma");
    // What nobody reads again is nobody's loss.
    let sql = "DELETE FROM vat_store WHERE vat IN (SELECT vat FROM forgotten); DELETE FROM forgotten";
    connection.execute_batch(sql).expect("two tables");
    (home, connection)
}

/// What a start, and then each vat, would see.
fn damage(connection: &Connection) -> Vec<StoreError> {
    let reading = Reading { connection, path: Path::new("store") };
    let state = match reading.state() {
        Ok(state) => state,
        Err(refusal) => return vec![refusal],
    };
    let mut statement = connection.prepare("SELECT DISTINCT vat FROM vat_store").expect("a table");
    let vats = statement.query_map((), |row| row.get::<_, i64>(0)).expect("rows");
    let vats: Vec<VatId> = vats.map(|vat| VatId(vat.expect("a number").cast_unsigned())).collect();
    let mut found: Vec<StoreError> =
        vats.into_iter().flat_map(|vat| reading.flaws(vat).expect("it can be read")).collect();
    found.extend(state.damaged.iter().map(|id| StoreError::RowDamaged {
        path: "store".into(),
        table: "queue",
        row: format!("id {}", id.0),
    }));
    found
}

/// One row of a table, whatever it is.
fn row(connection: &Connection, table: &str, random: &mut Random) -> Vec<Value> {
    let count: u64 = connection
        .query_row(&format!("SELECT count(*) FROM {table}"), (), |row| row.get::<_, i64>(0))
        .expect("a table")
        .cast_unsigned();
    let sql = format!("SELECT * FROM {table} LIMIT 1 OFFSET {}", random.below(count));
    connection
        .query_row(&sql, (), |row| (0..row.as_ref().column_count()).map(|column| row.get(column)).collect())
        .expect("a row")
}

/// The same with one bit turned over; `None` where there is none.
fn flipped(value: &Value, random: &mut Random) -> Option<Value> {
    let flip = |bytes: &[u8], random: &mut Random| {
        let mut bytes = bytes.to_vec();
        let bit = random.below(bytes.len() as u64 * 8) as usize;
        bytes[bit / 8] ^= 1 << (bit % 8);
        Value::Blob(bytes)
    };
    match value {
        Value::Null | Value::Real(_) => None,
        Value::Integer(number) => Some(Value::Integer(number ^ (1 << random.below(64)))),
        Value::Text(text) => (!text.is_empty()).then(|| flip(text.as_bytes(), random)),
        Value::Blob(bytes) => (!bytes.is_empty()).then(|| flip(bytes, random)),
    }
}

/// Puts another row in the place of one; `false` if SQLite sees that it can't be, because its key is taken.
fn exchange(connection: &Connection, table: &str, before: &[Value], after: &[Value]) -> bool {
    let statement = connection.prepare(&format!("SELECT * FROM {table}")).expect("a table");
    let same: Vec<String> =
        statement.column_names().zip(1..).map(|(name, place)| format!("{name} IS ?{place}")).collect();
    let remove = format!("DELETE FROM {table} WHERE {}", same.join(" AND "));
    assert_eq!(connection.execute(&remove, params_from_iter(before)), Ok(1), "{table}");
    // A text that was turned over may be none any more.
    let place = |(number, value): (usize, &Value)| match value {
        Value::Text(_) => format!("CAST(?{} AS TEXT)", number + 1),
        _ => format!("?{}", number + 1),
    };
    let places: Vec<String> = before.iter().enumerate().map(place).collect();
    let put = format!("INSERT INTO {table} VALUES ({})", places.join(", "));
    connection.execute(&put, params_from_iter(after)).is_ok()
}

#[test]
fn f4_a_bit_that_is_turned_over_in_any_value_of_any_row_is_seen_before_the_row_is_acted_on() {
    let (_home, connection) = filled();
    assert_eq!(damage(&connection), []);
    let mut random = Random::new(3);
    for table in TABLES {
        let mut flips = 0;
        while flips < FLIPS {
            let before = row(&connection, table, &mut random);
            let column = random.below(before.len() as u64) as usize;
            // How many commits there were is what the witness knows.
            let is_witnessed = (table, column) == ("counters", 7);
            let Some(changed) = flipped(&before[column], &mut random).filter(|_| !is_witnessed) else { continue };
            let mut after = before.clone();
            after[column] = changed;
            connection.execute_batch("SAVEPOINT flip").expect("nobody else has it");
            if exchange(&connection, table, &before, &after) {
                flips += 1;
                let found = damage(&connection);
                let of_table = |fault: &StoreError| match fault {
                    StoreError::Corrupt { table: of, .. } | StoreError::RowDamaged { table: of, .. } => *of == table,
                    _ => false,
                };
                assert!(found.len() == 1 && of_table(&found[0]), "{table}, column {column}: {found:?}");
            }
            connection.execute_batch("ROLLBACK TO flip; RELEASE flip").expect("it was begun");
        }
    }
}

#[test]
fn rows_that_lie_in_each_others_place_are_damaged_both() {
    let home = Home::new();
    let (store, _) = home.open();
    let entry = |vat, key: &str| Change {
        key: (VatId(vat), key.as_bytes().to_vec()),
        value: Some(Payload::plain(format!("{vat} {key}").into_bytes())),
    };
    let entries = vec![entry(1, "a"), entry(1, "b"), entry(2, "a"), entry(3, "\u{1b}[2J")];
    assert_eq!(write(&store, Commit { store: entries, ..Commit::default() }), Ok(()));
    store.close().expect("the store closes");
    let exchanged = |one: &str, other: &str| {
        format!(
            "CREATE TEMP TABLE both AS SELECT rank() OVER (ORDER BY vat, key) AS place, body, slots, sum FROM vat_store WHERE {one} OR {other};
             UPDATE vat_store SET (body, slots, sum) = (SELECT body, slots, sum FROM both WHERE place = 2) WHERE {one};
             UPDATE vat_store SET (body, slots, sum) = (SELECT body, slots, sum FROM both WHERE place = 1) WHERE {other};"
        )
    };
    home.tamper(&exchanged("vat = 1 AND key = CAST('a' AS BLOB)", "vat = 1 AND key = CAST('b' AS BLOB)"));
    let inspected = crate::store::inspect(&home.path()).expect("it can be read").expect("a store");
    assert_eq!(inspected.damage, [], "no vat lives");
    let (store, _) = home.open();
    let damaged = |vat: u64, key: &str| {
        let row = format!("vat {vat}, key \"{key}\"");
        Err(StoreError::RowDamaged { path: home.path(), table: "vat_store", row })
    };
    assert_eq!(vat_store(&store.reader(), VatId(1)), damaged(1, "a"));
    assert!(vat_store(&store.reader(), VatId(2)).is_ok(), "it is another vat's damage");
    store.close().expect("the store closes");
    home.tamper(&exchanged("vat = 2", "vat = 3"));
    let (store, _) = home.open();
    assert_eq!(vat_store(&store.reader(), VatId(2)), damaged(2, "a"));
    assert_eq!(vat_store(&store.reader(), VatId(3)), damaged(3, "\\x1b[2J"));
    assert!(damaged(3, "").is_err_and(|fault| fault.is_of_one_vat()));
}

#[test]
fn rows_of_earlier_versions_are_taken_as_they_are_and_get_their_sums_when_they_are_written() {
    let home = home_of_version_1();
    let sums = |table: &str| {
        let connection = Connection::open(home.path()).expect("the file opens");
        let sql = format!("SELECT count(*), count(sum) FROM {table}");
        connection.query_row(&sql, (), |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).expect("a table")
    };
    let (store, _) = home.open();
    let old = vat_store(&store.reader(), VatId(1)).expect("good rows");
    store.close().expect("the store closes");
    let (all, none) = sums("vat_store");
    assert!(all > 1 && none == 0, "{all} {none}");
    let (store, _) = home.open();
    let (key, value) = old.first().expect("it keeps something").clone();
    let again = Change { key: (VatId(1), key), value: Some(value) };
    assert_eq!(write(&store, Commit { store: vec![again], ..Commit::default() }), Ok(()));
    assert_eq!(vat_store(&store.reader(), VatId(1)), Ok(old));
    store.close().expect("the store closes");
    assert_eq!(sums("vat_store"), (all, 1));
    assert_eq!(sums("queue").1, 0);
}
