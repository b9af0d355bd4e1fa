//! Pins: references that an operator keeps. Each is a durable object of the host that keeps one.

use std::sync::Arc;

use ocap_kernel::{Kernel, Kref, ObjectId};

use crate::daemon::requests::{Pin, PinBody, Pins, UnpinBody};
use crate::declaration::is_name;
use crate::problem::{Problem, printable};

use super::calls;
use super::house::House;

/// What the name of a pin's object begins with; the label follows.
const NAME: &str = "pin/";
/// What the name that people use begins with; the object's number follows.
const ID: &str = "pin";
/// The most pins: 10,000.
const PINS_MAX: usize = 10_000;

/// Keeps a reference until it is unpinned.
///
/// # Errors
/// If there is no such reference, the label is none, or there are too many pins.
pub(super) async fn pin(house: &Arc<House>, body: PinBody) -> Result<Pin, Problem> {
    let PinBody { reference, label } = body;
    if let Some(label) = label.as_ref().filter(|label| !is_name(label)) {
        let message = format!("`{}` can not be a label", printable(label));
        return Err(
            Problem::new("ocap::usage::label", message).with_help("1 to 64 of the characters a-z, 0-9, `-` and `_`")
        );
    }
    house
        .act(move |run_loop, _| {
            let kernel = run_loop.kernel_mut();
            let kref = calls::find_target(kernel, &reference)?;
            if pins(kernel).count() >= PINS_MAX {
                let message = format!("there are {PINS_MAX} pins, which is the most");
                return Err(Problem::new("ocap::pin::too_many", message)
                    .with_help("see them with `ocap-host pins`, and `ocap-host unpin` those that are not needed"));
            }
            let object = kernel.export(format!("{NAME}{}", label.clone().unwrap_or_default()));
            if let Err(refusal) = kernel.keep(object, Some(kref)) {
                kernel.end_object(object);
                return Err(Problem::new("ocap::target::unknown", refusal.to_string())
                    .with_help("a reference can be pinned for as long as somebody holds it"));
            }
            Ok(Pin { id: format!("{ID}{}", object.0), reference: kref.to_string(), label })
        })
        .await?
}

/// All pins, oldest first.
pub(super) async fn all(house: &Arc<House>) -> Result<Pins, Problem> {
    house.act(|run_loop, _| Pins { pins: pins(run_loop.kernel()).map(|(_, pin)| pin).collect() }).await
}

/// Keeps a reference no longer.
///
/// # Errors
/// If there is no such pin.
pub(super) async fn unpin(house: &Arc<House>, body: UnpinBody) -> Result<Pin, Problem> {
    let UnpinBody { id } = body;
    house
        .act(move |run_loop, _| {
            let kernel = run_loop.kernel_mut();
            let found = pins(kernel).find(|(_, pin)| pin.id == id);
            let (object, pin) = found.ok_or_else(|| {
                Problem::new("ocap::pin::unknown", format!("there is no pin `{}`", printable(&id)))
                    .with_help("`ocap-host pins` lists them")
            })?;
            kernel.end_object(object);
            Ok(pin)
        })
        .await?
}

fn pins(kernel: &Kernel) -> impl Iterator<Item = (ObjectId, Pin)> {
    kernel.host_objects().filter_map(|(object, name)| {
        let label = name.strip_prefix(NAME)?;
        let reference: Kref = kernel.kept_by(object)?;
        let label = (!label.is_empty()).then(|| label.to_owned());
        Some((object, Pin { id: format!("{ID}{}", object.0), reference: reference.to_string(), label }))
    })
}
