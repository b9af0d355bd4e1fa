//! Capabilities that know what they can be asked.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;

use serde::de::{Deserialize, Deserializer};
use serde::ser::{Serialize, Serializer};

use crate::{Cap, Interface, Promise};

/// A capability to an object with an interface, `Remote<dyn TheTrait>`: it has the trait's methods, each of which gives a promise.
///
/// ```
/// # use ocap_guest_sdk::prelude::*;
/// /// Something that counts.
/// #[interface]
/// trait Counting {
///     fn increment(&mut self, by: u64) -> u64;
/// }
///
/// async fn twice(counter: Remote<dyn Counting>) -> Result<u64> {
///     counter.increment(1).await?;
///     counter.increment(1).await
/// }
/// ```
///
/// By serde it is the capability that it stands on. Nothing is asked of the object when one is made: a capability that turns out to be
/// to something else answers `no-such-method` or `bad-arguments`. [`Remote::cap`] is for calls that the interface does not have.
///
/// A promise of one has the methods too, so that `house.lamp("hall").set(30)` does not wait for the lamp.
pub struct Remote<I: Interface + ?Sized>(I::Client);

impl<I: Interface + ?Sized> Remote<I> {
    /// Takes a capability for one to an object with this interface.
    pub fn new(cap: Cap) -> Remote<I> {
        Remote(cap.into())
    }

    /// The capability.
    pub fn cap(&self) -> &Cap {
        self.0.as_ref()
    }
}

impl<I: Interface + ?Sized> Deref for Remote<I> {
    type Target = I::Client;

    fn deref(&self) -> &I::Client {
        &self.0
    }
}

impl<I: Interface + ?Sized> Deref for Promise<Remote<I>> {
    type Target = I::Client;

    fn deref(&self) -> &I::Client {
        self.client::<I::Client>()
    }
}

impl<I: Interface + ?Sized> From<Cap> for Remote<I> {
    fn from(cap: Cap) -> Remote<I> {
        Remote::new(cap)
    }
}

impl<I: Interface + ?Sized> From<Remote<I>> for Cap {
    fn from(remote: Remote<I>) -> Cap {
        remote.cap().clone()
    }
}

impl<I: Interface + ?Sized> Clone for Remote<I> {
    fn clone(&self) -> Remote<I> {
        Remote::new(self.cap().clone())
    }
}

impl<I: Interface + ?Sized> PartialEq for Remote<I> {
    fn eq(&self, other: &Remote<I>) -> bool {
        self.cap() == other.cap()
    }
}

impl<I: Interface + ?Sized> Eq for Remote<I> {}

impl<I: Interface + ?Sized> Hash for Remote<I> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.cap().hash(state);
    }
}

impl<I: Interface + ?Sized> fmt::Debug for Remote<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({})", I::DESCRIPTION.name, self.cap().slot())
    }
}

impl<I: Interface + ?Sized> Serialize for Remote<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.cap().serialize(serializer)
    }
}

impl<'de, I: Interface + ?Sized> Deserialize<'de> for Remote<I> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Remote<I>, D::Error> {
        Cap::deserialize(deserializer).map(Remote::new)
    }
}
