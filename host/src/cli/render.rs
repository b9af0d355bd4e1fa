//! Problems and JSON as they are written: a picture on a terminal, plain sentences elsewhere, JSON on request.
//!
//! Nothing written here can move a terminal's cursor or turn its text around, whoever chose the words.

use std::borrow::Cow;
use std::ffi::OsString;

use miette::{GraphicalReportHandler, GraphicalTheme, NarratableReportHandler};
use serde::Serialize;

use crate::problem::{Level, Problem, Span};

/// What a stream can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Sentences.
    Plain,
    /// Frames and arrows without colour.
    Uncoloured,
    /// Frames and arrows in colour.
    Coloured,
}

impl Look {
    /// By the stream, `TERM` and `NO_COLOR` (no-color.org: any value but the empty one).
    pub(super) fn of(is_terminal: bool, variable: impl Fn(&str) -> Option<OsString>) -> Look {
        if !is_terminal || variable("TERM").is_some_and(|term| term == "dumb") {
            return Look::Plain;
        }
        match variable("NO_COLOR") {
            Some(value) if !value.is_empty() => Look::Uncoloured,
            _ => Look::Coloured,
        }
    }
}

/// A problem for people.
pub(super) fn problem(problem: &Problem, look: Look) -> String {
    let problem = harmless(problem);
    let mut text = String::new();
    let rendered = match look {
        Look::Plain => NarratableReportHandler::new().render_report(&mut text, &problem),
        Look::Uncoloured => graphical(GraphicalTheme::unicode_nocolor()).render_report(&mut text, &problem),
        Look::Coloured => graphical(GraphicalTheme::unicode()).render_report(&mut text, &problem),
    };
    match rendered {
        Ok(()) => text,
        // A span outside its text, for one: the words must come through all the same.
        Err(_) => format!("{}: {problem}", problem.code),
    }
}

/// One line of it for lists: `error ocap::component::missing (matcher/index, since 2026-01-02T03:04:05.678Z): the component is missing`.
pub(super) fn problem_line(problem: &Problem) -> String {
    let problem = harmless(problem);
    let level = match problem.level {
        Level::Error => "error",
        Level::Advice => "advice",
    };
    let whose = match (&problem.subcluster, &problem.vat) {
        (Some(subcluster), Some(vat)) => Some(format!("{subcluster}/{vat}")),
        (Some(subcluster), None) => Some(subcluster.clone()),
        _ => None,
    };
    let since = problem.since.map(|since| format!("since {since}"));
    let beside: Vec<String> = whose.into_iter().chain(since).collect();
    let beside = if beside.is_empty() { String::new() } else { format!(" ({})", beside.join(", ")) };
    let help = problem.help.map(|help| format!("\n  help: {help}")).unwrap_or_default();
    format!("{level} {}{beside}: {}{help}", problem.code, problem.message)
}

/// JSON on one line.
pub(super) fn json_line<T: Serialize>(value: &T) -> String {
    escape_json(&serde_json::to_string(value).expect("the answers' types have only text for keys"))
}

/// JSON for people and programs, on many lines.
pub(super) fn json_document<T: Serialize>(value: &T) -> String {
    escape_json(&serde_json::to_string_pretty(value).expect("the answers' types have only text for keys"))
}

/// Text with what would command a terminal made visible; line ends stay.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(commands_a_terminal) {
        return Cow::Borrowed(text);
    }
    let show = |c: char| if commands_a_terminal(c) { c.escape_unicode().to_string() } else { c.to_string() };
    Cow::Owned(text.chars().map(show).collect())
}

/// Lines are kept whole, so that paths and commands can be copied.
fn graphical(theme: GraphicalTheme) -> GraphicalReportHandler {
    GraphicalReportHandler::new_themed(theme).with_links(false).with_wrap_lines(false)
}

fn harmless(problem: &Problem) -> Problem {
    let escaped = |text: &String| escape(text).into_owned();
    Problem {
        code: escaped(&problem.code),
        level: problem.level,
        message: escaped(&problem.message),
        causes: problem.causes.iter().map(escaped).collect(),
        errno: problem.errno,
        help: problem.help.as_ref().map(escaped),
        subcluster: problem.subcluster.as_ref().map(escaped),
        subcluster_id: problem.subcluster_id.as_ref().map(escaped),
        vat: problem.vat.as_ref().map(escaped),
        vat_id: problem.vat_id.as_ref().map(escaped),
        since: problem.since.as_ref().map(escaped),
        path_written: problem.path_written.as_ref().map(escaped),
        path_resolved: problem.path_resolved.as_ref().map(escaped),
        span: problem.span.as_deref().map(|span| Box::new(harmless_span(span))),
    }
}

/// In a source text every byte must stay in its place, for the offsets' sake.
fn harmless_span(span: &Span) -> Span {
    let keep = |c: char| if commands_a_terminal(c) { "?".repeat(c.len_utf8()) } else { c.to_string() };
    let text = span.text.chars().map(keep).collect();
    Span { file: escape(&span.file).into_owned(), text, label: escape(&span.label).into_owned(), ..*span }
}

/// Outside of strings JSON has nothing of the kind, and inside `\u` means the same.
pub(super) fn escape_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if commands_a_terminal(c) {
            text.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            text.push(c);
        }
    }
    text
}

/// Control characters, and those that turn the direction of the text around them.
fn commands_a_terminal(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing() -> Problem {
        let text = "name = \"matcher\"\n\n[vats.index]\ncomponent = \"index.wasm\"\n";
        let offset = text.find("\"index.wasm\"").expect("it is there");
        let mut problem = Problem::new("ocap::component::missing", "the component of this vat is missing")
            .of_vat("matcher", "index")
            .in_subcluster("s1")
            .begun(1_709_251_199_999)
            .at_path("index.wasm", "/vats/matcher/index.wasm")
            .with_help("build it, then `ocap-host quarantine retry matcher/index`");
        problem.vat_id = Some("v2".into());
        problem.causes.push("no such file".into());
        problem.span = Some(Box::new(Span {
            file: "subcluster.toml".into(),
            text: text.into(),
            offset,
            length: 12,
            label: "declared here".into(),
        }));
        problem
    }

    #[test]
    fn a_problem_on_a_terminal_is_a_picture() {
        let expected = "\
ocap::component::missing

  × the component of this vat is missing
  │ vat: matcher/index (v2 of s1)
  │ since: 2024-02-29T23:59:59.999Z
  │ path as written: index.wasm
  │ path as resolved: /vats/matcher/index.wasm
  │ because: no such file
   ╭─[subcluster.toml:4:13]
 3 │ [vats.index]
 4 │ component = \"index.wasm\"
   ·             ──────┬─────
   ·                   ╰── declared here
   ╰────
  help: build it, then `ocap-host quarantine retry matcher/index`
";
        assert_eq!(problem(&missing(), Look::Uncoloured), expected);
    }

    #[test]
    fn a_problem_elsewhere_is_told_in_sentences() {
        let expected = "\
the component of this vat is missing
vat: matcher/index (v2 of s1)
since: 2024-02-29T23:59:59.999Z
path as written: index.wasm
path as resolved: /vats/matcher/index.wasm
because: no such file
    Diagnostic severity: error
Begin snippet for subcluster.toml starting at line 3, column 1

snippet line 3: [vats.index]
snippet line 4: component = \"index.wasm\"
    label at line 4, columns 13 to 24: declared here
diagnostic help: build it, then `ocap-host quarantine retry matcher/index`
diagnostic code: ocap::component::missing
";
        assert_eq!(problem(&missing(), Look::Plain), expected);
    }

    #[test]
    fn a_problem_as_json_has_every_field_by_its_name() {
        let mut short = missing();
        short.span = None;
        let expected = concat!(
            r#"{"$type":"problem","code":"ocap::component::missing","level":"error","#,
            r#""message":"the component of this vat is missing","causes":["no such file"],"#,
            r#""help":"build it, then `ocap-host quarantine retry matcher/index`","subcluster":"matcher","subcluster_id":"s1","#,
            r#""vat":"index","vat_id":"v2","since":"2024-02-29T23:59:59.999Z","#,
            r#""path_written":"index.wasm","path_resolved":"/vats/matcher/index.wasm"}"#,
        );
        assert_eq!(json_line(&short), expected);
        let whole: serde_json::Value = serde_json::from_str(&json_document(&missing())).expect("json");
        assert_eq!(whole["span"]["offset"], 43);
    }

    #[test]
    fn a_problem_in_a_list_is_a_line_and_its_help() {
        let expected = "error ocap::component::missing (matcher/index, since 2024-02-29T23:59:59.999Z): \
                        the component of this vat is missing\n  \
                        help: build it, then `ocap-host quarantine retry matcher/index`";
        assert_eq!(problem_line(&missing()), expected);
    }

    #[test]
    fn colour_is_there_only_when_asked_for() {
        assert!(problem(&missing(), Look::Coloured).contains('\u{1b}'));
        assert!(!problem(&missing(), Look::Uncoloured).contains('\u{1b}'));
    }

    #[test]
    fn no_words_move_the_cursor_or_turn_the_text_around() {
        let evil = "a\u{1b}[2Jb\u{9b}31mc\u{202e}d\r";
        let mut problem_ = missing();
        problem_.message = evil.into();
        problem_.span.as_mut().expect("a span").text = format!("#{evil}\ncomponent = \"index.wasm\"\n");
        for text in [problem(&problem_, Look::Plain), problem(&problem_, Look::Uncoloured), json_line(&evil)] {
            assert!(!text.contains(['\u{1b}', '\u{9b}', '\u{202e}', '\r']), "{text:?}");
        }
        assert_eq!(serde_json::from_str::<String>(&json_line(&evil)).expect("json"), evil);
    }

    #[test]
    fn a_problem_whose_span_leads_nowhere_is_told_all_the_same() {
        let mut problem_ = missing();
        problem_.span.as_mut().expect("a span").offset = 10_000;
        let text = problem(&problem_, Look::Uncoloured);
        assert!(text.contains("the component of this vat is missing"), "{text}");
    }

    #[test]
    fn the_look_follows_the_stream_and_the_users_wishes() {
        let with = |set: &'static [(&str, &str)]| {
            move |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        };
        assert_eq!(Look::of(false, with(&[])), Look::Plain);
        assert_eq!(Look::of(true, with(&[])), Look::Coloured);
        assert_eq!(Look::of(true, with(&[("NO_COLOR", "1")])), Look::Uncoloured);
        assert_eq!(Look::of(true, with(&[("NO_COLOR", "")])), Look::Coloured);
        assert_eq!(Look::of(true, with(&[("TERM", "dumb")])), Look::Plain);
    }
}
