//! The interface `store`.
#![allow(missing_docs, reason = "wit/vat.wit has the words")]

pub use super::kernel::{Cap, Parcel, Payload};
use crate::bindings::host::ask;

pub fn get(key: &[u8]) -> Option<Payload> {
    let (body, caps) = ask(|host| host.get(key))?;
    Some(Payload { body, caps: caps.into_iter().map(Cap::from_handle).collect() })
}

pub fn get_body(key: &[u8]) -> Option<Vec<u8>> {
    ask(|host| host.get_body(key))
}

pub fn put(key: &[u8], value: Parcel<'_>) {
    ask(|host| host.put(key, value.outgoing()));
}

pub fn remove(key: &[u8]) -> bool {
    ask(|host| host.remove(key))
}

pub fn keys(prefix: &[u8], after: Option<&[u8]>, limit: u32) -> Vec<Vec<u8>> {
    ask(|host| host.keys(prefix, after, limit))
}

pub fn entries(prefix: &[u8], after: Option<&[u8]>, limit: u32) -> Vec<(Vec<u8>, Vec<u8>)> {
    ask(|host| host.entries(prefix, after, limit))
}
