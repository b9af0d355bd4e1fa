use ocap_guest_sdk::prelude::*;

struct Money(u64);

#[derive(Durable, Default)]
struct Purse {
    coins: u64,
}

#[object]
impl Purse {
    fn take(&mut self) -> Money {
        Money(std::mem::take(&mut self.coins))
    }
}

fn main() {}
