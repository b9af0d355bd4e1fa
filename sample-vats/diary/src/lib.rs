//! A diary that gives away as much of itself as is meant, and for as long as is meant.

use std::time::Duration;

use ocap_guest_sdk::idioms::{Attenuated, Brand, Expiry, Facet, Membrane, RateLimited, SealedBox, Sealer, Unsealer};
use ocap_guest_sdk::prelude::*;

/// Its pages, in order.
#[derive(Durable, Default)]
pub struct Diary {
    pages: Vec<Value>,
}

#[object]
impl Diary {
    fn write(&mut self, page: Value) -> usize {
        self.pages.push(page);
        self.pages.len()
    }

    fn read(&self) -> Vec<Value> {
        self.pages.clone()
    }

    /// For those who may look and not write.
    fn reader(this: This<Self>) -> Cap {
        Attenuated::only(&this.cap(), ["read"])
    }

    /// For a guest who might write too much: three pages in a minute, and nothing to read.
    fn guest(this: This<Self>) -> Cap {
        let writer = Attenuated::only(&this.cap(), ["write"]);
        RateLimited::per(&writer, 3, Duration::from_secs(60))
    }

    /// For somebody who has it for a while.
    fn lend(this: This<Self>, milliseconds: u64) -> Result<Cap> {
        Ok(Expiry::after(&this.cap(), Duration::from_millis(milliseconds), &context().timer()?))
    }

    /// For somebody from whom it may have to be taken away: the diary, and the right to do so.
    fn entrust(this: This<Self>) -> (Cap, Cap) {
        this.cap().guard()
    }

    /// The same, with everything that was ever passed to it or by it.
    fn wrap(this: This<Self>) -> (Cap, Cap) {
        Membrane::around(&this.cap())
    }

    /// A sealer and its unsealer: pages that are sealed can be kept here, and nobody who reads them can open them.
    fn seals(&self) -> (Cap, Cap) {
        Brand::pair()
    }
}

vat!(Diary, Attenuated, Expiry, Facet, Membrane, RateLimited, SealedBox, Sealer, Unsealer);

#[cfg(test)]
mod tests;
