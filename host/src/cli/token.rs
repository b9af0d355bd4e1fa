//! `token`: tokens for clients that are to have less than everything.

use super::confirm::{self, Confirmation};
use super::exit::ExitStatus;
use super::render::escape;
use super::session::Session;
use super::table::table;
use crate::daemon::Home;
use crate::daemon::role::Role;
use crate::daemon::tokens::{self, NewToken, Token, Tokens};
use crate::problem::Problem;
use crate::time::rfc3339;

/// Tokens for clients of the control socket that are to have less than everything
///
/// A client sends `Authorization: Bearer SECRET` and has the token's role. Only such clients are let in at `token.sock` in the home, the
/// socket to hand on; at `control.sock` whoever brings no token is the home's owner.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = super::exit::HELP)]
pub(super) enum TokenCommand {
    /// Make a token, and show its secret this once
    Add {
        /// What you call it
        name: String,
        /// What its bearer may do
        #[arg(long, value_enum)]
        role: RoleWord,
    },
    /// Show which there are, without their secrets
    List,
    /// Take a token back for good; its next request is refused
    Remove {
        /// What you call it
        name: String,
        #[command(flatten)]
        confirmation: Confirmation,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum RoleWord {
    /// Look
    Read,
    /// Also call, launch, restart, upgrade
    Operate,
    /// Also terminate, revoke, stop
    Admin,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Role {
        match word {
            RoleWord::Read => Role::Read,
            RoleWord::Operate => Role::Operate,
            RoleWord::Admin => Role::Admin,
        }
    }
}

pub(super) fn run(command: &TokenCommand, session: &Session) -> Result<ExitStatus, Problem> {
    match command {
        TokenCommand::Add { name, role } => add(name, (*role).into(), session)?,
        TokenCommand::List => list(session)?,
        TokenCommand::Remove { name, confirmation } => remove(name, confirmation, session)?,
    }
    Ok(ExitStatus::Ok)
}

fn add(name: &str, role: Role, session: &Session) -> Result<(), Problem> {
    let home = Home::make(session.home_path(), session.powers())?;
    let token: NewToken = tokens::add(&home, session.powers(), name, role)?;
    session.answer(&token, |token| token.secret.clone())
}

fn list(session: &Session) -> Result<(), Problem> {
    let found = match session.home()? {
        Some(home) => tokens::list(&home)?,
        None => Tokens { tokens: Vec::new(), problems: Vec::new() },
    };
    found.problems.iter().for_each(|problem| session.tell(problem));
    session.answer(&found, |found| match found.tokens.as_slice() {
        [] => "there are no tokens".to_owned(),
        tokens => table(["TOKEN", "ROLE", "MADE"], tokens.iter().map(row)),
    })
}

fn row(token: &Token) -> [String; 3] {
    [token.name.clone(), token.role.as_str().to_owned(), rfc3339(token.made_ms)]
}

fn remove(name: &str, confirmation: &Confirmation, session: &Session) -> Result<(), Problem> {
    let home = session.home()?.ok_or_else(|| super::absence::no_home(session.home_path()))?;
    // One that is not there is not asked about.
    if !confirmation.is_given()
        && let Some(token) = tokens::list(&home)?.tokens.iter().find(|token| token.name == name)
    {
        session.answer_json_only(token)?;
        let message = format!("this would lock out whoever has the token `{name}` ({})", token.role.as_str());
        confirm::ask(session, confirm::unconfirmed(message, &home.command(&format!("token remove {name} --yes"))))?;
    }
    let token = tokens::remove(&home, name)?;
    session.answer(&token, |token| format!("removed: {}", escape(&token.name)))
}
