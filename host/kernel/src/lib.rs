//! The rules of an object-capability kernel, pure: no IO, clock, threads or async.

pub mod crank;
pub mod id;
pub mod message;
pub mod rows;

pub use crank::*;
pub use id::*;
pub use message::*;
pub use rows::*;
