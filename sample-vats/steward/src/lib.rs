//! Passes on what it is asked to a service of the host, and remembers how often.

use ocap_guest_sdk::prelude::*;

/// How often it was asked.
#[derive(Durable, Default)]
struct Steward {
    errands: u64,
}

#[object]
impl Steward {
    /// Calls a method of what was granted by this name, such as `service.kernel`.
    fn ask(&mut self, grant: String, method: String, args: Vec<Value>) -> Result<Promise<Value>> {
        self.errands += 1;
        Ok(context().grant(&grant)?.call(&method, args.as_slice()))
    }

    fn errands(&self) -> u64 {
        self.errands
    }
}

vat!(Steward);
