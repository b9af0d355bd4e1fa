//! The text of the repository, and what of it is code that ships.

use std::fs;
use std::path::Path;

use ocap_tests::repository;

/// A file of the repository.
pub(crate) struct Source {
    /// From the repository's root.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// What is built or fetched, and not written by anybody.
const NOT_OURS: [&str; 3] = ["target", ".git", "__pycache__"];

impl Source {
    /// All files under a directory with one of these endings, in the order of their paths.
    pub(crate) fn all(directory: &str, endings: &[&str]) -> Vec<Source> {
        let mut found = Vec::new();
        collect(&repository().join(directory), directory, endings, &mut found);
        assert!(!found.is_empty(), "nothing under `{directory}`");
        found.sort_by(|one, other| one.path.cmp(&other.path));
        found
    }

    /// Whether the whole file is for tests.
    pub(crate) fn is_test(&self) -> bool {
        self.path.split('/').any(|part| part == "tests" || part == "tests.rs" || part == "examples")
    }

    /// Its lines that are code and ship, by number: no comment, no item under `#[cfg(test)]`.
    pub(crate) fn shipped(&self) -> Vec<(usize, &str)> {
        let mut shipped = Vec::new();
        let mut lines = self.text.lines().enumerate();
        while let Some((index, line)) = lines.next() {
            if line.trim() == "#[cfg(test)]" {
                let end = format!("{}}}", &line[..line.len() - line.trim_start().len()]);
                // An item ends with its first line, or where its brace closes: at the same column, as rustfmt has it.
                let first = lines.next().map_or("", |(_, first)| first);
                if !first.ends_with(';') {
                    lines.find(|(_, line)| *line == end);
                }
            } else if !line.trim_start().starts_with("//") {
                shipped.push((index + 1, line));
            }
        }
        shipped
    }
}

/// The words of a line of Rust, each with what precedes it.
pub(crate) fn mentions(line: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(part_of_word) && !line[at + word.len()..].starts_with(part_of_word))
}

fn collect(directory: &Path, name: &str, endings: &[&str], found: &mut Vec<Source>) {
    for entry in fs::read_dir(directory).expect("a directory of the repository") {
        let entry = entry.expect("an entry");
        let file = entry.file_name().to_string_lossy().into_owned();
        let path = if name.is_empty() { file.clone() } else { format!("{name}/{file}") };
        // A link leads to what is elsewhere, or in here already.
        let kind = entry.file_type().expect("a kind");
        if kind.is_dir() && !NOT_OURS.contains(&file.as_str()) {
            collect(&entry.path(), &path, endings, found);
        } else if kind.is_file() && endings.iter().any(|ending| file.ends_with(ending)) {
            let text = fs::read_to_string(entry.path()).unwrap_or_else(|error| panic!("{path}: {error}"));
            found.push(Source { path, text });
        }
    }
}

#[test]
fn comments_and_tests_do_not_ship() {
    let text = "// one\nuse two;\n#[cfg(test)]\nmod tests;\nfn three() {}\n#[cfg(test)]\nmod tests {\n    fn four() {\n    }\n}\nfn five() {}\n";
    let source = Source { path: "a.rs".into(), text: text.into() };
    assert_eq!(source.shipped(), [(2, "use two;"), (5, "fn three() {}"), (11, "fn five() {}")]);
}

#[test]
fn a_word_is_found_as_a_whole_only() {
    assert!(mentions("use tar::Builder;", "tar"));
    assert!(mentions("(tar)", "tar"));
    assert!(!mentions("start = target", "tar"));
    assert!(mentions("std::fs::read", "std::fs"));
    assert!(!mentions("cap_std::fs::Dir", "std::fs"));
}
