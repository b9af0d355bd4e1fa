//! What a vat says of its own life: that it stays in memory, and that it ends.

use std::cell::{Cell, RefCell};

use serde::Serialize;

use crate::Error;
use crate::bindings::ocap::vat::kernel;
use crate::body::Body;

thread_local! {
    static PINS: Cell<usize> = const { Cell::new(0) };
    static EXIT: RefCell<Option<Result<Body, Body>>> = const { RefCell::new(None) };
}

/// Keeps this incarnation in memory for as long as it lives; see [`pin`].
#[must_use = "the vat stays in memory only as long as this lives"]
#[derive(Debug)]
pub struct Pin(());

/// Keeps this incarnation in memory, until what it gives is dropped.
///
/// The kernel knows by itself when a vat waits for an answer, or has objects of its incarnation that others hold. Pin what it can't know:
/// something in the heap that is dear to make again. It does not keep the vat over a stop of the host.
pub fn pin() -> Pin {
    if PINS.replace(PINS.get() + 1) == 0 {
        kernel::pin(true);
    }
    Pin(())
}

impl Drop for Pin {
    fn drop(&mut self) {
        let pins = PINS.get() - 1;
        PINS.set(pins);
        if pins == 0 {
            kernel::pin(false);
        }
    }
}

/// Ends the vat for good at the end of this delivery, with all that it keeps, and tells the operator why.
///
/// After `Ok` everything else that the delivery does is done: its answer is given and what it sends goes out. After `Err` nothing of it is done
/// but this, so its caller hears `vat-terminated`, as everybody else who calls the vat from then on. The last of several calls counts.
pub fn exit(reason: Result<impl Serialize, Error>) {
    let reason = reason
        .and_then(|it| Body::write(&it).map_err(|error| Error::new("not-passable", error.to_string())))
        .map_err(Body::error);
    EXIT.set(Some(reason));
}

/// At the end of a delivery, when nothing else is left to be asked of the kernel.
pub(crate) fn end() {
    match EXIT.take() {
        Some(Ok(body)) => body.lend(|parcel| kernel::exit(Ok(parcel))),
        Some(Err(body)) => body.lend(|parcel| kernel::exit(Err(parcel))),
        None => {}
    }
}
