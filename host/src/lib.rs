//! A host for persistent, capability-secure WebAssembly component vats.

pub mod boot;
pub mod cli;
pub mod daemon;
pub mod powers;
pub mod problem;
