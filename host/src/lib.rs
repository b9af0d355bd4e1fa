//! A host for persistent, capability-secure WebAssembly component vats.

pub mod io;
pub mod problem;
pub mod store;
