//! `revoke`: what was given answers no more.

use super::caps::holders_text;
use super::exit::ExitStatus;
use super::render::escape;
use super::session::Session;
use crate::daemon::requests::{RevokeBody, RevokePlan, Revoked, Since};
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
    /// Only say who would lose what
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &RevokeArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let body = RevokeBody { target: args.target.clone(), grant: args.grant.clone() };
    if args.dry_run {
        let plan: RevokePlan = session.client()?.post("/v1/revoke/plan", &body)?;
        session.answer(&plan, plan_text)?;
        return Ok(ExitStatus::Ok);
    }
    let revoked: Revoked = session.client()?.post("/v1/revoke", &body)?;
    session.answer(&revoked, text)?;
    Ok(ExitStatus::Ok)
}

fn plan_text(plan: &RevokePlan) -> String {
    let what = format!("{}, {}", plan.reference, escape(&plan.what));
    if plan.already {
        return format!("{what}, answers no more already");
    }
    let messages = match plan.messages {
        0 => String::new(),
        1 => "\none message that waits would be answered `object-revoked`\n".to_owned(),
        some => format!("\n{some} messages that wait would be answered `object-revoked`\n"),
    };
    match plan.holders.len() as u64 + plan.left_out {
        0 => format!("nobody would lose anything by revoking {what}\n{messages}"),
        some => {
            let ways = if some == 1 { "one way" } else { "ways" };
            let count = if some == 1 { String::new() } else { format!("{some} ") };
            let holders = holders_text(&plan.holders, plan.left_out);
            format!("revoking {what} would end {count}{ways}:\n{holders}{messages}")
        }
    }
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
