//! Counts, and remembers.

use ocap_guest_sdk::prelude::*;

/// A number that only grows.
#[derive(Durable, Default)]
struct Counter {
    count: u64,
}

#[object]
impl Counter {
    fn increment(&mut self, by: u64) -> u64 {
        self.count += by;
        self.count
    }

    fn get(&self) -> u64 {
        self.count
    }
}

vat!(Counter);

#[cfg(test)]
mod tests;
