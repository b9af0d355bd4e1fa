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

/// Samples that show how little it takes, as directories, and the most lines of code that they may have.
const SHORT_SAMPLES: &[(&str, usize)] =
    &[("sample-vats/counter", 15), ("sample-vats/chat", 60), ("sample-vats/mint", 120)];

#[test]
fn samples_that_show_how_little_it_takes_are_short() {
    for (directory, lines_max) in SHORT_SAMPLES {
        let lines: usize = vat_sources(directory).iter().map(|source| lines_of_code(&source.text)).sum();
        assert!(
            (1..=*lines_max).contains(&lines),
            "{directory} has {lines} lines of code, and {lines_max} were promised"
        );
    }
}

#[test]
fn a_chat_in_sixty_lines_has_sixty_with_each_line_counted() {
    for (directory, lines_max) in &SHORT_SAMPLES[1..] {
        let lines: usize = vat_sources(directory).iter().map(|source| source.text.lines().count()).sum();
        assert!(lines <= *lines_max, "{directory} has {lines} lines, and {lines_max} were promised");
    }
}

/// The code of the vats in a directory, without that of their tests.
fn vat_sources(directory: &str) -> Vec<Source> {
    Source::all(directory, &[".rs"]).into_iter().filter(|source| source.path.ends_with("/src/lib.rs")).collect()
}

/// Lines as rustfmt lays them out that are not empty, no comment, and not only closing brackets. The line that names the tests is none.
fn lines_of_code(text: &str) -> usize {
    let vat = text.split("#[cfg(test)]").next().unwrap_or_default();
    let says_something = |line: &str| !line.starts_with("//") && !line.trim_matches(['}', ')', ';', ',']).is_empty();
    vat.lines().filter(|line| says_something(line.trim())).count()
}

#[test]
fn lines_of_code_are_those_that_say_something() {
    assert_eq!(
        lines_of_code(
            "//! A.\n\nfn a() {\n    // Why.\n    b(|| {\n        c();\n    });\n}\n\n#[cfg(test)]\nmod tests;\n"
        ),
        3
    );
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
