//! `terminate`: the end of a subcluster or a vat, and of everything that it keeps.

use super::confirm::{self, Confirmation};
use super::exit::ExitStatus;
use super::render::escape;
use super::session::Session;
use crate::daemon::requests::{Ending, Scope, TerminateBody, Terminated};
use crate::problem::Problem;

/// End a subcluster or one vat for good, with everything it keeps
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::with_examples(&["ocap-host terminate matcher", "ocap-host terminate matcher/index --yes"]))]
pub(super) struct TerminateArgs {
    /// `subcluster`, or `subcluster/vat` for one vat of it
    #[arg(add = super::live::targets())]
    target: String,
    #[command(flatten)]
    confirmation: Confirmation,
}

pub(super) fn run(args: &TerminateArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let body = body(&args.target);
    let mut client = session.client()?;
    if !args.confirmation.is_given() {
        let ending: Ending = client.post("/v1/terminate/preview", &body)?;
        session.answer_json_only(&ending)?;
        confirm::ask(session, unconfirmed(&ending, &args.target))?;
    }
    let terminated: Terminated = client.post("/v1/terminate", &body)?;
    session.answer(&terminated, |terminated| told("terminated", terminated))?;
    Ok(ExitStatus::Ok)
}

/// What has ended, and how.
pub(super) fn told(how: &str, terminated: &Terminated) -> String {
    let (name, vats) = (escape(&terminated.name), terminated.vats.join(", "));
    match terminated.scope {
        Scope::Subcluster => format!("{how}: {name}, vats {}", escape(&vats)),
        Scope::Vat => format!("{how}: {name}/{}", escape(&vats)),
    }
}

/// `subcluster` or `subcluster/vat` as a request.
pub(super) fn body(target: &str) -> TerminateBody {
    match target.split_once('/') {
        Some((subcluster, vat)) => TerminateBody { subcluster: subcluster.to_owned(), vat: Some(vat.to_owned()) },
        None => TerminateBody { subcluster: target.to_owned(), vat: None },
    }
}

/// What would end, as the reason why nothing was done.
fn unconfirmed(ending: &Ending, target: &str) -> Problem {
    let message = format!("this would end `{target}` and forget everything that it keeps");
    let mut problem = confirm::unconfirmed(message, &format!("ocap-host terminate {target} --yes"));
    problem.causes = losses(ending);
    problem
}

/// What would be lost, a line each.
pub(super) fn losses(ending: &Ending) -> Vec<String> {
    let mut losses: Vec<String> = ending
        .vats
        .iter()
        .map(|vat| {
            let exports = many(vat.exports, "object that others can reach", "objects that others can reach");
            let queued = many(vat.queued, "message that waits", "messages that wait");
            format!("vat {}/{} ({}): {exports}, {queued}", ending.name, vat.name, vat.id)
        })
        .collect();
    losses.extend(ending.channels.iter().map(|channel| format!("channel {}/{channel}", ending.name)));
    if ending.scope == Scope::Vat && ending.vats.iter().any(|vat| vat.name == ending.bootstrap) {
        losses.push(format!("it is the vat that answers for `{}`, which would have none", ending.name));
    }
    losses
}

fn many(count: u64, one: &str, more: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { more })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::daemon::requests::EndingVat;

    #[test]
    fn a_preview_names_the_vats_with_what_would_be_lost() {
        let ending = Ending {
            id: "s1".into(),
            name: "matcher".into(),
            scope: Scope::Vat,
            bootstrap: "matcher".into(),
            vats: vec![EndingVat { id: "v1".into(), name: "matcher".into(), exports: 1, queued: 3 }],
            channels: vec![],
        };
        let problem = unconfirmed(&ending, "matcher/matcher");
        assert_eq!(problem.code, "ocap::usage::unconfirmed");
        assert_eq!(
            problem.causes,
            [
                "vat matcher/matcher (v1): 1 object that others can reach, 3 messages that wait",
                "it is the vat that answers for `matcher`, which would have none",
            ]
        );
    }

    #[test]
    fn a_name_with_a_stroke_is_a_vat() {
        assert_eq!(body("a"), TerminateBody { subcluster: "a".into(), vat: None });
        assert_eq!(body("a/b"), TerminateBody { subcluster: "a".into(), vat: Some("b".into()) });
    }
}
