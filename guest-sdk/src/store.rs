//! The vat's own store, by text keys and serde values: for state that is no object.
//!
//! Objects keep their state by themselves, and [`crate::collections`] what would make it too large to be loaded as a whole; this is for
//! whoever wants to choose keys. A delivery is the transaction and reads its own writes. Keys here can not collide with those of objects.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::bindings::ocap::vat::store;
use crate::body::Body;

fn key(name: &str) -> Vec<u8> {
    [b"user/", name.as_bytes()].concat()
}

/// The value of a key, if there is one.
///
/// # Errors
/// If it does not fit `T`.
pub fn get<T: DeserializeOwned>(name: &str) -> Result<Option<T>, Error> {
    Ok(raw_get(&key(name)).map(Body::read).transpose()?)
}

/// Sets a key. Capabilities in the value are held until it is overwritten or removed.
///
/// # Errors
/// If the value can not be passed.
pub fn put<T: Serialize + ?Sized>(name: &str, value: &T) -> Result<(), Error> {
    raw_put(&key(name), &Body::write(value)?);
    Ok(())
}

/// Removes a key. Whether there was one.
pub fn remove(name: &str) -> bool {
    raw_remove(&key(name))
}

/// The first `limit` keys that begin with `prefix`, in order, after the key `after`.
pub fn keys(prefix: &str, after: Option<&str>, limit: u32) -> Vec<String> {
    let found = store::keys(&key(prefix), after.map(key).as_deref(), limit);
    found.into_iter().filter_map(|found| String::from_utf8(found[b"user/".len()..].to_vec()).ok()).collect()
}

pub(crate) fn raw_get(key: &[u8]) -> Option<Body> {
    store::get(key).map(Body::received)
}

pub(crate) fn raw_get_bytes(key: &[u8]) -> Option<Vec<u8>> {
    store::get_body(key)
}

pub(crate) fn raw_keys(prefix: &[u8], after: Option<&[u8]>, limit: u32) -> Vec<Vec<u8>> {
    store::keys(prefix, after, limit)
}

pub(crate) fn raw_put(key: &[u8], value: &Body) {
    value.lend(|parcel| store::put(key, parcel));
}

pub(crate) fn raw_remove(key: &[u8]) -> bool {
    store::remove(key)
}
