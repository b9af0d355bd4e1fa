//! Ends when it is told to, and stays in memory as long as it is told to.

use std::cell::RefCell;

use ocap_guest_sdk::prelude::*;
use ocap_guest_sdk::{Pin, exit, pin};

thread_local! {
    static AWAKE: RefCell<Option<Pin>> = const { RefCell::new(None) };
}

/// Nothing to remember.
#[derive(Durable, Default)]
struct Mortal {}

#[object]
impl Mortal {
    /// Ends for good; this answer is still given.
    fn leave(&self, last_words: String) -> String {
        exit(Ok(last_words.clone()));
        last_words
    }

    /// The same because something is beyond repair. Nothing else of this delivery is done, so there is no answer.
    fn give_up(&self, why: String) {
        exit(Err::<(), _>(Error::new("beyond-repair", why)));
    }

    /// Stays in memory until `rest`.
    fn watch(&self) {
        AWAKE.set(Some(pin()));
    }

    fn rest(&self) {
        AWAKE.take();
    }
}

vat!(Mortal);
