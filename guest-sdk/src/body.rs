//! A body and its capabilities, out and in.
//!
//! Serde knows nothing of the list of capabilities beside a body, so while one is written or read the list lies in a thread-local.

use std::cell::RefCell;

use ocap_passable::{Failure, NotPassable, encode_error, from_bytes, to_bytes};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::ocap::vat::kernel::{Parcel, Payload};
use crate::{Cap, Error};

thread_local! {
    static OUTGOING: RefCell<Option<Vec<Cap>>> = const { RefCell::new(None) };
    static INCOMING: RefCell<Vec<Cap>> = const { RefCell::new(Vec::new()) };
}

/// Canonical bytes of capability 0: the private tag and a zero.
const CAP_0: [u8; 6] = [0xda, 0x4f, 0x43, 0x41, 0x50, 0x00];

/// Bytes, and the capabilities that they mention by index.
#[derive(Default)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    pub(crate) caps: Vec<Cap>,
}

impl Body {
    pub(crate) fn write<T: Serialize + ?Sized>(it: &T) -> Result<Body, NotPassable> {
        let outer = OUTGOING.replace(Some(Vec::new()));
        let bytes = to_bytes(it);
        let caps = OUTGOING.replace(outer).unwrap_or_default();
        Ok(Body { bytes: bytes?, caps })
    }

    pub(crate) fn received(payload: Payload) -> Body {
        // Most bodies have none, which is soon said.
        let caps = if payload.caps.is_empty() { Vec::new() } else { payload.caps.into_iter().map(Cap::new).collect() };
        Body { bytes: payload.body, caps }
    }

    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, NotPassable> {
        with_incoming(self.caps, || from_bytes(&self.bytes)).0
    }

    /// An error and nothing else.
    pub(crate) fn error(error: Error) -> Body {
        Body { bytes: encode_error(&Failure::from(error)), caps: Vec::new() }
    }

    /// A capability and nothing else.
    pub(crate) fn of_cap(cap: Cap) -> Body {
        Body { bytes: CAP_0.to_vec(), caps: vec![cap] }
    }

    /// The one capability, if the body is nothing else.
    pub(crate) fn lone_cap(&self) -> Option<&Cap> {
        self.caps.first().filter(|_| self.bytes == CAP_0)
    }

    /// Lends it to the kernel.
    pub(crate) fn lend<R>(&self, take: impl FnOnce(Parcel<'_>) -> R) -> R {
        let caps = if self.caps.is_empty() { Vec::new() } else { self.caps.iter().map(Cap::handle).collect() };
        take(Parcel { body: &self.bytes, caps: &caps })
    }
}

/// Reads from bytes that mention `caps`, which are given back.
pub(crate) fn with_incoming<R>(caps: Vec<Cap>, read: impl FnOnce() -> R) -> (R, Vec<Cap>) {
    let outer = INCOMING.replace(caps);
    let it = read();
    (it, INCOMING.replace(outer))
}

/// Puts a capability into the list of the body that is being written. `None` if there is no such body.
pub(crate) fn push_outgoing(cap: &Cap) -> Option<u64> {
    OUTGOING.with_borrow_mut(|caps| {
        let caps = caps.as_mut()?;
        let known = caps.iter().position(|other| other.is_same_handle(cap));
        let index = known.unwrap_or(caps.len());
        if known.is_none() {
            caps.push(cap.clone());
        }
        Some(index as u64)
    })
}

/// The capability of that index in the body that is being read.
pub(crate) fn incoming(index: u64) -> Option<Cap> {
    INCOMING.with_borrow(|caps| caps.get(usize::try_from(index).ok()?).cloned())
}
