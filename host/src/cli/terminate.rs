//! `terminate`: the end of a subcluster and of everything its vats keep.

use super::exit::ExitStatus;
use super::render::escape;
use super::session::Session;
use crate::daemon::requests::{Status, TerminateBody, Terminated};
use crate::problem::Problem;

/// End a subcluster for good, with everything its vats keep
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP)]
pub(super) struct TerminateArgs {
    /// The subcluster's name
    subcluster: String,
    /// Do it; without this, only say what would end
    #[arg(long)]
    yes: bool,
}

pub(super) fn run(args: &TerminateArgs, session: &Session) -> Result<ExitStatus, Problem> {
    if !args.yes {
        return Err(preview(args, session)?);
    }
    let body = TerminateBody { subcluster: args.subcluster.clone() };
    let terminated: Terminated = session.client()?.post("/v1/terminate", &body)?;
    session.answer(&terminated, |terminated| {
        format!("terminated: {}, vats {}", escape(&terminated.name), escape(&terminated.vats.join(", ")))
    })?;
    Ok(ExitStatus::Ok)
}

/// What would end, as the reason why nothing was done.
fn preview(args: &TerminateArgs, session: &Session) -> Result<Problem, Problem> {
    let status: Status = session.client()?.get("/v1/status")?;
    let name = &args.subcluster;
    let Some(found) = status.subclusters.iter().find(|subcluster| subcluster.name == *name) else {
        let names: Vec<&str> = status.subclusters.iter().map(|subcluster| subcluster.name.as_str()).collect();
        return Err(Problem::new("ocap::target::unknown", format!("there is no subcluster `{name}`"))
            .with_help(format!("these are running: {}", names.join(", "))));
    };
    let vats: Vec<&str> = found.vats.iter().map(|vat| vat.name.as_str()).collect();
    let message = format!("this would end `{name}` and forget everything its vats keep: {}", vats.join(", "));
    Ok(Problem::new("ocap::usage::unconfirmed", message)
        .with_help(format!("if that is meant: `ocap-host terminate {name} --yes`")))
}
