use ocap_guest_testing::{TestHost, vat_test};

#[vat_test(runs = 32)]
fn another_word(host: TestHost) {}

#[vat_test(seeds = "many")]
fn no_number(host: TestHost) {}

#[vat_test(seeds = 0)]
fn no_seed(host: TestHost) {}

#[vat_test(32)]
fn no_name(host: TestHost) {}

#[vat_test("many")]
fn no_name_either(host: TestHost) {}

fn main() {}
