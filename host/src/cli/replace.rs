//! `--if-changed replace`: what runs from another declaration ends with everything that it keeps, so somebody has to say yes.

use std::path::Path;

use super::client::Client;
use super::confirm::{self, Confirmation};
use super::launch::Changed;
use super::run::HostArgs;
use super::session::Session;
use super::terminate;
use crate::boot::reset::{self, Loss};
use crate::daemon::requests::{Ending, LaunchBody, LaunchPlan, Outcome, TerminateBody};
use crate::problem::Problem;

/// Asks before a launch on a running host ends something. One that ends nothing is not asked about.
///
/// # Errors
/// What the host says against the launch; that nobody has confirmed it.
pub(super) fn ask_running(
    client: &mut Client,
    body: &LaunchBody,
    file: &Path,
    confirmation: &Confirmation,
    session: &Session,
) -> Result<(), Problem> {
    if confirmation.is_given() {
        return Ok(());
    }
    let plan: LaunchPlan = client.post("/v1/launch/plan", body)?;
    if plan.outcome != Outcome::Replace {
        return Ok(());
    }
    session.answer_json_only(&plan)?;
    let ending = TerminateBody { subcluster: plan.name.clone(), vat: None };
    let ending: Ending = client.post("/v1/terminate/preview", &ending)?;
    let message = format!("this would end `{}`, forget everything that it keeps, and launch it anew", plan.name);
    let again = format!("ocap-host launch --if-changed replace --yes {}", file.display());
    let mut preview = confirm::unconfirmed(message, &again);
    preview.causes = terminate::losses(&ending);
    confirm::ask(session, preview)
}

/// Asks before a host starts that may end something. Which of its subclusters have changed is known only when it runs.
///
/// # Errors
/// That nobody has confirmed it.
pub(super) fn ask_at_rest(verb: &str, args: &HostArgs, session: &Session) -> Result<(), Problem> {
    if args.if_changed != Changed::Replace || args.confirmation.is_given() {
        return Ok(());
    }
    let Some(home) = session.home()? else { return Ok(()) };
    // What keeps a look from the home keeps the host from it too, and that is its own to say.
    let Ok(Loss { subclusters: Some(names), .. }) = reset::preview(&home, session.powers()) else { return Ok(()) };
    if names.is_empty() {
        return Ok(());
    }
    let files: String = args.files.iter().map(|file| format!(" {}", file.display())).collect();
    let message = "this would end what is declared otherwise by now, or has other components, and forget everything that it keeps";
    let again = home.command(&format!("{verb} --if-changed replace --yes{files}"));
    let mut preview = confirm::unconfirmed(message, &again);
    preview.causes = names.iter().map(|name| format!("subcluster {name}, if it has changed")).collect();
    confirm::ask(session, preview)
}
