//! The time of a delivery.

use std::time::Duration;

/// When this delivery began, since 1970. Time stands still within one. In a test the time is the test's.
#[cfg(target_family = "wasm")]
pub fn now() -> Duration {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default()
}

/// When this delivery began, since 1970. Time stands still within one. In a test the time is the test's.
#[cfg(not(target_family = "wasm"))]
pub fn now() -> Duration {
    crate::bindings::ask(|host| host.now())
}
