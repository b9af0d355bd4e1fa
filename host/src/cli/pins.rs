//! `pin`, `pins`, `unpin`: references that are kept for the operator.

use super::confirm::{self, Confirmation};
use super::exit::ExitStatus;
use super::render::escape;
use super::session::Session;
use super::table::table;
use crate::daemon::requests::{Pin, PinBody, Pins, UnpinBody};
use crate::problem::Problem;

/// Keep a reference, so that it can be named until it is unpinned
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP)]
pub(super) struct PinArgs {
    /// A reference like `ko7`
    reference: String,
    /// A word to know it by
    #[arg(long, value_name = "WORD")]
    label: Option<String>,
}

/// Show all references that are kept for you
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP)]
pub(super) struct PinsArgs {}

/// Keep a reference no longer; if nobody else holds it, it is gone
#[derive(Debug, clap::Args)]
#[command(after_help = super::exit::HELP)]
pub(super) struct UnpinArgs {
    /// The pin, as `pins` shows it: `pin12`
    #[arg(value_name = "ID", add = super::live::pins())]
    id: String,
    #[command(flatten)]
    confirmation: Confirmation,
}

pub(super) fn pin(args: &PinArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let body = PinBody { reference: args.reference.clone(), label: args.label.clone() };
    let pin: Pin = session.client()?.post("/v1/pin", &body)?;
    session.answer(&pin, |pin| format!("{} keeps {}", pin.id, pin.reference))?;
    Ok(ExitStatus::Ok)
}

pub(super) fn list(_: &PinsArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let pins: Pins = session.client()?.get("/v1/pins")?;
    session.answer(&pins, |pins| match pins.pins.as_slice() {
        [] => "nothing is pinned".to_owned(),
        pins => table(["PIN", "REFERENCE", "LABEL"], pins.iter().map(row)),
    })?;
    Ok(ExitStatus::Ok)
}

pub(super) fn unpin(args: &UnpinArgs, session: &Session) -> Result<ExitStatus, Problem> {
    let mut client = session.client()?;
    if !args.confirmation.is_given() {
        let pins: Pins = client.get("/v1/pins")?;
        // One that is not there is not asked about.
        if let Some(pin) = pins.pins.iter().find(|pin| pin.id == args.id) {
            session.answer_json_only(pin)?;
            let message = format!("this would let go of {}; if nobody else holds it, it is gone", pin.reference);
            confirm::ask(session, confirm::unconfirmed(message, &format!("ocap-host unpin {} --yes", pin.id)))?;
        }
    }
    let pin: Pin = client.post("/v1/unpin", &UnpinBody { id: args.id.clone() })?;
    session.answer(&pin, |pin| format!("{} keeps {} no longer", escape(&pin.id), pin.reference))?;
    Ok(ExitStatus::Ok)
}

fn row(pin: &Pin) -> [String; 3] {
    [pin.id.clone(), pin.reference.clone(), pin.label.clone().unwrap_or_default()]
}
