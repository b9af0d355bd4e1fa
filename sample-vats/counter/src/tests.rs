use ocap_guest_sdk::prelude::*;
use ocap_guest_testing::{TestHost, vat_test};

use super::Counter;

#[vat_test]
fn counts_and_remembers(host: TestHost) {
    let counter = host.vat::<Counter>("counter");
    assert_eq!(host.call(&counter, "increment", (5,)), Ok(5));
    host.restart("counter");
    assert_eq!(host.call(&counter, "increment", (2,)), Ok(7));
    host.assert_at_rest();
}

#[vat_test]
async fn calls_are_counted_in_their_order(host: TestHost) -> Result<()> {
    let counter = host.vat::<Counter>("counter");
    let (first, second) = (counter.call::<u64>("increment", (1,)), counter.call::<u64>("increment", (1,)));
    assert_eq!((first.await?, second.await?), (1, 2));
    Ok(())
}
