//! `pin`, `pins`, `unpin`: references that are kept for the operator.

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
    let pin: Pin = session.client()?.post("/v1/unpin", &UnpinBody { id: args.id.clone() })?;
    session.answer(&pin, |pin| format!("{} keeps {} no longer", escape(&pin.id), pin.reference))?;
    Ok(ExitStatus::Ok)
}

fn row(pin: &Pin) -> [String; 3] {
    [pin.id.clone(), pin.reference.clone(), pin.label.clone().unwrap_or_default()]
}
