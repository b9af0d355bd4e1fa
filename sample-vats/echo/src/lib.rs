//! Answers what it is told, capabilities included.

use ocap_guest_sdk::prelude::*;

/// Nothing to remember.
#[derive(Durable, Default)]
pub struct Echo {}

#[object]
impl Echo {
    fn echo(&self, x: Value) -> Value {
        x
    }
}

vat!(Echo);
