//! Rules of the house that the compiler does not know: who may use what, and how long things may be.
//!
//! Each rule is a table with its reasons; the first line that breaks it fails the test, and so does an entry of a table that nothing
//! needs any more.

mod behaviours;
mod codes;
mod features;
mod rooms;
mod shape;
mod sources;
mod versions;
mod words;
