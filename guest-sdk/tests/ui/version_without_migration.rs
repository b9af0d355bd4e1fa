use ocap_guest_sdk::prelude::*;

#[derive(Durable, Default)]
#[durable(version = 2)]
struct Counter {
    count: u64,
}

#[derive(Durable, Default)]
#[durable(migrate = grown)]
struct Tally {
    count: u64,
}

#[derive(Durable, Default)]
#[durable(since = 3)]
struct Score {
    count: u64,
}

fn main() {}
