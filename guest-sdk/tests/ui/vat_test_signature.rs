use ocap_guest_testing::{TestHost, vat_test};

#[vat_test]
fn without_a_host() {}

#[vat_test]
fn with_something_else(host: TestHost, name: &str) {}

#[vat_test]
fn by_reference(host: &TestHost) {}

#[vat_test]
fn of_any_kind<T: Default>(host: TestHost) {}

#[vat_test]
struct NotAFunction;

fn main() {}
