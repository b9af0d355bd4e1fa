use ocap_guest_sdk::prelude::*;

#[derive(Durable, Default)]
struct Greeter {}

#[object]
impl Greeter {
    fn greet(&self, name: &str) -> String {
        format!("hello, {name}")
    }
}

fn main() {}
