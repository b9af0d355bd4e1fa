//! Authority that ends by itself.

use std::time::Duration;

use crate::{Cap, Durable, Result, This, Timer, object};

/// What ends a capability when its time is over, also after a restart. Name the kind in `vat!`.
#[derive(Durable)]
pub struct Expiry {
    revoker: Cap,
}

impl Expiry {
    /// A caretaker of `target` that is revoked when so much time has passed, by the service `timer`. Should the timer not work, it is
    /// revoked at once.
    pub fn after(target: &Cap, span: Duration, timer: &Timer) -> Cap {
        let (guarded, revoker) = target.guard();
        timer.after(span).then(&This::durable(Expiry { revoker }), Expiry::over);
        guarded
    }
}

#[object]
impl Expiry {
    /// Whatever the timer says: an error must not make it last.
    #[answer]
    fn over(&mut self, _time: Result<u64>) {
        self.revoker.send("revoke", ());
    }
}
