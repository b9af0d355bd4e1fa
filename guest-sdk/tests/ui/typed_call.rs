//! Calls by an interface are checked like any other.
use ocap_guest_sdk::prelude::*;

#[interface]
trait Counting {
    fn increment(&mut self, by: u64) -> u64;
}

async fn use_it(counter: Remote<dyn Counting>) -> Result<String> {
    counter.increment("five").await?;
    counter.decrement(5).await?;
    counter.increment(5).await
}

fn main() {}
