//! `reset`: everything that a home's vats ever were is forgotten.

use serde::Serialize;

use super::confirm::{self, Confirmation};
use super::exit::ExitStatus;
use super::render::escape;
use super::session::Session;
use crate::boot::reset::{self, Loss};
use crate::problem::Problem;

/// Forget every vat of a stopped home, with everything they keep; host.toml, the log and compiled code stay
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP)]
pub(super) struct ResetArgs {
    #[command(flatten)]
    confirmation: Confirmation,
}

/// What is gone.
#[derive(Debug, Serialize)]
#[serde(tag = "$type", rename = "reset")]
struct Gone {
    /// The names of all subclusters; null if the store could not be read.
    subclusters: Option<Vec<String>>,
    /// How many vats lived in them.
    vats: u64,
    /// How many bytes of the disk are free again.
    bytes: u64,
}

pub(super) fn run(args: &ResetArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let home = session.home()?.ok_or_else(|| reset::no_home(session.home_path()))?;
    if !args.confirmation.is_given() {
        let lost = sentence(&reset::preview(&home, session.powers())?);
        let message = format!("this would forget for good: {lost}");
        confirm::ask(session, confirm::unconfirmed(message, &home.command("reset --yes")))?;
    }
    let loss = reset::reset(&home, session.powers())?;
    let text = format!("forgotten: {}", sentence(&loss));
    let Loss { subclusters, vats, bytes } = loss;
    session.answer(&Gone { subclusters, vats, bytes }, |_| text)?;
    Ok(ExitStatus::Ok)
}

fn sentence(loss: &Loss) -> String {
    let Loss { subclusters, vats, bytes } = loss;
    match subclusters {
        None => format!("a store that can't be read, {bytes} bytes in all"),
        Some(names) if names.is_empty() => format!("no subclusters, {bytes} bytes"),
        Some(names) => {
            format!("subclusters {}, {vats} vats in all, {bytes} bytes", escape(&names.join(", ")))
        }
    }
}
