//! `dead-letters`: messages that will never be delivered.

use super::confirm::{self, Confirmation};
use super::exit::ExitStatus;
use super::live;
use super::render::escape;
use super::session::Session;
use super::table::table;
use crate::daemon::requests::{DeadLetter, DeadLetters, DropBody, Dropped, LetterBody};
use crate::problem::Problem;

/// Messages that killed the host three times, and answers whose receiver was full.
///
/// Whoever sent one of them has been told so. They hold no capabilities any more, so they can't be sent again: call again instead.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = super::exit::with_examples(&["ocap-host dead-letters list", "ocap-host dead-letters show m12", "ocap-host dead-letters drop --all"]))]
pub(super) enum DeadLettersCommand {
    /// Show which there are
    List,
    /// Show what was in one of them
    Show {
        /// Its number, as `m12`
        #[arg(add = live::dead_letters())]
        id: String,
    },
    /// Forget one of them, or all, after a question
    Drop {
        /// Its number, as `m12`
        #[arg(required_unless_present = "all", conflicts_with = "all", add = live::dead_letters())]
        id: Option<String>,
        /// All of them
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

pub(super) fn run(command: &DeadLettersCommand, session: &Session) -> Result<ExitStatus, Problem> {
    match command {
        DeadLettersCommand::List => list(session)?,
        DeadLettersCommand::Show { id } => show(id, session)?,
        DeadLettersCommand::Drop { id, confirmation, .. } => forget(id.clone(), confirmation, session)?,
    }
    Ok(ExitStatus::Ok)
}

fn list(session: &Session) -> Result<(), Problem> {
    let found: DeadLetters = session.client()?.get("/v1/dead-letters")?;
    session.answer(&found, |found| match found.letters.as_slice() {
        [] => "there are no dead letters".to_owned(),
        letters => table(["ID", "VAT", "METHOD", "BYTES", "WHY"], letters.iter().map(row)),
    })
}

fn row(letter: &DeadLetter) -> [String; 5] {
    let why = letter.why.as_str().to_owned();
    [letter.id.clone(), letter.vat.clone(), letter.method.clone(), letter.bytes.to_string(), why]
}

fn show(id: &str, session: &Session) -> Result<(), Problem> {
    let plain: String = id.chars().filter(char::is_ascii_alphanumeric).collect();
    if plain != id || id.is_empty() {
        return Err(Problem::new("ocap::usage::dead_letter", format!("`{id}` is no number of a dead letter"))
            .with_help("they look like `m12`: `ocap-host dead-letters list`"));
    }
    let letter: DeadLetter = session.client()?.get(&format!("/v1/dead-letters/{id}"))?;
    session.answer(&letter, text)
}

fn text(letter: &DeadLetter) -> String {
    let DeadLetter { id, vat, vat_id, object, method, why, bytes, body } = letter;
    let body = match body {
        Some(LetterBody::Value(value)) => value.to_string(),
        Some(LetterBody::Hex(hex)) => format!("not what vats pass, or cut short; its bytes begin with {hex}"),
        None => String::new(),
    };
    let lines = [
        format!("{id}, for {vat} ({vat_id}): {}", why.as_str()),
        format!("method {method} of {object}, {bytes} bytes"),
        body,
    ];
    lines.map(|line| escape(&line).into_owned()).join("\n")
}

/// One of them, or all where `id` is `None`.
fn forget(id: Option<String>, confirmation: &Confirmation, session: &Session) -> Result<(), Problem> {
    if !confirmation.is_given() {
        let mut found: DeadLetters = session.client()?.get("/v1/dead-letters")?;
        found.letters.retain(|letter| id.as_ref().is_none_or(|id| letter.id == *id));
        // Nobody need be asked about nothing.
        if !found.letters.is_empty() {
            session.answer_json_only(&found)?;
            let (message, which) = match &id {
                Some(id) => (format!("this would forget the dead letter {id}"), id.as_str()),
                None => (format!("this would forget {} dead letters", found.letters.len()), "--all"),
            };
            let mut preview = confirm::unconfirmed(message, &format!("ocap-host dead-letters drop {which} --yes"));
            preview.causes.extend(found.letters.iter().map(|letter| row(letter).join(" ")));
            confirm::ask(session, preview)?;
        }
    }
    let dropped: Dropped = session.client()?.post("/v1/dead-letters/drop", &DropBody { id })?;
    session.answer(&dropped, |dropped| match dropped.ids.as_slice() {
        [] => "there are no dead letters".to_owned(),
        ids => format!("dropped: {}", ids.join(", ")),
    })
}
