//! A host for persistent, capability-secure WebAssembly component vats.

pub mod engine;
pub mod escape;
pub mod problem;
