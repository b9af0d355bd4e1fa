//! What every command works with: the home, the way to the host, and the two streams.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Format;
use super::client::{Client, Flow};
use super::config::Origin;
use super::confirm;
use super::render::{self, Look};
use crate::daemon::log::Form;
use crate::daemon::{Home, home};
use crate::powers::Powers;
use crate::problem::Problem;

/// One run of the command line.
#[derive(Debug, Clone)]
pub(super) struct Session {
    powers: Powers,
    format: Format,
    home: PathBuf,
    home_origin: Origin,
    stdout: Look,
    stderr: Look,
}

impl Session {
    /// Without a home yet, so that there is a way to say that there is none.
    pub(super) fn new(powers: Powers, format: Format) -> Session {
        let variable = |name: &str| powers.variable(name);
        Session {
            powers,
            format,
            home: PathBuf::new(),
            home_origin: Origin::Default,
            stdout: Look::of(io::stdout().is_terminal(), variable),
            stderr: Look::of(io::stderr().is_terminal(), variable),
        }
    }

    /// The same on the home that the user means.
    pub(super) fn choose_home(&self, named: Option<PathBuf>) -> Result<Session, Problem> {
        let home = home::choose(named, |name| self.powers.variable(name))?;
        Ok(Session { home: self.absolute(&home)?, ..self.clone() })
    }

    /// The same, for which this said which home is meant.
    pub(super) fn with_home_origin(self, home_origin: Origin) -> Session {
        Session { home_origin, ..self }
    }

    /// What said which home is meant.
    pub(super) fn home_origin(&self) -> &Origin {
        &self.home_origin
    }

    pub(super) fn powers(&self) -> Powers {
        self.powers
    }

    /// How answers are to be written.
    pub(super) fn format(&self) -> Format {
        self.format
    }

    /// The home's absolute path; it need not exist.
    pub(super) fn home_path(&self) -> &Path {
        &self.home
    }

    /// The home, if there is one.
    pub(super) fn home(&self) -> Result<Option<Home>, Problem> {
        Home::open(&self.home, self.powers)
    }

    /// A connection to the running host.
    pub(super) fn client(&self) -> Result<Client, Problem> {
        Client::connect(self)
    }

    /// What the running host answers to one question that changes nothing.
    pub(super) fn ask<T: DeserializeOwned>(&self, path: &str) -> Result<T, Problem> {
        Client::ask(self, path)
    }

    /// A path that the user wrote, as it is from the root.
    pub(super) fn absolute(&self, path: &Path) -> Result<PathBuf, Problem> {
        self.powers.absolute(path).map_err(|error| {
            Problem::new("ocap::usage::path", format!("the path `{}` leads nowhere", path.display())).because(&error)
        })
    }

    /// Whether there is a person who reads text and can answer a question.
    pub(super) fn can_ask(&self) -> bool {
        self.format == Format::Text && confirm::somebody_is_there(self)
    }

    /// The form of answers, as a word of the command line.
    pub(super) fn format_word(&self) -> &'static str {
        match self.format {
            Format::Text => "text",
            Format::Json => "json",
            Format::Jsonl => "jsonl",
        }
    }

    /// How the host's log looks on stderr.
    pub(super) fn log_form(&self) -> Form {
        match (self.format, self.stderr) {
            (Format::Json | Format::Jsonl, _) => Form::Json,
            (Format::Text, Look::Coloured) => Form::Coloured,
            (Format::Text, Look::Plain | Look::Uncoloured) => Form::Plain,
        }
    }

    /// Writes an answer that has one form only: a script, a page of the manual.
    pub(super) fn print(&self, text: &str) -> Result<(), Problem> {
        self.write(text)
    }

    /// Writes the answer: as JSON, or as text with a line's end.
    pub(super) fn answer<T: Serialize>(&self, answer: &T, text: impl FnOnce(&T) -> String) -> Result<(), Problem> {
        self.write(&match self.format {
            Format::Text => text(answer),
            Format::Json => render::json_document(answer),
            Format::Jsonl => render::json_line(answer),
        })
    }

    /// Writes an answer that people get to read in another form, on stderr.
    pub(super) fn answer_json_only<T: Serialize>(&self, answer: &T) -> Result<(), Problem> {
        match self.format {
            Format::Text => Ok(()),
            Format::Json | Format::Jsonl => self.answer(answer, |_| String::new()),
        }
    }

    /// Writes one of a stream of answers: JSON stays on one line in both its formats.
    pub(super) fn answer_line<T: Serialize>(&self, answer: &T, text: impl FnOnce(&T) -> String) -> Result<(), Problem> {
        self.write(&match self.format {
            Format::Text => text(answer),
            Format::Json | Format::Jsonl => render::json_line(answer),
        })
    }

    /// Writes an answer that is a document of its own, for other programs.
    pub(super) fn answer_document(&self, document: &str) -> Result<(), Problem> {
        self.write(document)
    }

    /// Writes a line of a stream that is JSON already, as it is or as text.
    pub(super) fn stream_line(&self, line: &str, text: impl FnOnce(&str) -> String) -> Result<Flow, Problem> {
        let line = match self.format {
            Format::Text => text(line),
            Format::Json | Format::Jsonl => render::escape_json(line),
        };
        self.write_on(&line)
    }

    /// A problem that is an answer, as it is written on stdout.
    pub(super) fn problem_text(&self, problem: &Problem) -> String {
        render::problem(problem, self.stdout)
    }

    /// Shows a problem on stderr.
    pub(super) fn tell(&self, problem: &Problem) {
        let text = match self.format {
            Format::Text => render::problem(problem, self.stderr),
            Format::Json | Format::Jsonl => render::json_line(problem),
        };
        // Nobody is left to tell if stderr is closed.
        let _ = writeln!(io::stderr().lock(), "{}", text.trim_end());
    }

    /// Says on stderr what is being done: to a person at a terminal, and nobody else.
    pub(super) fn progress(&self, text: &str) {
        if self.format == Format::Text && self.stderr != Look::Plain {
            let _ = writeln!(io::stderr().lock(), "{}", render::escape(text));
        }
    }

    /// A reader that has seen enough (`| head`) is no fault.
    fn write(&self, text: &str) -> Result<(), Problem> {
        self.write_on(text).map(drop)
    }

    fn write_on(&self, text: &str) -> Result<Flow, Problem> {
        let mut stdout = io::stdout().lock();
        match writeln!(stdout, "{}", text.trim_end()).and_then(|()| stdout.flush()) {
            Ok(()) => Ok(Flow::On),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Flow::Enough),
            Err(error) => Err(Problem::new("ocap::cli::stdout", "the answer can't be written").because(&error)),
        }
    }
}
