//! Every payload that anybody makes has a number of its own as its body, so that it is known again wherever it turns up.

use ocap_kernel::*;

const MARK: u8 = 0x9e;

/// Numbers are given in the order in which payloads are made, also by cranks that are lost later.
pub fn body_of(number: u64) -> Body {
    let mut bytes = [MARK; 9];
    bytes[1..].copy_from_slice(&number.to_be_bytes());
    Body::from(bytes)
}

/// The number of a payload; `None` for what the kernel says itself.
pub fn number_of(body: &Body) -> Option<u64> {
    let (&[MARK], number) = body.split_at_checked(1)? else { return None };
    Some(u64::from_be_bytes(number.try_into().ok()?))
}
