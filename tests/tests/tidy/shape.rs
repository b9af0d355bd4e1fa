//! How long things may be, and what has to be said about them.

use crate::sources::Source;

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 70;

#[test]
fn no_file_is_longer_than_five_hundred_lines() {
    for source in Source::all("", &[".rs", ".wit", ".py", ".sql"]) {
        let lines = source.text.lines().count();
        assert!(lines <= FILE_LINES_MAX, "{} has {lines} lines", source.path);
    }
}

#[test]
fn no_function_is_longer_than_seventy_lines() {
    for source in Source::all("", &[".rs"]) {
        for (number, lines) in functions(&source.text) {
            assert!(lines <= FUNCTION_LINES_MAX, "{}:{number}: a function of {lines} lines", source.path);
        }
    }
}

/// The first line and the number of lines of each function, as rustfmt lays them out: it ends with a brace at its own column.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut open: Vec<(usize, usize)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let column = line.len() - line.trim_start().len();
        let words: Vec<&str> =
            line.split_whitespace().take_while(|word| !word.contains('(') || word.starts_with("pub(")).collect();
        if words.contains(&"fn") && !line.ends_with(';') && !line.ends_with('}') && !line.trim_start().starts_with("//")
        {
            open.push((column, index));
        }
        if line.trim() == "}"
            && let Some((_, first)) = open.pop_if(|(opened, _)| *opened == column)
        {
            found.push((first + 1, index + 1 - first));
        }
    }
    found
}

#[test]
fn functions_are_measured_from_their_name_to_their_brace() {
    let text = "pub(super) async fn one(\n    a: u8,\n) {\n    if a {\n    }\n}\nfn two() {}\nimpl X {\n    fn three(&self) {\n    }\n}\n";
    assert_eq!(functions(text), [(1, 6), (9, 2)]);
}

#[test]
fn every_item_of_the_contract_is_documented() {
    for source in Source::all("wit", &[".wit"]) {
        let undocumented = undocumented(&source.text);
        assert!(undocumented.is_empty(), "{} says nothing about {undocumented:?}", source.path);
    }
}

/// Items, fields and cases without a comment of their own. Imports, exports and uses name what is documented elsewhere.
fn undocumented(wit: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut documented = false;
    for line in wit.lines().map(str::trim) {
        let is_item = !["", "}", "use ", "import ", "export "].iter().any(|not| match *not {
            "" => line.is_empty(),
            not => line.starts_with(not),
        });
        match line {
            _ if line.starts_with("///") => documented = true,
            _ if line.starts_with('@') => {}
            _ => {
                if is_item && !documented {
                    found.push(line);
                }
                documented = false;
            }
        }
    }
    found
}

#[test]
fn an_item_without_a_comment_is_found() {
    let wit = "/// A.\npackage a:b;\n\n/// I.\n@since(version = 0.1.0)\ninterface i {\n  use x.{y};\n  /// R.\n  record r {\n    f: u8,\n  }\n  g: func();\n}\n";
    assert_eq!(undocumented(wit), ["f: u8,", "g: func();"]);
}
