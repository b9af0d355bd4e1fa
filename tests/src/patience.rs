//! Waiting: until something is so, and never for ever.

use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take before a test takes it for a hang: far more than anything needs on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Looks again and again, and returns what was there when something was.
///
/// # Panics
/// If nothing is there within [`PATIENCE`].
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "in vain waited for: {what}");
        thread::sleep(LOOK_EVERY);
    }
}
