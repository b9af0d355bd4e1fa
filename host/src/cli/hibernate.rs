//! `hibernate`: one vat leaves memory now.

use super::exit::ExitStatus;
use super::render::escape;
use super::session::Session;
use crate::daemon::requests::{Before, Force, HibernateBody, Hibernated};
use crate::problem::Problem;

/// Let a vat leave memory now; its next delivery brings it back
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP)]
pub(super) struct HibernateArgs {
    /// As `subcluster/vat`
    #[arg(add = super::live::vats())]
    vat: String,
    /// Also if it waits for something: that is lost, and promises that it was going to settle break
    #[arg(long)]
    force: bool,
}

pub(super) fn run(args: &HibernateArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let force = if args.force { Force::Always } else { Force::OnlyAtRest };
    let body = HibernateBody { vat: args.vat.clone(), force };
    let hibernated: Hibernated = session.client()?.post("/v1/hibernate", &body)?;
    session.answer(&hibernated, |hibernated| {
        let vat = escape(&hibernated.vat);
        match hibernated.was {
            Before::Awake => format!("{vat} has left memory"),
            Before::Idle => format!("{vat} was not in memory"),
        }
    })?;
    Ok(ExitStatus::Ok)
}
