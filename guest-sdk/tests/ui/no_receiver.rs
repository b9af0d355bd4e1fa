use ocap_guest_sdk::prelude::*;

#[derive(Durable, Default)]
struct Counter {}

#[object]
impl Counter {
    fn new() -> u64 {
        0
    }

    fn consume(self) {}
}

fn main() {}
