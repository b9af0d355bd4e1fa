//! Money is neither made nor lost.

use ocap_guest_sdk::prelude::*;
use ocap_guest_testing::{TestHost, vat_test};

use super::Mint;

#[vat_test]
fn coins_move_between_purses_of_one_mint(host: TestHost) {
    let mint = host.vat::<Mint>("mint");
    let alice: Cap = host.call(&mint, "issue", (10,)).expect("a purse");
    let bob: Cap = host.call(&alice, "sprout", ()).expect("a purse");
    assert_eq!(host.call(&bob, "deposit", (4, &alice)), Ok(4));
    host.restart("mint");
    assert_eq!(host.call(&alice, "coins", ()), Ok(6));
    let refused = host.call::<u64>(&bob, "deposit", (7, &alice));
    assert_eq!(refused, Err(Error::new("too-poor", "there are only 6 coins")));
    assert_eq!(host.call(&bob, "deposit", (4, &bob)), Ok(4));
}

#[vat_test]
fn money_of_another_mint_is_none(host: TestHost) {
    let (gold, lead) = (host.vat::<Mint>("gold"), host.vat::<Mint>("lead"));
    let purse: Cap = host.call(&gold, "issue", (1,)).expect("a purse");
    let other: Cap = host.call(&lead, "issue", (1_000,)).expect("a purse");
    let refused = host.call::<u64>(&purse, "deposit", (1, &other));
    assert_eq!(refused.map_err(|error| error.name().to_owned()), Err("no-purse".to_owned()));
    assert_eq!(host.call(&other, "coins", ()), Ok(1_000));
}
