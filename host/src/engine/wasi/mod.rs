//! WASI for vats (design section 5): clocks read the crank's time, random comes from the vat's seed, what is printed is
//! logged, and nothing blocks. Whatever is not here comes from wasmtime-wasi, without environment, arguments or
//! directories.

mod clocks;
mod io;
mod random;
mod stdio;

pub(crate) use io::{Polls, Streams};
pub(crate) use random::Random;
