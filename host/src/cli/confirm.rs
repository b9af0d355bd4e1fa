//! Acts that can't be taken back: what would happen is said, and somebody has to say yes.

use std::io::{self, IsTerminal, Write};

use super::session::Session;
use crate::problem::Problem;

/// The code of acts that nobody has confirmed.
pub(super) const UNCONFIRMED: &str = "ocap::usage::unconfirmed";

/// `--yes`, for every command that asks.
#[derive(Debug, clap::Args)]
pub(super) struct Confirmation {
    /// Do it without asking; needed where nobody can answer
    #[arg(long)]
    yes: bool,
}

impl Confirmation {
    /// Whether it was given with the command, so that nothing need be shown.
    pub(super) fn is_given(&self) -> bool {
        self.yes
    }
}

/// What would be done, as the reason why it was not. `mend` is the command that does it.
pub(super) fn unconfirmed(message: impl Into<String>, mend: &str) -> Problem {
    Problem::new(UNCONFIRMED, message).with_help(format!("if that is meant: `{mend}`"))
}

/// Shows what would be done and asks, if somebody is there who can answer.
///
/// # Errors
/// The preview itself where nobody can answer, and that nothing was done where the answer is no.
pub(super) fn ask(session: &Session, preview: Problem) -> Result<(), Problem> {
    if !session.can_ask() {
        return Err(preview);
    }
    session.tell(&Problem { help: None, ..preview });
    // Without the question there can be no answer to it.
    let asked = write!(io::stderr().lock(), "Do it? [y/N] ").and_then(|()| io::stderr().flush());
    let mut answer = String::new();
    let heard = asked.and_then(|()| io::stdin().read_line(&mut answer));
    match (heard, answer.trim().to_ascii_lowercase().as_str()) {
        (Ok(_), "y" | "yes") => Ok(()),
        _ => Err(Problem::new("ocap::cli::declined", "nothing was done")),
    }
}

/// Whether a person is there to answer a question.
pub(super) fn somebody_is_there(session: &Session) -> bool {
    let is_automation = session.powers().variable("CI").is_some_and(|value| !value.is_empty());
    io::stdin().is_terminal() && io::stderr().is_terminal() && !is_automation
}
