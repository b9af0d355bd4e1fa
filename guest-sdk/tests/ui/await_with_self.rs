//! A borrow of the object's state can not last across an await.
use ocap_guest_sdk::prelude::*;

#[derive(Durable, Default)]
struct Counter {
    count: u64,
}

#[object]
impl Counter {
    async fn follow(&mut self, other: Cap) -> Result<()> {
        self.count = other.call("get", ()).await?;
        Ok(())
    }
}

fn main() {}
