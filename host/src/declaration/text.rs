//! A text that a person wrote, and problems that point into it.

use std::ops::Range;

use toml::de::DeTable;

use crate::problem::{Problem, Span, printable};

/// The largest declaration or `host.toml`: 256 KiB.
pub const TEXT_BYTES_MAX: u64 = 256 << 10;

/// A file's name and text, and which of the two kinds of file it is.
#[derive(Debug, Clone)]
pub(super) struct Text {
    /// As the user would call it.
    pub(super) file: String,
    /// All of it; free of control characters other than tab and the ends of lines.
    pub(super) text: String,
    /// The room in its codes: `declaration` or `host_config`.
    room: &'static str,
}

impl Text {
    /// Takes a text of reasonable size that can be shown on a terminal as it is.
    ///
    /// A bundle's declaration comes from somebody else, and diagnostics quote it: characters that move the cursor or turn the direction
    /// of writing could make a line look like another one.
    pub(super) fn new(room: &'static str, text: &str, file: &str) -> Result<Text, Problem> {
        let file = printable(file);
        let code = |word: &str| format!("ocap::{room}::{word}");
        if text.len() as u64 > TEXT_BYTES_MAX {
            let message = format!("{file} has {} bytes, the limit is {TEXT_BYTES_MAX}", text.len());
            return Err(Problem::new(code("too_large"), message));
        }
        if let Some(offset) = text.find(hides_something) {
            let line = text[..offset].lines().count().max(1);
            let found = printable(text[offset..].chars().next().map(String::from).unwrap_or_default().as_str());
            let message = format!("{file} has a control character ({found}) on line {line}");
            let help = "a text file is wanted; inside a string write such characters as escapes";
            return Err(Problem::new(code("control_character"), message).with_help(help));
        }
        Ok(Text { file, text: text.to_owned(), room })
    }

    /// Parses the text as TOML.
    pub(super) fn document(&self) -> Result<DeTable<'_>, Problem> {
        DeTable::parse(&self.text).map(toml::Spanned::into_inner).map_err(|error| {
            let word = if error.message().starts_with("duplicate key") { "duplicate_key" } else { "syntax" };
            let message = format!("{} is not valid TOML: {}", self.file, error.message());
            self.problem(word, message, error.span().unwrap_or_default(), "here")
        })
    }

    /// A problem at a place of this text.
    pub(super) fn problem(&self, word: &str, message: impl Into<String>, at: Range<usize>, label: &str) -> Problem {
        Problem::new(format!("ocap::{}::{word}", self.room), message).in_text(self.span(at, label))
    }

    /// A place of this text.
    pub(super) fn span(&self, at: Range<usize>, label: &str) -> Span {
        Span {
            file: self.file.clone(),
            text: self.text.clone(),
            offset: at.start.min(self.text.len()),
            length: at.len().min(self.text.len().saturating_sub(at.start)),
            label: label.to_owned(),
        }
    }
}

/// Whether a character does something to its neighbours rather than stand for itself.
pub(super) fn hides_something(character: char) -> bool {
    let ends_or_indents_a_line = matches!(character, '\n' | '\r' | '\t');
    let turns_the_direction = matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (character.is_control() && !ends_or_indents_a_line) || turns_the_direction
}

/// The one of `known` that `wrong` was probably meant to be, as the end of a sentence.
pub(super) fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    const SIMILAR_ENOUGH: f64 = 0.75;
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(wrong, name), name))
        .filter(|(similarity, _)| *similarity >= SIMILAR_ENOUGH)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, name)| format!("did you mean `{name}`?"))
}
