//! What killed the last process (kernel-rules D): its markers are read, the kernel draws its conclusions, and the boot itself becomes
//! durable, all before any vat runs. A boot that was not counted could be repeated for ever.

use std::sync::mpsc;

use ocap_kernel::{Consequence, Kernel, VatId};

use crate::daemon::Home;
use crate::daemon::events::Whom;
use crate::daemon::requests::{Happening, Why};
use crate::escape::escape;
use crate::problem::Problem;
use crate::run_loop::markers::{self, Left, Markers};
use crate::store::Store;

use super::house::House;
use super::{calls, reasons};

/// Hears the markers of the last process, makes this boot durable, and begins this boot's markers: a place for each worker.
///
/// # Errors
/// If the store can't be written. Nothing that is wrong with the markers is an error.
pub(super) fn hear(kernel: &mut Kernel, store: &Store, house: &House, workers: usize) -> Result<Markers, Problem> {
    let left = read(&house.home);
    for consequence in kernel.suspect(&left.markers) {
        let (Consequence::SetAside(vat, _) | Consequence::Quarantined(vat) | Consequence::RolledBack(vat)) =
            consequence;
        let advice = carry_out(kernel, house, &consequence).as_advice();
        keep_for_later(kernel, house, &consequence, &advice);
        house.note(reasons::lasting(kernel, house, vat, advice));
    }
    make_durable(kernel, store)?;
    for marker in &left.markers {
        house.events.tell(Whom::vat(&label_of(kernel, marker.vat)), Happening::VatSuspected);
    }
    Ok(Markers::begin(house.home.dir(), kernel.boot(), workers).unwrap_or_else(|error| {
        house.notice(useless(&house.home, &error).as_advice());
        Markers::none()
    }))
}

fn read(home: &Home) -> Left {
    let left = markers::read(home.dir()).unwrap_or_else(|error| {
        crate::daemon::log::record(&useless(home, &error).as_advice());
        Left::default()
    });
    if left.foreign > 0 {
        tracing::warn!("{} records of {} are damaged and were not heard", left.foreign, path(home));
    }
    left
}

fn path(home: &Home) -> String {
    home.path_of(markers::FILE).display().to_string()
}

fn useless(home: &Home, error: &std::io::Error) -> Problem {
    Problem::new("ocap::markers::unusable", format!("{} can't be used", path(home)))
        .because(error)
        .with_help("remove it and start again; until then the host can't tell which delivery killed it")
}

/// What follows beyond the kernel, and the words for it.
fn carry_out(kernel: &mut Kernel, house: &House, consequence: &Consequence) -> Problem {
    match *consequence {
        Consequence::SetAside(vat, message) => {
            let label = label_of(kernel, vat);
            let said =
                format!("the host died three times while a message was delivered to `{label}`: it was set aside");
            Problem::new("ocap::vat::message_set_aside", said)
                .with_help(format!("see what it was: `ocap-host dead-letters show {message}`"))
        }
        Consequence::Quarantined(vat) => {
            let label = label_of(kernel, vat);
            let problem = reasons::deadly(kernel, house, vat);
            reasons::set_aside(kernel, house, vat, problem);
            Problem::new("ocap::vat::set_aside", format!("the host died three times while `{label}` ran alone"))
                .with_help("see what can be done: `ocap-host quarantine list`")
        }
        Consequence::RolledBack(vat) => {
            let label = label_of(kernel, vat);
            let said =
                format!("the host died three times while the new code of `{label}` ran: it has its old code again");
            Problem::new("ocap::vat::rolled_back", said)
                .with_help(format!("mend the component, then `ocap-host upgrade {label} FILE`"))
        }
    }
}

/// What is told of a consequence when it is durable. That of a quarantine is told at every start.
fn keep_for_later(kernel: &Kernel, house: &House, consequence: &Consequence, advice: &Problem) {
    let (vat, what) = match *consequence {
        Consequence::SetAside(vat, message) => {
            let letter = kernel.dead_letters().find(|(id, _)| *id == message).map(|(_, letter)| letter);
            let method = letter.map_or_else(String::new, |letter| escape(&letter.method));
            let why = Why::KilledTheProcess;
            (vat, Happening::DeadLetter { message: message.to_string(), method, why })
        }
        Consequence::Quarantined(_) => return,
        Consequence::RolledBack(vat) => (vat, Happening::VatRolledBack { cause: advice.message.clone() }),
    };
    house.events.tell_later(Whom::vat(&label_of(kernel, vat)), what);
}

fn label_of(kernel: &Kernel, vat: VatId) -> String {
    kernel.vat(vat).map_or_else(|| vat.to_string(), |view| calls::label_of(kernel, view.row))
}

/// What follows for the world waits in the kernel for the loop's first commit.
fn make_durable(kernel: &mut Kernel, store: &Store) -> Result<(), Problem> {
    let (sender, written) = mpsc::channel();
    store.write(kernel.take_commit(), move |result| {
        // Whoever waits is below.
        let _ = sender.send(result);
    });
    written.recv().unwrap_or(Err(crate::store::StoreError::Closed)).map_err(|fault| Problem::from(&fault))
}
