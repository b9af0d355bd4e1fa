//! A host for persistent, capability-secure WebAssembly component vats.

pub mod io;
pub mod engine;
pub mod escape;
pub mod boot;
pub mod cli;
pub mod daemon;
pub mod powers;
pub mod bundle;
pub mod component;
pub mod declaration;
pub mod problem;
pub mod store;
