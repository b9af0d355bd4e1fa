use ocap_guest_sdk::prelude::*;

#[derive(Durable, Default)]
struct Counter {}

#[object(title = "counter")]
impl Counter {
    fn get(&self) -> u64 {
        0
    }
}

fn main() {}
