//! Capabilities.

use std::cell::OnceCell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use serde::de::{Deserialize, Deserializer, Error as _, Visitor};
use serde::ser::{Error as _, Serialize, Serializer};

use crate::args::Arguments;
use crate::bindings::ocap::vat::kernel;
use crate::body::{incoming, push_outgoing};
use crate::{Error, Promise};

/// A capability: the right to send messages to an object or to the promise of one, wherever it lives.
///
/// A clone is the same handle. When the last clone is gone, and no durable state holds it, the reference is given up. Two are equal if
/// they are the same reference; a promise never becomes equal to what it was settled with, so compare only what an await gave.
///
/// Serde writes and reads it as a capability in messages, in answers and in durable state, and refuses anywhere else.
#[derive(Clone)]
pub struct Cap(Rc<Held>);

struct Held {
    handle: kernel::Cap,
    /// Asked for once: a handle's slot never changes.
    slot: OnceCell<u64>,
}

impl Cap {
    /// Calls a method. The promise is of its answer; messages can be sent to it at once.
    ///
    /// Arguments are a tuple: `()`, `(1,)`, `("text", &cap)`. If they can not be passed, the promise is broken with `not-passable`.
    pub fn call<T>(&self, method: &str, args: impl Arguments) -> Promise<T> {
        match args.body() {
            Ok(body) => Promise::new(Cap::new(body.lend(|parcel| kernel::call(self.handle(), method, parcel)))),
            Err(error) => Promise::broken(&not_passable(&error)),
        }
    }

    /// Sends a message without asking for an answer. Nobody learns how it went.
    pub fn send(&self, method: &str, args: impl Arguments) {
        match args.body() {
            Ok(body) => body.lend(|parcel| kernel::send(self.handle(), method, parcel, None)),
            Err(error) => crate::error!("`{method}` was not sent: {error}"),
        }
    }

    /// A caretaker of this capability, and the right to take it back: `(guarded, revoker)`.
    ///
    /// Hand out `guarded`: what is sent to it goes on to this one, until somebody calls the method `revoke` of `revoker`, with no arguments.
    /// From then on every message to it, also those that wait, fails with `object-revoked`. The two are never equal.
    pub fn guard(&self) -> (Cap, Cap) {
        let (guarded, revoker) = kernel::guard(self.handle());
        (Cap::new(guarded), Cap::new(revoker))
    }

    /// The c-list slot: one number for one reference, as long as the vat holds it.
    pub fn slot(&self) -> u64 {
        *self.0.slot.get_or_init(|| self.0.handle.slot())
    }

    /// The object's number, if it is an object of this vat.
    pub fn local(&self) -> Option<u64> {
        self.0.handle.local()
    }

    /// A capability out of the ABI's handle.
    pub fn new(handle: kernel::Cap) -> Cap {
        Cap(Rc::new(Held { handle, slot: OnceCell::new() }))
    }

    /// The ABI's handle.
    pub fn handle(&self) -> &kernel::Cap {
        &self.0.handle
    }

    /// The ABI's handle, owned: a second one if there are clones.
    pub(crate) fn into_handle(self) -> kernel::Cap {
        match Rc::try_unwrap(self.0) {
            Ok(held) => held.handle,
            Err(shared) => shared.handle.duplicate(),
        }
    }

    pub(crate) fn is_same_handle(&self, other: &Cap) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

fn not_passable(error: &ocap_passable::NotPassable) -> Error {
    Error::new("not-passable", error.to_string())
}

impl PartialEq for Cap {
    fn eq(&self, other: &Cap) -> bool {
        self.is_same_handle(other) || self.slot() == other.slot()
    }
}

impl Eq for Cap {}

impl Hash for Cap {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.slot().hash(state);
    }
}

impl fmt::Debug for Cap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cap({})", self.slot())
    }
}

impl ocap_passable::Reference for Cap {}

impl Serialize for Cap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let index = push_outgoing(self)
            .ok_or_else(|| S::Error::custom("a capability can only be written into a message or durable state"))?;
        serializer.serialize_newtype_struct(ocap_passable::CAP, &index)
    }
}

impl<'de> Deserialize<'de> for Cap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Cap, D::Error> {
        struct Index;

        impl<'de> Visitor<'de> for Index {
            type Value = Cap;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a capability")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, index: D) -> Result<Cap, D::Error> {
                let index = u64::deserialize(index)?;
                incoming(index).ok_or_else(|| D::Error::custom(format_args!("there is no capability {index}")))
            }
        }

        deserializer.deserialize_newtype_struct(ocap_passable::CAP, Index)
    }
}

/// For a type that is a capability underneath: the same form by serde.
macro_rules! pass_as_cap {
    ($type:ident $(<$param:ident>)?, $cap:expr, $wrap:expr) => {
        impl $(<$param>)? serde::Serialize for $type $(<$param>)? {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let cap: fn(&Self) -> &$crate::Cap = $cap;
                cap(self).serialize(serializer)
            }
        }

        impl<'de $(, $param)?> serde::Deserialize<'de> for $type $(<$param>)? {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <$crate::Cap as serde::Deserialize>::deserialize(deserializer).map($wrap)
            }
        }
    };
}
pub(crate) use pass_as_cap;
