//! `revoke`: what was given answers no more.

use super::exit::ExitStatus;
use super::render::escape;
use super::session::Session;
use crate::daemon::requests::{RevokeBody, Revoked, Since};
use crate::problem::Problem;

/// Take back an object or a grant for good: messages to it, queued ones too, are answered `object-revoked`
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::with_examples(&["ocap-host revoke ko7", "ocap-host revoke matcher/matcher io.llm"]))]
pub(super) struct RevokeArgs {
    /// A reference like `ko7` or `kr9`; or with GRANT, the vat that has it, as `subcluster/vat`
    #[arg(add = super::live::vats())]
    target: String,
    /// One grant of that vat: `io.llm`, `vat.index`; others of the same object go on
    grant: Option<String>,
}

pub(super) fn run(args: &RevokeArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let body = RevokeBody { target: args.target.clone(), grant: args.grant.clone() };
    let revoked: Revoked = session.client()?.post("/v1/revoke", &body)?;
    session.answer(&revoked, text)?;
    Ok(ExitStatus::Ok)
}

fn text(revoked: &Revoked) -> String {
    let target = escape(&revoked.target);
    let what = match &revoked.grant {
        Some(grant) => format!("{} of {target}", escape(grant)),
        None => target.into_owned(),
    };
    match revoked.since {
        Since::Now => format!("revoked: {what}"),
        Since::Before => format!("{what} answered no more already"),
    }
}
