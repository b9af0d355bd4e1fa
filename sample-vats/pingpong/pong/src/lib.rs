//! Answers ping, or keeps it waiting.

use std::future::pending;

use ocap_guest_sdk::prelude::*;

/// Nothing to remember.
#[derive(Durable, Default)]
struct Pong {}

#[object]
impl Pong {
    fn pong(&self) {}

    fn itself(this: This<Self>) -> Cap {
        this.cap()
    }

    /// Never answers. The right to answer lies in the heap only, so it ends with this incarnation.
    async fn hold(_this: This<Self>) {
        pending().await
    }
}

vat!(Pong);
