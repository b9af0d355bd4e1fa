//! Nor can it by way of the closures that look at it.
use ocap_guest_sdk::prelude::*;

#[derive(Durable, Default)]
struct Counter {
    count: u64,
}

#[object]
impl Counter {
    async fn follow(this: This<Self>, other: Cap) -> Result<()> {
        this.with(|counter| counter.count = other.call("get", ()).await?);
        Ok(())
    }
}

fn main() {}
