//! A host for persistent, capability-secure WebAssembly component vats.

pub mod problem;
pub mod store;
