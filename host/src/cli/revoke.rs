//! `revoke`: what was given answers no more.

use super::caps::{holder_line, holders_text};
use super::confirm::{self, Confirmation};
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
    #[command(flatten)]
    confirmation: Confirmation,
}

pub(super) fn run(args: &RevokeArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let body = RevokeBody { target: args.target.clone(), grant: args.grant.clone() };
    if args.dry_run {
        let plan: RevokePlan = session.client()?.post("/v1/revoke/plan", &body)?;
        session.answer(&plan, plan_text)?;
        return Ok(ExitStatus::Ok);
    }
    let mut client = session.client()?;
    if !args.confirmation.is_given() {
        let plan: RevokePlan = client.post("/v1/revoke/plan", &body)?;
        // Nobody need be asked about nothing.
        if !plan.already {
            session.answer_json_only(&plan)?;
            confirm::ask(session, unconfirmed(&plan))?;
        }
    }
    let revoked: Revoked = client.post("/v1/revoke", &body)?;
    session.answer(&revoked, text)?;
    Ok(ExitStatus::Ok)
}

/// Who would lose what, as the reason why nothing was done.
fn unconfirmed(plan: &RevokePlan) -> Problem {
    let RevokePlan { target, grant, reference, what, holders, left_out, messages, .. } = plan;
    let words = grant.as_ref().map_or_else(|| target.clone(), |grant| format!("{target} {grant}"));
    let message = format!("this would take back {reference}, {what}, for good");
    let mut problem = confirm::unconfirmed(message, &format!("ocap-host revoke {words} --yes"));
    problem.causes = holders.iter().map(holder_line).collect();
    if *left_out > 0 {
        problem.causes.push(format!("{left_out} more hold it"));
    }
    if *messages > 0 {
        problem.causes.push(format!("messages that wait and would be answered `object-revoked`: {messages}"));
    }
    problem
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
