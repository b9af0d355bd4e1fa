//! What the README and the guide show of a vat's code stands word for word in a sample vat, where it is built and run.

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

/// How blocks of a language are marked, and how its files end.
const LANGUAGES: [(&str, &str); 4] = [("rust", "rs"), ("python", "py"), ("js", "js"), ("c", "c")];

/// The blocks of a language in a page.
fn snippets<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let blocks = page.split(&format!("```{language}\n")).skip(1).collect::<Vec<_>>();
    blocks.into_iter().map(|rest| rest.split("```").next().unwrap_or(rest)).collect()
}

#[test]
fn every_snippet_of_the_guide_stands_in_a_sample_vat() {
    let read = |path: &PathBuf| fs::read_to_string(path).expect("text");
    let mut pages = files(&root().join("docs/guide"), "md");
    pages.push(root().join("README.md"));
    let mut seen = 0;
    for (language, ending) in LANGUAGES {
        let samples: Vec<String> = files(&root().join("sample-vats"), ending).iter().map(read).collect();
        for page in &pages {
            let text = read(page);
            for snippet in snippets(&text, language) {
                seen += 1;
                let stands = samples.iter().any(|sample| sample.contains(snippet));
                assert!(stands, "{} shows what is in no sample vat:\n{snippet}", page.display());
            }
        }
    }
    assert!(seen > 10, "only {seen} snippets were found");
}
