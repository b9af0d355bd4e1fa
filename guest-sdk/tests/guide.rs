//! What the README and the guide show of Rust stands word for word in a sample vat, where it is built and run.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// Every file under a directory with that extension.
fn files(directory: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => files(&path, extension),
            false => vec![path],
        })
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect()
}

/// The blocks of Rust in a page.
fn snippets(page: &str) -> Vec<&str> {
    page.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap_or(rest)).collect()
}

#[test]
fn every_snippet_of_the_guide_stands_in_a_sample_vat() {
    let read = |path: &PathBuf| fs::read_to_string(path).expect("text");
    let samples: Vec<String> = files(&root().join("sample-vats"), "rs").iter().map(read).collect();
    let mut pages = files(&root().join("docs/guide"), "md");
    pages.push(root().join("README.md"));
    let mut seen = 0;
    for page in &pages {
        let text = read(page);
        for snippet in snippets(&text) {
            seen += 1;
            let stands = samples.iter().any(|sample| sample.contains(snippet));
            assert!(stands, "{} shows what is in no sample vat:\n{snippet}", page.display());
        }
    }
    assert!(seen > 10, "only {seen} snippets were found");
}
