use ocap_guest_sdk::prelude::*;

#[interface]
trait Counting {
    fn increment(&mut self, by: u64) -> u64;
}

#[derive(Durable, Default)]
struct Lamp {}

#[object(Counting)]
impl Lamp {}

fn main() {}
