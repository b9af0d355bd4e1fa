//! Codes of diagnostics: each is explained in docs/codes/, and nothing else is.

use std::collections::BTreeMap;

use crate::sources::Source;

/// Codes by the place of their first mention.
type Codes = BTreeMap<String, String>;

/// `ocap::room::word`, wherever a line has it in a string or in an attribute.
fn codes_in(line: &str) -> impl Iterator<Item = &str> {
    let at = ["\"ocap::", "code(ocap::"].into_iter().flat_map(move |before| {
        line.match_indices(before).map(move |(at, _)| &line[at + before.len() - "ocap::".len()..])
    });
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let whole = at.map(move |rest| &rest[..rest.find(|c| !is_part(c)).unwrap_or(rest.len())]);
    whole.filter(|code| code.split("::").filter(|part| !part.is_empty()).count() == 3)
}

/// The last word of a code that a text of a declaration gets, be it a `subcluster.toml` or the `host.toml`.
fn words_of_texts(text: &str) -> impl Iterator<Item = &str> {
    ["problem(", "code("].into_iter().flat_map(move |call| {
        text.match_indices(call).filter_map(move |(at, _)| {
            let word = text[at + call.len()..].trim_start().strip_prefix('"')?.split('"').next()?;
            word.chars().all(|c| c.is_ascii_lowercase() || c == '_').then_some(word)
        })
    })
}

fn codes_in_the_code() -> (Codes, Vec<String>) {
    let (mut codes, mut words) = (Codes::new(), Vec::new());
    for source in Source::all("host/src", &[".rs"]).into_iter().filter(|source| !source.is_test()) {
        let shipped = source.shipped();
        for (number, line) in &shipped {
            for code in codes_in(line) {
                codes.entry(code.to_owned()).or_insert_with(|| format!("{}:{number}", source.path));
            }
        }
        if source.path.starts_with("host/src/declaration/") {
            let text: Vec<&str> = shipped.iter().map(|(_, line)| *line).collect();
            words.extend(words_of_texts(&text.join("\n")).map(str::to_owned));
        }
    }
    (codes, words)
}

fn explained() -> Codes {
    let pages = Source::all("docs/codes", &[".md"]);
    let headings = pages.iter().flat_map(|page| {
        page.text.lines().filter_map(|line| line.strip_prefix("## ")).map(|codes| (codes, page.path.clone()))
    });
    headings.flat_map(|(codes, path)| codes.split(", ").map(move |code| (code.to_owned(), path.clone()))).collect()
}

#[test]
fn every_code_of_a_diagnostic_is_explained() {
    let (codes, words) = codes_in_the_code();
    assert!(codes.len() > 100 && words.len() > 15, "{} codes and {} words are few", codes.len(), words.len());
    let explained = explained();
    let of_texts = |word: &String| ["declaration", "host_config"].map(|room| format!("ocap::{room}::{word}"));
    let codes =
        codes.iter().filter(|(code, _)| !explained.contains_key(*code)).map(|(code, place)| format!("{place}: {code}"));
    let words = words.iter().filter(|word| !of_texts(word).iter().any(|code| explained.contains_key(code)));
    let unexplained: Vec<String> = codes.chain(words.map(|word| format!("ocap::declaration::{word}"))).collect();
    assert!(unexplained.is_empty(), "without a section in docs/codes/: {unexplained:#?}");
}

#[test]
fn nothing_is_explained_that_no_diagnostic_has() {
    let (codes, mut words) = codes_in_the_code();
    // The one word that is chosen among others where a text is read.
    words.extend(["duplicate_key", "syntax"].map(str::to_owned));
    for (code, page) in explained() {
        let word = ["ocap::declaration::", "ocap::host_config::"].iter().find_map(|room| code.strip_prefix(room));
        let is_word = word.is_some_and(|word| words.iter().any(|known| known == word));
        assert!(is_word || codes.contains_key(&code), "{page}: nobody says `{code}`");
    }
}

#[test]
fn every_page_of_codes_can_be_read_with_explain() {
    let explain = Source::all("host/src/cli", &["explain.rs"]).remove(0);
    for page in Source::all("docs/codes", &[".md"]) {
        assert!(explain.text.contains(&format!("/{}", page.path)), "{} is not among the pages", page.path);
    }
}

#[test]
fn codes_are_found_in_strings_and_in_attributes() {
    let found = |line| codes_in(line).collect::<Vec<_>>();
    assert_eq!(found("Problem::new(\"ocap::a::b\", x)"), ["ocap::a::b"]);
    assert_eq!(found("#[diagnostic(code(ocap::a::b_c))]"), ["ocap::a::b_c"]);
    assert_eq!(found("code.starts_with(\"ocap::a::\")"), Vec::<&str>::new());
    assert_eq!(words_of_texts("self.problem(\n    \"no_vats\", m)").collect::<Vec<_>>(), ["no_vats"]);
}
