//! Answers ping, or keeps it waiting.

use std::cell::RefCell;

use ocap_guest_sdk::prelude::*;

thread_local! {
    /// Who is held. The right to answer them lies in the heap only, so it ends with this incarnation.
    static HELD: RefCell<Vec<Resolver<u64>>> = const { RefCell::new(Vec::new()) };
}

/// Nothing to remember.
#[derive(Durable, Default)]
struct Pong {}

#[object]
impl Pong {
    fn pong(&self) {}

    fn itself(this: This<Self>) -> Cap {
        this.cap()
    }

    /// Answers when somebody says `release`, and waits for that itself.
    async fn hold(_this: This<Self>) -> Result<u64> {
        let (released, resolver) = promise();
        HELD.with_borrow_mut(|held| held.push(resolver));
        released.await
    }

    fn release(&self, answer: u64) {
        HELD.take().into_iter().for_each(|resolver| resolver.fulfill(&answer));
    }
}

vat!(Pong);
