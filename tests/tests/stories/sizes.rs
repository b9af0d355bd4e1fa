//! How large components are.

use std::fs;

use ocap_tests::sample_component;

/// What a vat of a few lines may weigh, with all of the SDK that it can reach.
const SMALL_BYTES_MAX: u64 = 150 << 10;

#[test]
fn a_vat_of_a_few_lines_is_a_small_component() {
    let bytes = fs::metadata(sample_component("counter")).expect("a component was built").len();
    assert!(bytes <= SMALL_BYTES_MAX, "the counter has {bytes} bytes");
}
