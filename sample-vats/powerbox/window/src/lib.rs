//! Stands between the warden and who may only ask: a grant gives a vat's whole root, and the warden's is too much.

use ocap_guest_sdk::prelude::*;

/// Asks in the painter's name.
#[derive(Durable, Default)]
pub struct Window {}

#[object]
impl Window {
    fn request(&self, interface: String, reason: String) -> Result<Promise<Cap>> {
        let asking: Promise<Cap> = context().grant("vat.warden")?.call("asking", ("painter",));
        Ok(asking.call("request", (interface, reason)))
    }
}

vat!(Window);
