//! Removing what an object or a collection had in the store, a slice a delivery.
//!
//! What is left after the first slice goes on in messages that the vat sends itself: they are durable, so a restart forgets nothing.

use ocap_passable::{Value as Plain, decode};

use crate::answer::{Outcome, Reply};
use crate::args::Args;
use crate::bindings::ocap::vat::kernel::{self, Lifetime};
use crate::store;
use crate::this::EPHEMERAL_IDS;
use crate::{Bytes, Cap, Error};

/// The object that removes. Nobody is ever given a capability to it.
pub(crate) const SWEEPER: u64 = EPHEMERAL_IDS - 1;

/// How many entries go in one delivery.
const SLICE: u32 = 500;

/// Removes every part of an object that is gone.
pub(crate) fn all_of(object: u64) {
    all(&super::part::of_object(object));
}

/// Removes everything whose key begins so.
pub(super) fn all(prefix: &[u8]) {
    let keys = store::raw_keys(prefix, None, SLICE);
    for key in &keys {
        store::raw_remove(key);
    }
    if !keys.is_empty() && !store::raw_keys(prefix, None, 1).is_empty() {
        let sweeper = Cap::new(kernel::expose(SWEEPER, Lifetime::Durable));
        sweeper.send("sweep", (Bytes(prefix.to_vec()),));
    }
}

/// Goes on. (Not by serde, for which every vat would carry the code.)
pub(crate) fn deliver(args: Args) -> Outcome {
    let prefix = match decode(&args.into_body().bytes) {
        Ok(Plain::List(mut args)) => args.pop(),
        _ => None,
    };
    let Some(Plain::Bytes(prefix)) = prefix else {
        return Outcome::Now(Err(Error::new("bad-arguments", "`sweep(prefix: Bytes)`")));
    };
    all(&prefix);
    Outcome::Now(Reply::new(&()))
}
