use ocap_guest_sdk::prelude::*;

#[derive(Durable)]
struct Shelf<T> {
    things: Vec<T>,
}

fn main() {}
