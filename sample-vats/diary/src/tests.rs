//! What was given away, and what was not.

use std::time::Duration;

use ocap_guest_sdk::prelude::*;
use ocap_guest_testing::{Declaration, TestHost, vat_test};

use super::Diary;

fn diary(host: &TestHost) -> Cap {
    let [diary] = host.launch([Declaration::of::<Diary>("diary").uses(["service.timer"])]);
    diary
}

#[vat_test]
fn a_guest_writes_three_pages_in_a_minute_and_reads_none(host: TestHost) {
    let diary = diary(&host);
    let guest: Cap = host.call(&diary, "guest", ()).expect("a facet");
    for page in 1..=3 {
        assert_eq!(host.call(&guest, "write", ("dear diary",)), Ok(page));
    }
    let fourth = host.call::<u64>(&guest, "write", ("one more",));
    assert_eq!(fourth, Err(Error::new("rate-limited", "too many calls: try again in 20000 ms")));
    host.advance(Duration::from_secs(20));
    assert_eq!(host.call(&guest, "write", ("one more",)), Ok(4));
    assert!(host.call::<Value>(&guest, "read", ()).is_err());
}

#[vat_test]
fn what_was_lent_comes_back_by_itself(host: TestHost) {
    let diary = diary(&host);
    let lent: Cap = host.call(&diary, "lend", (1_000,)).expect("it is lent");
    assert_eq!(host.call(&lent, "write", ("borrowed",)), Ok(1));
    host.advance(Duration::from_secs(1));
    assert_eq!(host.call::<u64>(&lent, "write", ("mine now?",)), Err(Error::Failed("object-revoked".to_owned())));
    host.assert_at_rest();
}
