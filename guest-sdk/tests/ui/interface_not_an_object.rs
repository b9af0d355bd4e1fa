//! The type has the trait, and is no object with that interface.
use ocap_guest_sdk::prelude::*;

#[interface]
trait Counting {
    fn increment(&mut self, by: u64) -> u64;
}

#[derive(Durable, Default)]
struct Counter {
    count: u64,
}

#[object]
impl Counter {}

impl Counting for Counter {
    fn increment(&mut self, by: u64) -> u64 {
        self.count += by;
        self.count
    }
}

fn hand_out(counter: &This<Counter>) -> Remote<dyn Counting> {
    counter.remote()
}

fn main() {}
