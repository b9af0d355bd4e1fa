//! A vat's code: what a component exports, as functions.

use std::sync::Arc;

use ocap_guest_sdk::bindings::exports::ocap::vat::lifecycle::Boot;
use ocap_guest_sdk::bindings::ocap::vat::kernel::{Cap, Payload};
use ocap_guest_sdk::vat::{self, Vat};

/// The exports of a vat that are its own; the others are the same for all.
#[derive(Clone, Copy)]
pub(crate) struct Code {
    /// The type of its root.
    pub(crate) name: &'static str,
    pub(crate) start: fn(Boot) -> Result<(), String>,
    pub(crate) deliver: fn(u64, &str, Payload, Option<Cap>),
}

impl Code {
    pub(crate) fn of<R: Vat>() -> Code {
        Code { name: std::any::type_name::<R>(), start: vat::start::<R>, deliver: vat::deliver::<R> }
    }
}

/// What an incarnation is told about itself.
#[derive(Clone)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) parameters: Arc<[u8]>,
    /// The code of the incarnation before, if it was another.
    pub(crate) upgraded_from: Option<String>,
}
