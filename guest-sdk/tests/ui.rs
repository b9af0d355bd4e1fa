//! What the compiler says about mistakes: at the user's line, and what to do. `TRYBUILD=overwrite` writes what it says now.

#[test]
fn a_mistake_is_pointed_at_and_the_message_says_what_to_do() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
