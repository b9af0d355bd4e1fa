//! The rules of an object-capability kernel, pure: no IO, clock, threads or async.
//!
//! A [`Kernel`] keeps who may reach what (c-lists), answers that are still to come (promises) and what waits to be delivered (inboxes).
//! It is driven from outside:
//!
//! ```text
//! ask, launch, ...   something from outside: done at once, or refused with nothing changed
//! begin()         -> Crank?     the next delivery whose vat is free; many vats may be in a crank at once, one vat never twice
//! finish(report)  -> Verdict    the whole report is checked, then applied; a failed crank leaves no trace but its consequence
//! take_commit()   -> Commit     the rows that changed: they become durable together ...
//! take_outputs()  -> [Output]   ... before any of these is let out
//! ```
//!
//! State lives in memory in journaled tables; a store holds their last commit, and [`Kernel::load`] starts from it. Every run equals
//! the same cranks run one at a time in the order of their `finish`.

mod audit;
mod begin;
pub mod body;
mod check;
mod clist;
mod crank;
mod drop;
mod ending;
mod finish;
mod host;
mod id;
mod incarnation;
mod inspect;
mod kernel;
mod life;
pub mod limits;
mod load;
mod mark;
mod message;
mod origin;
mod promise;
mod queue;
mod reach;
mod rest;
mod revoke;
mod route;
mod rows;
mod suspicion;
mod table;
mod upgrade;
mod view;

pub use audit::Discrepancy;
pub use crank::*;
pub use finish::Verdict;
pub use host::{AskId, HostCall, Output, Refusal, Reply};
pub use id::*;
pub use inspect::{DeliveryView, ExportView, Holders, ImportView, VatHold, WaiterView};
pub use kernel::Kernel;
pub use life::{Grant, Launch, LaunchVat};
pub use load::Corrupt;
pub use message::*;
pub use origin::{How, Moment, Origin};
pub use reach::HeldView;
pub use rest::Unrest;
pub use rows::*;
pub use suspicion::{Consequence, Marker};
pub use view::{GrantView, VatView};
