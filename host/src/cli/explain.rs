//! `explain`: what a code of a diagnostic means, at length. The text is docs/codes/, one file a family, where it can be read as well.

use serde::Serialize;
use strsim::damerau_levenshtein;

use super::exit::ExitStatus;
use super::session::Session;
use super::table::table;
use crate::problem::{Problem, printable};

/// Each begins with a title; a heading of the second level names one code or more, and what follows it is their explanation.
const PAGES: &[&str] = &[
    include_str!("../../../docs/codes/acts.md"),
    include_str!("../../../docs/codes/bundle.md"),
    include_str!("../../../docs/codes/channel.md"),
    include_str!("../../../docs/codes/component.md"),
    include_str!("../../../docs/codes/daemon.md"),
    include_str!("../../../docs/codes/declaration.md"),
    include_str!("../../../docs/codes/develop.md"),
    include_str!("../../../docs/codes/home.md"),
    include_str!("../../../docs/codes/host.md"),
    include_str!("../../../docs/codes/launch.md"),
    include_str!("../../../docs/codes/request.md"),
    include_str!("../../../docs/codes/source.md"),
    include_str!("../../../docs/codes/store.md"),
    include_str!("../../../docs/codes/vat.md"),
];

const HEADING: &str = "\n## ";
const PREFIX: &str = "ocap::";

/// Explain the code of a diagnostic, or list all codes
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::with_examples(&["ocap-host explain ocap::component::missing"]))]
pub(super) struct ExplainArgs {
    /// As a diagnostic shows it: `ocap::component::missing`; without it, all are listed
    #[arg(add = super::live::codes())]
    code: Option<String>,
}

/// What a code means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "$type", rename = "explanation")]
pub(super) struct Explanation {
    /// The code.
    code: &'static str,
    /// Markdown.
    text: &'static str,
}

/// All codes.
#[derive(Debug, Serialize)]
#[serde(tag = "$type", rename = "explanations")]
struct Explanations {
    /// In the order of their names.
    codes: Vec<Explanation>,
}

impl Explanation {
    /// The code.
    pub(super) fn code(&self) -> &'static str {
        self.code
    }
}

pub(super) fn run(args: &ExplainArgs, session: &Session) -> Result<ExitStatus, Problem> {
    match &args.code {
        Some(code) => session.answer(&find(code)?, |found| format!("{}\n\n{}", found.code, found.text))?,
        None => session.answer(&Explanations { codes: all() }, |all| {
            table(["CODE", "IN SHORT"], all.codes.iter().map(|one| [one.code.to_owned(), first_sentence(one.text)]))
        })?,
    }
    Ok(ExitStatus::Ok)
}

/// Every code with its explanation, sorted by code.
pub(super) fn all() -> Vec<Explanation> {
    let sections = PAGES.iter().flat_map(|page| page.split(HEADING).skip(1));
    let mut all: Vec<Explanation> = sections
        .filter_map(|section| section.split_once('\n'))
        .flat_map(|(codes, text)| codes.split(", ").map(|code| Explanation { code: code.trim(), text: text.trim() }))
        .collect();
    all.sort_unstable_by_key(|one| one.code);
    all
}

fn find(written: &str) -> Result<Explanation, Problem> {
    let wanted = if written.starts_with(PREFIX) { written.to_owned() } else { format!("{PREFIX}{written}") };
    let all = all();
    if let Some(found) = all.iter().find(|one| one.code == wanted) {
        return Ok(found.clone());
    }
    let near = all.iter().map(|one| (damerau_levenshtein(one.code, &wanted), one.code));
    let help = match near.min().filter(|(distance, _)| *distance <= wanted.len() / 4) {
        Some((_, code)) => format!("did you mean `{code}`? `ocap-host explain` lists all"),
        None => "`ocap-host explain` lists all".to_owned(),
    };
    Err(Problem::new("ocap::usage::code", format!("no diagnostic has the code `{}`", printable(written)))
        .with_help(help))
}

/// What the text says first, on one line.
fn first_sentence(text: &str) -> String {
    let paragraph = text.split("\n\n").next().unwrap_or(text).replace('\n', " ");
    match paragraph.find(". ") {
        Some(end) => paragraph[..=end].to_owned(),
        None => paragraph,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_found_with_and_without_its_first_word_and_in_a_heading_of_two() {
        let found = find("ocap::component::missing").expect("it is there");
        assert!(found.text.starts_with("There is no file"), "{found:?}");
        assert_eq!(find("component::missing").expect("it is there"), found);
        let both =
            ["ocap::declaration::unknown_key", "ocap::host_config::unknown_key"].map(|code| find(code).expect(code));
        assert_eq!(both[0].text, both[1].text);
    }

    #[test]
    fn a_mistyped_code_is_refused_with_the_one_that_may_have_been_meant() {
        let problem = find("ocap::component::mising").expect_err("mistyped");
        assert!(problem.help.is_some_and(|help| help.contains("`ocap::component::missing`")));
        assert_eq!(find("\u{1b}").expect_err("no code").help.as_deref(), Some("`ocap-host explain` lists all"));
    }

    #[test]
    fn every_code_is_explained_once_and_in_words() {
        let all = all();
        for pair in all.windows(2) {
            assert_ne!(pair[0].code, pair[1].code, "explained twice");
        }
        for one in all {
            assert!(one.text.contains(' ') && one.text.ends_with(['.', ':']), "{one:?}");
        }
    }

    #[test]
    fn the_list_says_of_each_code_its_first_sentence() {
        assert_eq!(first_sentence("It is\nso. And more.\n\nMore."), "It is so.");
        assert_eq!(first_sentence("It is so."), "It is so.");
    }
}
