//! A vat's side of its cranks: what its handles refer to, what it stores, and what it asks of the kernel.
//!
//! The kernel hands out a [`Crank`](ocap_kernel::Crank) and takes a [`Report`](ocap_kernel::Report) back. What lies between is here: a
//! [`Worker`] gives the guest handles, checks each call of the ABI as it is made, and writes the report. Whoever runs the code is
//! somebody else: the host's engine for components, the tests of a vat for the same code without a component. So both keep the very same
//! rules.
//!
//! Everything follows from the deliveries: the same ones give the same handles, slots and reports. It does not know wasm, the kernel's
//! references or the database.

pub mod limits;
mod mirror;
mod out;
mod store;
mod worker;

pub use limits::Broken;
pub use mirror::Handle;
pub use store::{Below, Entries, Page, Totals, VatStore};
pub use worker::{Parcel, Worker};
