//! The interface `lifecycle`.
#![allow(missing_docs, reason = "wit/vat.wit has the words")]

pub use crate::bindings::ocap::vat::kernel::{Cap, ObjectId, Payload, Resolution};

#[derive(Debug)]
pub struct Boot {
    pub vat: String,
    pub incarnation: u64,
    pub upgraded_from: Option<String>,
    pub parameters: Vec<u8>,
    pub grants: Vec<(String, Cap)>,
}
