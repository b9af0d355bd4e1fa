use ocap_guest_sdk::prelude::*;

#[derive(Durable, Default)]
struct Order {
    receipt: String,
}

#[object]
impl Order {
    fn pay(this: This<Self>, bank: Cap) {
        bank.call::<u64>("pay", ()).then(&this, Order::paid);
    }

    #[answer]
    fn paid(&mut self, receipt: Result<String>) {
        self.receipt = receipt.unwrap_or_default();
    }
}

fn main() {}
