//! A host for persistent, capability-secure WebAssembly component vats.

pub mod bundle;
pub mod component;
pub mod declaration;
pub mod problem;
