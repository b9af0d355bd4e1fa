use ocap_guest_sdk::prelude::*;

#[derive(Default)]
struct Counter {
    count: u64,
}

#[object]
impl Counter {
    fn get(&self) -> u64 {
        self.count
    }
}

vat!(Counter);

fn main() {}
