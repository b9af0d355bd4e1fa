//! Random bytes that nobody can guess, from a seed that the host keeps. In a test they are the same each time.

/// Fills a slice with random bytes.
pub fn fill(bytes: &mut [u8]) {
    #[cfg(target_family = "wasm")]
    bytes.chunks_mut(libc::ENTROPY_BYTES_MAX).for_each(libc::fill);
    #[cfg(not(target_family = "wasm"))]
    crate::bindings::ask(|host| host.random(bytes));
}

/// A random number.
pub fn number() -> u64 {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// Where a component's random comes from: WASI's, by way of the C library that each component for `wasm32-wasip2` has in it. (WASI's
/// interface can't be imported beside: it would have to be the very text of the C library's.)
#[cfg(target_family = "wasm")]
mod libc {
    #![allow(unsafe_code)]

    /// What `getentropy` gives at once.
    pub(super) const ENTROPY_BYTES_MAX: usize = 256;

    unsafe extern "C" {
        fn getentropy(buffer: *mut u8, length: usize) -> i32;
    }

    pub(super) fn fill(bytes: &mut [u8]) {
        // SAFETY: the buffer is as long as it is said to be, and is written to and nothing else.
        let status = unsafe { getentropy(bytes.as_mut_ptr(), bytes.len()) };
        assert_eq!(status, 0, "the host always has random");
    }
}
