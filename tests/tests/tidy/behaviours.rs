//! The page of behaviours says what is true: every id is on it once, every test that it names exists, and carries the id.

use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;

use ocap_tests::repository;

use crate::sources::Source;

const PAGE: &str = "docs/behaviours.md";

/// The ids with letters, in the page's order: the letters, and the numbers that follow one another.
const LETTERED: &[(&str, RangeInclusive<u32>)] = &[
    ("VL", 1..=2),
    ("CL", 1..=6),
    ("PE", 1..=5),
    ("RE", 1..=2),
    ("SC", 1..=5),
    ("OE", 1..=1),
    ("LS", 1..=12),
    ("RJ", 1..=1),
    ("VS", 1..=1),
    ("EX", 1..=6),
    ("GC", 1..=2),
    ("SV", 1..=4),
    ("SE", 1..=3),
    ("IO", 1..=1),
    ("EN", 1..=18),
    ("SP", 1..=5),
    ("SU", 1..=1),
    ("LO", 1..=1),
    ("AG", 1..=1),
    ("LM", 1..=2),
    ("RC", 1..=4),
    ("KL", 1..=3),
    ("SK", 1..=14),
    ("IM", 1..=10),
    ("IV", 1..=7),
    ("SR", 1..=4),
    ("KQ", 1..=14),
    ("KR", 1..=15),
    ("G", 1..=21),
];

/// The suites without letters, each with how many lines it has.
const UNLETTERED: &[(&str, usize)] = &[
    ("SubclusterManager", 5),
    ("VatManager", 5),
    ("VatSyscall", 9),
    ("VatSupervisor", 4),
    ("bundle-loader", 2),
    ("network-caveat", 1),
    ("store", 17),
    ("kernel-store", 1),
    ("RemoteHandle", 1),
    ("OcapURL", 1),
    ("transport, reconnection, rate limits, handshake", 1),
    ("service-matcher", 1),
    ("sheaves, remote-iterables, llm-bridge, agents", 1),
];

/// The tests of the kernel and of the host's stories carry the ids that they show in their names. Tests of one room have names of their
/// own, and so has the simulation, which shows whatever it comes across.
const CARRY_IDS: &[&str] = &["host/kernel/tests/", "tests/tests/stories/"];
const CARRY_NONE: &[&str] = &["host/kernel/tests/simulation"];

/// Suites of channels and what a vat sees around it: shown by tests that tell it in their own words.
const NOT_CARRIED: &[&str] = &["SK", "IM", "IV", "SR", "EX", "EN", "SP", "SU", "LO"];

/// A line of the page.
struct Row<'p> {
    id: &'p str,
    shown: Shown<'p>,
}

enum Shown<'p> {
    /// By these: file and name.
    By(Vec<(String, &'p str)>),
    /// By none, for this reason.
    Not(&'p str),
}

fn rows(page: &str) -> Vec<Row<'_>> {
    let lines = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| id |"));
    lines.map(row).collect()
}

fn row(line: &str) -> Row<'_> {
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let [id, what, shown] = cells[..] else { panic!("{PAGE}: not three cells: {line}") };
    assert!(what.len() > 2, "{PAGE}: {id} does not say what happens");
    let is_reason = ["Not here: ", "Not yet: "].iter().any(|begin| shown.starts_with(begin));
    let shown = if is_reason { Shown::Not(shown) } else { Shown::By(named(id, shown)) };
    Row { id, shown }
}

/// The tests of a cell: after each link to a file the names, in backticks, of tests in it.
fn named<'p>(id: &str, cell: &'p str) -> Vec<(String, &'p str)> {
    let mut tests = Vec::new();
    for of_a_file in cell.split("; ") {
        let (link, names) =
            of_a_file.split_once(") ").unwrap_or_else(|| panic!("{PAGE}: {id}: no link in {of_a_file}"));
        let path = link.split_once("](../").unwrap_or_else(|| panic!("{PAGE}: {id}: no link in {of_a_file}")).1;
        tests.extend(names.split(", ").map(|name| (path.to_owned(), name.trim_matches('`'))));
    }
    tests
}

/// The names of the tests in a file.
fn tests_in(text: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in text.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some((_, name)) = line.split_once("fn ").filter(|_| is_test) {
            names.push(name.split(['(', '<']).next().expect("there is a first part"));
            is_test = false;
        }
    }
    names
}

fn page() -> String {
    fs::read_to_string(repository().join(PAGE)).expect("the page of behaviours")
}

/// The letters at the beginning of an id such as `LS4`.
fn letters(id: &str) -> &str {
    id.trim_end_matches(|c: char| c.is_ascii_digit())
}

fn is_lettered(id: &str) -> bool {
    LETTERED.iter().any(|(family, _)| *family == letters(id) && *family != id)
}

#[test]
fn every_behaviour_is_on_the_page_once_and_nothing_else_is() {
    let page = page();
    let mut on_the_page = rows(&page).into_iter().map(|row| row.id.to_owned()).collect::<Vec<_>>();
    let mut expected: Vec<String> = Vec::new();
    for (family, numbers) in LETTERED {
        expected.extend(numbers.clone().map(|number| format!("{family}{number}")));
    }
    for (suite, lines) in UNLETTERED {
        let begins = |id: &&String| *id == suite || id.starts_with(&format!("{suite}: "));
        let found: Vec<String> = on_the_page.iter().filter(begins).cloned().collect();
        assert_eq!(found.len(), *lines, "{PAGE}: lines of {suite}");
        expected.extend(found);
    }
    on_the_page.sort();
    expected.sort();
    for (found, wanted) in on_the_page.iter().zip(&expected) {
        assert_eq!(found, wanted, "{PAGE}: an id is missing, is there twice, or is none");
    }
    assert_eq!(on_the_page.len(), expected.len(), "{PAGE}: the last ids are missing, or too many");
}

#[test]
fn every_test_that_the_page_names_exists() {
    let page = page();
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    for Row { id, shown } in rows(&page) {
        let Shown::By(tests) = shown else { continue };
        for (path, name) in tests {
            let text = files.entry(path.clone()).or_insert_with(|| {
                fs::read_to_string(repository().join(&path)).unwrap_or_else(|error| panic!("{id}: {path}: {error}"))
            });
            assert!(tests_in(text).contains(&name), "{id}: there is no test `{name}` in {path}");
        }
    }
}

#[test]
fn a_test_carries_the_ids_of_what_it_shows() {
    let page = page();
    for Row { id, shown } in rows(&page) {
        let Shown::By(tests) = shown else { continue };
        let word = id.to_lowercase();
        let carries = |(path, name): &(String, &str)| {
            let begins = |places: &[&str]| places.iter().any(|place| path.starts_with(place));
            let may = begins(CARRY_IDS) && !begins(CARRY_NONE);
            may.then(|| name.split('_').any(|part| part == word))
        };
        let carriers: Vec<bool> = tests.iter().filter_map(carries).collect();
        let must = is_lettered(id) && !NOT_CARRIED.contains(&letters(id)) && !carriers.is_empty();
        assert!(!must || carriers.contains(&true), "{PAGE}: no test of {id} has it in its name");
    }
}

#[test]
fn a_test_that_carries_an_id_is_on_the_page_under_it() {
    let page = page();
    let rows = rows(&page);
    for source in CARRY_IDS.iter().flat_map(|place| Source::all(place.trim_end_matches('/'), &[".rs"])) {
        for name in tests_in(&source.text) {
            for part in name.split('_') {
                let id = part.to_uppercase();
                let Some(row) = rows.iter().find(|row| row.id == id && is_lettered(row.id)) else { continue };
                let is_named = match &row.shown {
                    Shown::By(tests) => tests.iter().any(|(path, test)| *path == source.path && *test == name),
                    Shown::Not(_) => false,
                };
                assert!(is_named, "{}: `{name}` carries {id}, and {PAGE} does not name it there", source.path);
            }
        }
    }
}

#[test]
fn what_is_not_shown_has_a_reason() {
    let page = page();
    for Row { id, shown } in rows(&page) {
        if let Shown::Not(reason) = shown {
            let said = reason.split_once(": ").map_or("", |(_, said)| said);
            assert!(said.len() > 6 && said.ends_with('.'), "{PAGE}: {id}: `{said}` is no sentence");
        }
    }
}

#[test]
fn a_line_of_the_page_is_read_as_it_is_meant() {
    let line = "| LS4 | What. | [a](../x/a.rs) `ls4_one`, `two`; [b](../y/b.rs) `three` |";
    let Row { id, shown: Shown::By(tests) } = row(line) else { panic!("it names tests") };
    let named = |path: &str, name: &'static str| (path.to_owned(), name);
    assert_eq!(
        (id, tests),
        ("LS4", vec![named("x/a.rs", "ls4_one"), named("x/a.rs", "two"), named("y/b.rs", "three")])
    );
    let Shown::Not(reason) = row("| RC1 | What. | Not here: no remote hosts. |").shown else { panic!("a reason") };
    assert_eq!(reason, "Not here: no remote hosts.");
    let text = "#[test]\nfn one() {}\nfn two() {}\n    #[tokio::test(a)]\n    async fn three() {}\n";
    assert_eq!(tests_in(text), ["one", "three"]);
}
