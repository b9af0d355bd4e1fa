use ocap_guest_sdk::prelude::*;

#[derive(Durable, Default)]
struct Greeter {
    name: String,
}

#[object]
impl Greeter {
    fn name(&self) -> &str {
        &self.name
    }
}

fn main() {}
