//! The arguments of a call: a list, by position.

use std::fmt;

use ocap_passable::{Items, NotPassable};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::body::{Body, with_incoming};
use crate::{Cap, Error, Value};

/// What can be the arguments of a call: a tuple, a slice of [`Value`], or none as `()`.
pub trait Arguments: sealed::Sealed {}

pub(crate) mod sealed {
    use super::{Body, NotPassable};

    pub trait Sealed {
        #[doc(hidden)]
        #[allow(private_interfaces)]
        fn body(&self) -> Result<Body, NotPassable>;
    }
}

impl<T: sealed::Sealed> Arguments for T {}

#[allow(private_interfaces)]
impl sealed::Sealed for () {
    fn body(&self) -> Result<Body, NotPassable> {
        Body::write::<[(); 0]>(&[])
    }
}

#[allow(private_interfaces)]
impl sealed::Sealed for &[Value] {
    fn body(&self) -> Result<Body, NotPassable> {
        Body::write(self)
    }
}

macro_rules! tuples {
    ($(($($name:ident)*))*) => {
        $(#[allow(private_interfaces)]
        impl<$($name: Serialize),*> sealed::Sealed for ($($name,)*) {
            fn body(&self) -> Result<Body, NotPassable> {
                Body::write(self)
            }
        })*
    };
}

tuples! { (A) (A B) (A B C) (A B C D) (A B C D E) (A B C D E F) (A B C D E F G) (A B C D E F G H) }

/// The arguments of a delivery, as they came.
#[doc(hidden)]
pub struct Args {
    body: Body,
}

impl Args {
    pub(crate) fn new(body: Body) -> Args {
        Args { body }
    }

    /// Arguments without capabilities, for tests.
    pub fn from_bytes(bytes: &[u8]) -> Args {
        Args { body: Body { bytes: bytes.to_vec(), caps: Vec::new() } }
    }

    /// The arguments by position, for the method with this signature, which says how many they are.
    ///
    /// # Errors
    /// If they are not a list of `count`.
    pub fn positional(self, signature: &'static str, count: usize) -> Result<Positional, Error> {
        let Body { bytes, caps } = self.body;
        let items = Items::new(bytes, count).map_err(|error| bad_arguments(signature, &error))?;
        Ok(Positional { signature, items, caps })
    }

    /// As they came.
    pub(crate) fn into_body(self) -> Body {
        self.body
    }

    /// The arguments, whatever they are, for a peer in a test.
    ///
    /// # Errors
    /// If they are no list.
    pub fn list(self) -> Result<Vec<Value>, Error> {
        Ok(self.body.read()?)
    }
}

/// Arguments that are taken one by one.
#[doc(hidden)]
pub struct Positional {
    signature: &'static str,
    items: Items,
    caps: Vec<Cap>,
}

impl Positional {
    /// The next one.
    ///
    /// # Errors
    /// If it is of another type.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Error> {
        let (it, caps) = with_incoming(std::mem::take(&mut self.caps), || self.items.take());
        self.caps = caps;
        it.map_err(|error| refused(self.signature, name, &error))
    }
}

#[cold]
fn refused(signature: &str, name: &str, error: &NotPassable) -> Error {
    match error {
        NotPassable::Mismatch(text) => bad_arguments(signature, &format_args!("`{name}`: {text}")),
        malformed => bad_arguments(signature, malformed),
    }
}

fn bad_arguments(signature: &str, found: &dyn fmt::Display) -> Error {
    Error::new("bad-arguments", format!("`{signature}`: {found}"))
}
