//! One test, from its beginning to its end.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::mpsc::channel;

use crate::host::TestHost;
use crate::incarnation::rest_for_ever;

/// How a test ends: `()` or a `Result`.
pub trait Conclusion {
    /// # Panics
    /// If it did not end well.
    fn conclude(self);
}

impl Conclusion for () {
    fn conclude(self) {}
}

impl<E: Display> Conclusion for Result<(), E> {
    fn conclude(self) {
        if let Err(error) = self {
            panic!("the test ends with an error: {error}");
        }
    }
}

/// Runs a test once with each seed: what `#[vat_test]` calls. `VAT_SEED=7` in the environment runs it with that one alone.
///
/// # Panics
/// If the test fails.
#[doc(hidden)]
pub fn run<T: Conclusion>(seeds: u64, test: impl Fn(TestHost) -> T + Send + Sync + 'static) {
    let test = Arc::new(move |host| test(host).conclude());
    match std::env::var("VAT_SEED").ok().and_then(|seed| seed.parse::<u64>().ok()) {
        Some(seed) => run_with(seed, seeds, test),
        None => (0..seeds).for_each(|seed| run_with(seed, seeds, test.clone())),
    }
}

/// On a thread of its own, since the test is a vat and has a heap.
fn run_with(seed: u64, seeds: u64, test: Arc<impl Fn(TestHost) + Send + Sync + 'static>) {
    let (outcome, ended) = channel();
    let name = std::thread::current().name().unwrap_or("a vat test").to_owned();
    let body = move || {
        let host = TestHost::new(seed);
        let called = catch_unwind(AssertUnwindSafe(|| test(host.clone())));
        if called.is_err() {
            let again = if seeds > 1 { format!(" (again: VAT_SEED={seed})") } else { String::new() };
            eprintln!("\nwhat happened before{again}:\n{}", host.story());
        }
        // The other side waits for nothing else.
        let _ = outcome.send(called);
        rest_for_ever();
    };
    std::thread::Builder::new().name(name).spawn(body).expect("a thread for the test");
    if let Err(panic) = ended.recv().expect("the test says how it ended") {
        resume_unwind(panic);
    }
}
