//! Where an operator decides what other vats may have.

use ocap_guest_sdk::idioms::{Asking, Powerbox};
use ocap_guest_sdk::prelude::*;

/// Has the powerbox.
#[derive(Durable, Default)]
pub struct Warden {
    powerbox: Option<Cap>,
}

#[object]
impl Warden {
    #[started]
    fn open(&mut self) {
        self.powerbox.get_or_insert_with(Powerbox::open);
    }

    /// The side that decides.
    fn powerbox(&self) -> Option<Cap> {
        self.powerbox.clone()
    }

    /// The side that asks, in somebody's name.
    fn asking(&self, who: String) -> Option<Promise<Cap>> {
        self.powerbox.as_ref().map(|powerbox| powerbox.call("asking", (who,)))
    }
}

vat!(Warden, Powerbox, Asking);
