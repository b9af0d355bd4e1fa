//! Tests a vat without a host: its own code, compiled for this machine, on the real kernel.
//!
//! ```
//! use ocap_guest_sdk::prelude::*;
//! use ocap_guest_testing::{TestHost, vat_test};
//!
//! #[derive(Durable, Default)]
//! struct Counter {
//!     count: u64,
//! }
//!
//! #[object]
//! impl Counter {
//!     fn increment(&mut self, by: u64) -> u64 {
//!         self.count += by;
//!         self.count
//!     }
//! }
//!
//! vat!(Counter);
//!
//! #[vat_test]
//! fn counts_and_remembers(host: TestHost) {
//!     let counter = host.vat::<Counter>("counter");
//!     assert_eq!(host.call(&counter, "increment", (5,)), Ok(5));
//!     host.restart("counter");
//!     assert_eq!(host.call(&counter, "increment", (2,)), Ok(7));
//! }
//! # fn main() {}
//! ```
//!
//! What is real: the kernel with all its rules, its audit after every delivery, the limits of the ABI, the transaction of a delivery (a
//! panic undoes it), incarnations with a heap of their own each. What stands in for the outside is in the test's hand: the clock and the
//! timer service ([`TestHost::advance`]), channels ([`TestHost::connect`]), peers ([`TestHost::peer`]), random, which is the same each time.
//! What is not there: WebAssembly with its limits of memory and time, the database, sockets.
//!
//! A test that fails prints the story of its run: each delivery in order, and what came of it.

mod chance;
mod channel;
mod client;
mod code;
mod declaration;
mod hands;
mod host;
mod incarnation;
mod log;
pub mod machine;
mod peer;
mod run;
mod stage;
mod story;
mod timer;

pub use client::Client;
pub use declaration::Declaration;
pub use host::{NotStarted, TestHost};
pub use log::{Level, LogLine};
pub use ocap_guest_sdk_macros::vat_test;
pub use run::{Conclusion, run};
