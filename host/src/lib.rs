//! A host for persistent, capability-secure WebAssembly component vats.
//!
//! One room a module, and arrows in one direction: `cli -> boot -> {daemon, bundle, run_loop} -> {store, engine, io, services} -> kernel`.
//! ARCHITECTURE.md is the map.

pub mod boot;
pub mod bundle;
pub mod cli;
pub mod component;
pub mod daemon;
pub mod declaration;
pub mod develop;
pub mod engine;
pub mod escape;
pub mod io;
pub mod powers;
pub mod problem;
pub mod run_loop;
pub mod schema;
pub mod services;
pub mod store;
#[cfg(feature = "otel")]
pub mod telemetry;
pub mod time;
