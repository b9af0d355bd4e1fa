use ocap_guest_sdk::prelude::*;

#[derive(Durable)]
struct Old {
    count: u64,
}

#[derive(Durable)]
#[durable(version = 2, migrate = grown)]
struct Counter {
    count: u64,
}

fn grown(old: Old) -> u64 {
    old.count
}

fn main() {}
