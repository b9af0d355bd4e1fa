//! The code of a vat as it is in this process.

use ocap_guest_sdk::bindings::exports::ocap::vat::lifecycle::Boot;
use ocap_guest_sdk::bindings::ocap::vat::kernel::{Cap, Payload};
use ocap_guest_sdk::vat::{self, Vat};

use crate::incarnation::Incarnation;
use crate::machine::{Birth, Code, Machine};

/// The exports of a vat that are its own; the others are the same for all.
#[derive(Clone, Copy)]
pub(crate) struct Native {
    name: &'static str,
    pub(crate) start: fn(Boot) -> Result<(), String>,
    pub(crate) deliver: fn(u64, &str, Payload, Option<Cap>),
}

impl Native {
    /// The code whose root is an `R`.
    pub(crate) fn of<R: Vat>() -> Native {
        Native { name: std::any::type_name::<R>(), start: vat::start::<R>, deliver: vat::deliver::<R> }
    }
}

impl Code for Native {
    fn name(&self) -> String {
        self.name.to_owned()
    }

    fn begin(&self, birth: Birth) -> Box<dyn Machine> {
        Box::new(Incarnation::new(*self, birth))
    }
}
