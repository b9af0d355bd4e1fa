//! An argument that serde does not know.
use ocap_guest_sdk::prelude::*;

struct Money(u64);

#[derive(Durable, Default)]
struct Purse {
    coins: u64,
}

#[object]
impl Purse {
    fn put(&mut self, money: Money) {
        self.coins += money.0;
    }
}

fn main() {}
