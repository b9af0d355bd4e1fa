//! Random bytes that nobody can guess, from a seed that the host keeps. In a test they are the same each time.

/// Fills a slice, of at most 64 KiB, with random bytes.
pub fn fill(bytes: &mut [u8]) {
    #[cfg(target_family = "wasm")]
    bytes.copy_from_slice(&wasi::wasi::random::random::get_random_bytes(bytes.len() as u64));
    #[cfg(not(target_family = "wasm"))]
    crate::bindings::ask(|host| host.random(bytes));
}

/// A random number.
pub fn number() -> u64 {
    let mut bytes = [0; 8];
    fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// The one function of WASI that this crate needs and the standard library does not give.
#[cfg(target_family = "wasm")]
#[allow(missing_docs, unsafe_code, unreachable_pub, rust_2018_idioms, clippy::all)]
mod wasi {
    wit_bindgen::generate!({
        inline: "
            package ocap:guest;

            world random {
                import wasi:random/random@0.2.0;
            }

            package wasi:random@0.2.0 {
                interface random {
                    get-random-bytes: func(len: u64) -> list<u8>;
                }
            }
        ",
        world: "random",
        generate_all,
    });
}
