use ocap_guest_sdk::prelude::*;

#[derive(Durable, Default)]
struct Order {}

#[object]
impl Order {
    #[answer]
    fn paid(&mut self, receipt: String) {}

    #[answer]
    fn packed(&mut self) {}

    #[started]
    #[answer]
    fn both(&mut self, receipt: Result<String>) {}

    #[started]
    async fn slowly(this: This<Self>) {}
}

fn main() {}
