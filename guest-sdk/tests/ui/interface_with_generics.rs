use ocap_guest_sdk::prelude::*;

#[interface]
trait Keeps<T> {
    fn keep(&mut self, it: T);
}

#[interface]
trait Named: Clone {
    fn name(&self) -> String;
}

#[interface]
trait Limited {
    const LIMIT: u64;
}

fn main() {}
