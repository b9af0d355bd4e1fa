//! One line of the log: its shape for programs, and its words for people.

use std::collections::BTreeMap;
use std::fmt::Write;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::schema::typed;

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "log")]
#[schemars(transform = typed("log"))]
pub struct LogLine {
    /// When, in UTC, as RFC 3339 has it.
    pub timestamp: String,
    /// How important it is.
    pub level: LogLevel,
    /// Who says it: a part of the host, or `vat` for a vat's own words.
    pub target: String,
    /// What is said. A vat's words are escaped.
    pub message: String,
    /// The subcluster that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subcluster: Option<String>,
    /// The vat that it is about or by: as `subcluster/vat`, or the vat's name beside `subcluster`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vat: Option<String>,
    /// What else there is. What a vat added to its own words is in `fields`.
    #[serde(flatten)]
    pub more: BTreeMap<String, Value>,
}

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum LogLevel {
    /// Every step.
    Trace,
    /// For whoever looks for a fault.
    Debug,
    /// Worth knowing.
    Info,
    /// Something is odd.
    Warn,
    /// Something does not work.
    Error,
}

/// Whether a level is told apart by its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// By its word alone.
    Plain,
    /// By colour too.
    Coloured,
}

/// What programs get by other names, or people in other words.
const NOT_FOR_PEOPLE: [&str; 2] = [EVENT, "stream"];

/// The field with the event that a line tells of.
pub(in crate::daemon) const EVENT: &str = "event";
/// The field with what a vat added to its words.
pub(super) const FIELDS: &str = "fields";

impl LogLine {
    /// The JSON object, without a line's end.
    pub fn json(&self) -> String {
        serde_json::to_string(self).expect("a line has only text for keys")
    }

    /// Reads a line of the log's file; `None` for what is none, such as one that was cut short by a death.
    pub fn parse(line: &str) -> Option<LogLine> {
        let mut line: LogLine = serde_json::from_str(line).ok()?;
        line.more.remove("$type");
        Some(line)
    }

    /// The event that it tells of, as it was told to those who follow.
    pub fn event(&self) -> Option<String> {
        self.more.get(EVENT).map(Value::to_string)
    }

    /// The subcluster or vat that it is about or by: `matcher/index`.
    pub fn label(&self) -> Option<String> {
        match (&self.subcluster, &self.vat) {
            (Some(subcluster), Some(vat)) => Some(format!("{subcluster}/{vat}")),
            (Some(one), None) | (None, Some(one)) => Some(one.clone()),
            (None, None) => None,
        }
    }

    /// In words, without the time: `WARN matcher/index: a crank was undone: it trapped`.
    pub fn text(&self, paint: Paint) -> String {
        let mut text = self.level.painted(paint);
        if let Some(label) = self.label() {
            let _ = write!(text, " {label}:");
        }
        let _ = write!(text, " {}", self.message);
        for (name, value) in self.more.iter().filter(|(name, _)| !NOT_FOR_PEOPLE.contains(&name.as_str())) {
            match value {
                Value::Object(fields) if name == FIELDS => {
                    fields.iter().for_each(|(name, value)| write_field(&mut text, name, value));
                }
                value => write_field(&mut text, name, value),
            }
        }
        text
    }
}

fn write_field(text: &mut String, name: &str, value: &Value) {
    // A `String` takes whatever is written to it.
    let _ = match value.as_str() {
        Some(word) if !word.is_empty() && !word.contains([' ', '"', '=']) => write!(text, " {name}={word}"),
        _ => write!(text, " {name}={value}"),
    };
}

impl LogLevel {
    /// The level of a word, in capitals or not.
    pub fn named(word: &str) -> Option<LogLevel> {
        use LogLevel::{Debug, Error, Info, Trace, Warn};
        [Trace, Debug, Info, Warn, Error].into_iter().find(|level| level.as_str().eq_ignore_ascii_case(word))
    }

    /// The word.
    pub const fn as_str(self) -> &'static str {
        match self {
            LogLevel::Trace => "TRACE",
            LogLevel::Debug => "DEBUG",
            LogLevel::Info => "INFO",
            LogLevel::Warn => "WARN",
            LogLevel::Error => "ERROR",
        }
    }

    fn painted(self, paint: Paint) -> String {
        let colour = match (paint, self) {
            (Paint::Plain, _) => return self.as_str().to_owned(),
            (Paint::Coloured, LogLevel::Error) => 31,
            (Paint::Coloured, LogLevel::Warn) => 33,
            (Paint::Coloured, LogLevel::Info) => 32,
            (Paint::Coloured, LogLevel::Debug | LogLevel::Trace) => 34,
        };
        format!("\u{1b}[{colour}m{}\u{1b}[0m", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(more: Value) -> LogLine {
        LogLine {
            timestamp: "2026-01-02T03:04:05.678Z".into(),
            level: LogLevel::Warn,
            target: "vat".into(),
            message: "it is \"hot\"".into(),
            subcluster: None,
            vat: Some("lamp/lamp".into()),
            more: serde_json::from_value(more).expect("an object"),
        }
    }

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let line = line(json!({ "code": "ocap::x::y", "fields": { "degrees": "90" } }));
        assert_eq!(LogLine::parse(&line.json()).map(|read| read.json()), Some(line.json()));
        assert!(line.json().starts_with(r#"{"$type":"log","timestamp":"#), "{}", line.json());
        assert_eq!(LogLine::parse("{\"timestamp\":\"2026"), None);
    }

    #[test]
    fn people_get_words_and_fields_and_not_what_is_said_already() {
        let line = line(json!({ "fields": { "degrees": "90", "why": "no fan" }, "event": { "kind": "x" }, "pid": 7 }));
        assert_eq!(line.text(Paint::Plain), "WARN lamp/lamp: it is \"hot\" degrees=90 why=\"no fan\" pid=7");
        assert!(line.text(Paint::Coloured).starts_with("\u{1b}[33mWARN\u{1b}[0m lamp"));
    }

    #[test]
    fn a_vats_own_field_is_never_taken_for_one_of_the_hosts() {
        let line = line(json!({ "fields": { "code": "ocap::forged::code" } }));
        let read: Value = serde_json::from_str(&line.json()).expect("json");
        assert_eq!(read.get("code"), None);
    }
}
