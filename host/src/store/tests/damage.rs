//! Files that are not as the store left them: refused, named, and never half read.

use ocap_kernel::{Change, ClistRow, Commit, Kref, ObjectId, Payload, Slot, VatId};

use super::model::Model;
use super::random::Random;
use super::{Home, abandon, vat_store, write};
use crate::problem::Problem;
use crate::store::StoreError;

/// A closed store with rows in every table.
fn filled() -> (Home, Model) {
    let home = Home::new();
    let (store, _) = home.open();
    let (mut random, mut model) = (Random::new(5), Model::default());
    for _ in 0..60 {
        let commit = model.random_commit(&mut random);
        model.apply(&commit);
        assert_eq!(write(&store, commit), Ok(()));
    }
    store.close().expect("the store closes");
    (home, model)
}

/// Rows that the host never writes: the table, what makes one, its key, and the fault that is found.
const BAD_ROWS: [(&str, &str, &str, &str); 29] = [
    ("counters", "UPDATE counters SET boot = -1", "id 1", "`boot` is negative"),
    ("counters", "DELETE FROM counters", "id 1", "is missing"),
    ("subclusters", "INSERT INTO subclusters VALUES (70, x'ff' || '', 1, x'', NULL)", "id 70", "`name` is not UTF-8"),
    ("subclusters", "INSERT INTO subclusters VALUES (-5, '', 1, x'', NULL)", "id -5", "`id` is negative"),
    (
        "vats",
        "INSERT INTO vats VALUES (70, 1, 'v', x'', x'', x'0161', 1, 1, 1, 'park', 'active', NULL, 'none', NULL, NULL)",
        "id 70",
        "`grants` ends in the middle of an entry",
    ),
    (
        "vats",
        "INSERT INTO vats VALUES (70, 1, 'v', x'', x'', NULL, 1, 1, 1, 'park', 'active', x'00', 'none', NULL, NULL)",
        "id 70",
        "`diagnostic` is not null, though the vat is not quarantined",
    ),
    (
        "vats",
        "INSERT INTO vats VALUES (70, 1, 'v', x'', x'', NULL, 1, 1, 1, 'par' || char(27) || 'k', 'active', NULL, 'none', NULL, NULL)",
        "id 70",
        "`when_quarantined` has an unknown word: `par\\u{1b}k`",
    ),
    (
        "vats",
        "INSERT INTO vats VALUES (70, 1, 'v', x'', x'', NULL, 1, 1, 4294967296, 'park', 'active', NULL, 'none', NULL, NULL)",
        "id 70",
        "`turns` is too large",
    ),
    (
        "vats",
        "INSERT INTO vats VALUES (70, 1, 'v', x'', x'', NULL, 1, 1, 1, 'park', 'ending', NULL, 'none', x'00', NULL)",
        "id 70",
        "`code_before` is not null, though the vat had no other code",
    ),
    (
        "vats",
        "INSERT INTO vats VALUES (70, 1, 'v', x'', x'', NULL, 1, 1, 1, 'park', 'active', NULL, 'perhaps', x'00', NULL)",
        "id 70",
        "`upgrade` has an unknown word: `perhaps`",
    ),
    ("progress", "INSERT INTO progress VALUES (70, 1, -1, NULL)", "vat 70", "`next_slot` is negative"),
    (
        "objects",
        "INSERT INTO objects VALUES (70, 'host', NULL, NULL, NULL, 'x', NULL, NULL, 'gone-fishing', NULL)",
        "id 70",
        "`lost` has an unknown word: `gone-fishing`",
    ),
    (
        "objects",
        "INSERT INTO objects VALUES (70, 'host', 1, NULL, NULL, 'x', NULL, NULL, NULL, NULL)",
        "id 70",
        "`vat` is not null, though the object is the host's",
    ),
    (
        "objects",
        "INSERT INTO objects VALUES (70, 'caretaker', NULL, NULL, NULL, NULL, 7, NULL, NULL, NULL)",
        "id 70",
        "`target` is no kernel reference",
    ),
    (
        "objects",
        "INSERT INTO objects VALUES (70, 'revoker', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        "id 70",
        "`revokes` is null",
    ),
    (
        "promises",
        "INSERT INTO promises VALUES (70, 'unsettled', x'03', NULL, NULL, NULL, NULL, NULL)",
        "id 70",
        "`listeners` has a number that is no kernel reference",
    ),
    (
        "promises",
        "INSERT INTO promises VALUES (70, 'forwarded', NULL, NULL, NULL, NULL, NULL, NULL)",
        "id 70",
        "`target` is null",
    ),
    (
        "clist",
        "INSERT INTO clist (vat, slot, kref) VALUES (70, 3, 7)",
        "vat 70, slot 3",
        "`kref` is no kernel reference",
    ),
    (
        "clist",
        "INSERT INTO clist VALUES (70, 3, 4, 'found', NULL, NULL, NULL, NULL, 1, 0, NULL)",
        "vat 70, slot 3",
        "`how` has an unknown word: `found`",
    ),
    (
        "clist",
        "INSERT INTO clist VALUES (70, 3, 4, 'sent', 'm', 1, 0, 5, 1, 0, NULL)",
        "vat 70, slot 3",
        "`target` is no object",
    ),
    (
        "clist",
        "INSERT INTO clist VALUES (70, 3, 4, 'made', 'm', NULL, NULL, NULL, 1, 0, NULL)",
        "vat 70, slot 3",
        "`name` is not null, though what `how` says has none",
    ),
    (
        "queue",
        "INSERT INTO queue VALUES (70, 'inbox', 1, 5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        "id 70",
        "`target` is no object",
    ),
    (
        "queue",
        "INSERT INTO queue VALUES (70, 'host', 1, 4, 'm', x'', NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
        "id 70",
        "`place_id` is not null, though the host has one queue",
    ),
    (
        "queue",
        "INSERT INTO queue VALUES (70, 'host', NULL, 4, 'm', x'', NULL, NULL, NULL, x'', NULL, NULL, NULL)",
        "id 70",
        "`through` is empty where it should be null",
    ),
    ("suspicions", "INSERT INTO suspicions VALUES (70, -1, NULL, 0, 0, NULL)", "vat 70", "`left_alone` is negative"),
    (
        "suspicions",
        "INSERT INTO suspicions VALUES (70, 1, NULL, 0, 4294967296, NULL)",
        "vat 70",
        "`total` is too large",
    ),
    (
        "dead_letters",
        "INSERT INTO dead_letters VALUES (70, 1, 1, 'm', x'', 0, 'bad-luck', NULL)",
        "id 70",
        "`why` has an unknown word: `bad-luck`",
    ),
    ("holds", "INSERT INTO holds VALUES (70, 3, NULL)", "object 70", "`kref` is no kernel reference"),
    (
        "vat_store",
        "INSERT INTO vat_store VALUES (70, x'0a41', x'', x'80', NULL)",
        "vat 70, key \"\\nA\"",
        "`slots` ends in the middle of an entry",
    ),
];

#[test]
fn a_bad_row_is_refused_with_its_table_and_its_key() {
    for (table, sql, row, reason) in BAD_ROWS {
        let (home, _) = filled();
        home.tamper(sql);
        let StoreError::Corrupt { table: found, row: named, reason: why, path } = home.refusal() else {
            panic!("{sql}: refused for another reason")
        };
        assert_eq!((found, &*named, &*why), (table, row, reason), "{sql}");
        assert_eq!(path, home.path());
    }
}

#[test]
fn a_bad_entry_without_capabilities_is_found_when_its_vat_is_read() {
    let (home, model) = filled();
    home.tamper(
        "PRAGMA writable_schema = 1;
         UPDATE sqlite_schema SET sql = replace(sql, 'body  BLOB', 'body  ANY') WHERE name = 'vat_store'",
    );
    home.tamper("INSERT INTO vat_store VALUES (70, x'41', 5, NULL, NULL)");
    let (store, state) = home.open();
    assert_eq!(state, model.state());
    let refusal = vat_store(&store.reader(), VatId(70)).expect_err("a bad row");
    assert_eq!(
        Problem::from(&refusal).message,
        "the store has a bad row: table `vat_store`, row vat 70, key \"A\": `body` is no blob"
    );
    assert_eq!(vat_store(&store.reader(), VatId(71)), Ok(vec![]));
}

#[test]
fn a_store_of_a_later_version_is_refused_and_left_as_it_was() {
    let (home, _) = filled();
    home.tamper("UPDATE meta SET min_writer = 6, written_by = '9.' || char(27); PRAGMA user_version = 6");
    let before = std::fs::read(home.path()).expect("the file is there");
    let problem = Problem::from(&home.refusal());
    assert_eq!(problem.code, "ocap::store::too_new");
    assert_eq!(problem.help.as_deref(), Some("run ocap-host 9.\\u{1b} or a later one on this home"));
    assert_eq!(std::fs::read(home.path()).expect("the file is there"), before);
}

#[test]
fn a_file_that_is_not_ours_is_refused_and_left_as_it_was() {
    let noise: Vec<u8> = (0..9_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for content in [noise, b"short".to_vec()] {
        let home = Home::new();
        std::fs::write(home.path(), &content).expect("the home is writable");
        assert!(matches!(home.refusal(), StoreError::NotOurs { .. }));
        assert_eq!(std::fs::read(home.path()).expect("the file is there"), content);
    }
    let home = Home::new();
    home.tamper("CREATE TABLE recipes (id INTEGER PRIMARY KEY)");
    let before = std::fs::read(home.path()).expect("the file is there");
    assert!(matches!(home.refusal(), StoreError::NotOurs { .. }));
    assert_eq!(std::fs::read(home.path()).expect("the file is there"), before);
}

#[test]
fn damaged_pages_that_no_start_reads_are_found_after_an_unclean_stop() {
    let home = Home::new();
    let (store, _) = home.open();
    let entry = |key: u8| Change { key: (VatId(1), vec![key]), value: Some(Payload::plain(vec![key; 900])) };
    assert_eq!(write(&store, Commit { store: (0..200).map(entry).collect(), ..Commit::default() }), Ok(()));
    store.close().expect("the store closes");
    let mut bytes = std::fs::read(home.path()).expect("the file is there");
    let inside = bytes.windows(900).position(|window| window == [100; 900]).expect("the hundredth entry");
    let page = inside - inside % 4096;
    bytes[page..page + 8].fill(0x5a);
    std::fs::write(home.path(), bytes).expect("the home is writable");
    let (store, _) = home.open();
    assert!(matches!(vat_store(&store.reader(), VatId(1)), Err(StoreError::Damaged { .. })));
    abandon(store);
    assert!(matches!(home.refusal(), StoreError::Damaged { .. }));
}

#[test]
fn the_database_refuses_one_reference_under_two_slots() {
    let home = Home::new();
    let (store, _) = home.open();
    let row = ClistRow { kref: Kref::Object(ObjectId(4)), origin: None };
    let held = |slot| Change { key: (VatId(1), Slot(slot)), value: Some(row.clone()) };
    let twice = Commit { clist: vec![held(1), held(2)], ..Commit::default() };
    assert!(matches!(write(&store, twice), Err(StoreError::Refused { .. })));
    let entry = Change { key: (VatId(1), vec![]), value: Some(Payload::plain(vec![])) };
    assert_eq!(write(&store, Commit { store: vec![entry], ..Commit::default() }), Err(StoreError::Failed));
}
