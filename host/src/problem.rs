//! A diagnostic on its way to a person: the same words in the terminal, in the log, in a row and on the wire.
//!
//! Every room has its own error types; where one must outlive its call or leave the process it becomes a [`Problem`]. Text that came
//! from a guest is escaped before it gets here.

use std::fmt;

use miette::{Diagnostic, LabeledSpan, Severity, SourceCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::schema::typed;
use crate::time::rfc3339;

/// What happened, to whom, where, why, and what mends it (design sections 7 and 9).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "$type", rename = "problem")]
#[schemars(transform = typed("problem"))]
pub struct Problem {
    /// Stable, for programs and for `explain`: `ocap::component::missing`.
    pub code: String,
    /// Whether something is wrong, or only worth knowing.
    pub level: Level,
    /// What happened, in one sentence.
    pub message: String,
    /// Why, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
    /// The number that the system gave as the cause, if it was the system: `13` for a lack of permission.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno: Option<i32>,
    /// The command that mends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The subcluster that it befell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subcluster: Option<String>,
    /// That subcluster's number: `s1`; absent where it has none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subcluster_id: Option<String>,
    /// The vat that it befell, by its name in the subcluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vat: Option<String>,
    /// That vat's number: `v3`; absent where it has none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vat_id: Option<String>,
    /// When it began, in UTC, as RFC 3339 has it; absent where it is nothing that lasts, such as a refusal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// The path as the user wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_written: Option<String>,
    /// The path that was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_resolved: Option<String>,
    /// The place in a file that declared it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Box<Span>>,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Something does not work.
    Error,
    /// Everything works; somebody should know.
    Advice,
}

/// A place in a text that a person wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Span {
    /// The file's name as written.
    pub file: String,
    /// Its whole text.
    pub text: String,
    /// In bytes from the beginning of the text.
    pub offset: usize,
    /// In bytes.
    pub length: usize,
    /// What is said at that place.
    pub label: String,
}

impl Problem {
    /// An error with nothing but its code and its sentence.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Problem {
        Problem {
            code: code.into(),
            level: Level::Error,
            message: message.into(),
            causes: Vec::new(),
            errno: None,
            help: None,
            subcluster: None,
            subcluster_id: None,
            vat: None,
            vat_id: None,
            since: None,
            path_written: None,
            path_resolved: None,
            span: None,
        }
    }

    /// The same with the command that mends it.
    pub fn with_help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }

    /// The same with the error beneath it, and those beneath that.
    pub fn because(mut self, error: &(dyn std::error::Error + 'static)) -> Problem {
        let mut next = Some(error);
        while let Some(error) = next {
            self.causes.push(error.to_string());
            let number = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::raw_os_error);
            self.errno = self.errno.or(number);
            next = error.source();
        }
        self
    }

    /// The same, said of a vat.
    pub fn of_vat(mut self, subcluster: &str, vat: &str) -> Problem {
        self.subcluster = Some(subcluster.to_owned());
        self.vat = Some(vat.to_owned());
        self
    }

    /// The same with the number of its subcluster.
    pub fn in_subcluster(mut self, id: impl fmt::Display) -> Problem {
        self.subcluster_id = Some(id.to_string());
        self
    }

    /// The same, begun at that time, in milliseconds since 1970, unless it says when already.
    pub fn begun(mut self, at_ms: u64) -> Problem {
        self.since.get_or_insert_with(|| rfc3339(at_ms));
        self
    }

    /// The same, begun when `before` began, if that was the same fault.
    pub fn going_on(mut self, before: Option<&Problem>) -> Problem {
        if let Some(Problem { code, since: Some(since), .. }) = before
            && *code == self.code
        {
            self.since = Some(since.clone());
        }
        self
    }

    /// The same with a path as written and as resolved.
    pub fn at_path(mut self, written: impl fmt::Display, resolved: impl fmt::Display) -> Problem {
        self.path_written = Some(written.to_string());
        self.path_resolved = Some(resolved.to_string());
        self
    }

    /// The same with the place in the file that declared it.
    pub fn in_text(mut self, span: Span) -> Problem {
        self.span = Some(Box::new(span));
        self
    }

    /// The same as advice.
    pub fn as_advice(mut self) -> Problem {
        self.level = Level::Advice;
        self
    }
}

/// Text that somebody else chose, as it may be shown on a terminal: control characters and quotes escaped, and cut after 200 characters.
pub fn printable(text: &str) -> String {
    const CHARACTERS_MAX: usize = 200;
    let mut shown: String = text.chars().take(CHARACTERS_MAX).flat_map(char::escape_debug).collect();
    if text.chars().nth(CHARACTERS_MAX).is_some() {
        shown.push_str("...");
    }
    shown
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.fmt_whose(f)?;
        if let Some(since) = &self.since {
            write!(f, "\nsince: {since}")?;
        }
        if let Some(path) = &self.path_written {
            write!(f, "\npath as written: {path}")?;
        }
        if let Some(path) = &self.path_resolved {
            write!(f, "\npath as resolved: {path}")?;
        }
        for cause in &self.causes {
            write!(f, "\nbecause: {cause}")?;
        }
        Ok(())
    }
}

impl Problem {
    fn fmt_whose(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(subcluster) = &self.subcluster else { return Ok(()) };
        match &self.vat {
            Some(vat) => write!(f, "\nvat: {subcluster}/{vat}")?,
            None => write!(f, "\nsubcluster: {subcluster}")?,
        }
        match (&self.subcluster_id, &self.vat_id) {
            (Some(subcluster), Some(vat)) => write!(f, " ({vat} of {subcluster})"),
            (Some(id), None) | (None, Some(id)) => write!(f, " ({id})"),
            (None, None) => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

impl Diagnostic for Problem {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.code))
    }

    fn severity(&self) -> Option<Severity> {
        Some(match self.level {
            Level::Error => Severity::Error,
            Level::Advice => Severity::Advice,
        })
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help.as_ref().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.span.as_deref().map(|span| span as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.span.as_deref()?;
        Some(Box::new(std::iter::once(LabeledSpan::new(Some(span.label.clone()), span.offset, span.length))))
    }
}

impl SourceCode for Span {
    fn read_span<'a>(
        &'a self,
        span: &miette::SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn miette::SpanContents<'a> + 'a>, miette::MietteError> {
        let contents = self.text.read_span(span, before, after)?;
        Ok(Box::new(miette::MietteSpanContents::new_named(
            self.file.clone(),
            contents.data(),
            *contents.span(),
            contents.line(),
            contents.column(),
            contents.line_count(),
        )))
    }
}
