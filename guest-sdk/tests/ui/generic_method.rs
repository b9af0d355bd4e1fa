use ocap_guest_sdk::prelude::*;

#[derive(Durable, Default)]
struct Echo {}

#[object]
impl Echo {
    fn echo<T: Serialize>(&self, it: T) -> T {
        it
    }
}

fn main() {}
