use ocap_guest_sdk::prelude::*;

#[derive(Durable, Default)]
struct Counter {}

#[object]
impl Counter {
    fn __describe(&self) -> String {
        "a counter".to_owned()
    }
}

fn main() {}
