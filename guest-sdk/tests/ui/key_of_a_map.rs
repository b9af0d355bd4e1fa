use ocap_guest_sdk::prelude::*;

#[derive(Durable, Default)]
struct Scale {
    weights: Map<f64, String>,
}

fn main() {}
