//! `prune`: what no vat needs any more leaves the disk.

use super::absence;
use super::confirm::{self, Confirmation};
use super::exit::ExitStatus;
use super::session::Session;
use super::table::table;
use crate::boot::prune::{self, Prune};
use crate::daemon::requests::{PruneBody, PruneOutcome, Pruned, Unneeded};
use crate::problem::Problem;

/// Remove stored components and compiled code that no vat needs, running or stopped
///
/// A component is needed by a vat that runs it or could be rolled back to it, and by a declaration that names it by its digest.
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::with_examples(&["ocap-host prune --dry-run"]))]
pub(super) struct PruneArgs {
    /// Say what would be removed, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    confirmation: Confirmation,
}

pub(super) fn run(args: &PruneArgs, session: &Session) -> Result<ExitStatus, Problem> {
    if args.dry_run || !args.confirmation.is_given() {
        let planned = carry_out(Prune::Plan, session)?;
        if args.dry_run {
            session.answer(&planned, text)?;
            return Ok(ExitStatus::Ok);
        }
        // Nobody need be asked about nothing.
        if planned.bytes > 0 {
            session.answer_json_only(&planned)?;
            let mut preview = confirm::unconfirmed(
                format!("this would remove {} bytes that no vat needs", planned.bytes),
                "ocap-host prune --yes",
            );
            preview.causes = planned.components.iter().map(|one| line("component", one)).collect();
            preview.causes.extend(planned.compiled.iter().map(|one| line("compiled code", one)));
            confirm::ask(session, preview)?;
        }
    }
    session.answer(&carry_out(Prune::Now, session)?, text)?;
    Ok(ExitStatus::Ok)
}

fn carry_out(how: Prune, session: &Session) -> Result<Pruned, Problem> {
    let Some(home) = session.home()? else { return Err(absence::no_home(session.home_path())) };
    match (prune::stopped(&home, session.powers(), how)?, how) {
        (Some(pruned), _) => Ok(pruned),
        (None, Prune::Plan) => session.client()?.get("/v1/prune/plan"),
        (None, Prune::Now) => session.client()?.post("/v1/prune", &PruneBody {}),
    }
}

fn line(kind: &str, one: &Unneeded) -> String {
    format!("{kind} {}, {} bytes", one.name, one.bytes)
}

fn text(pruned: &Pruned) -> String {
    let Pruned { outcome, components, compiled, bytes } = pruned;
    let done = match outcome {
        _ if components.is_empty() && compiled.is_empty() => return "everything there is is needed".to_owned(),
        PruneOutcome::Planned => "would be removed; nothing was changed",
        PruneOutcome::Pruned => "removed",
    };
    let row = |kind: &str, one: &Unneeded| [kind.to_owned(), one.name.clone(), one.bytes.to_string()];
    let rows = components.iter().map(|one| row("component", one));
    let rows = rows.chain(compiled.iter().map(|one| row("compiled code", one)));
    format!("{bytes} bytes {done}\n\n{}", table(["WHAT", "NAME", "BYTES"], rows))
}
