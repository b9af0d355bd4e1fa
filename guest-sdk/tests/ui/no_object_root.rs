use ocap_guest_sdk::prelude::*;

#[derive(Durable, Default)]
struct Counter {
    count: u64,
}

impl Counter {
    fn get(&self) -> u64 {
        self.count
    }
}

vat!(Counter);

fn main() {}
