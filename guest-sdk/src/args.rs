//! The arguments of a call: a list, by position.

use ocap_passable::{NotPassable, Value as Plain, decode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::body::{Body, read_value};
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
        let bad = |found: String| Err(bad_arguments(signature, found));
        match decode(&self.body.bytes) {
            Ok(Plain::List(items)) if items.len() == count => {
                Ok(Positional { signature, items: items.into_iter(), caps: self.body.caps })
            }
            Ok(Plain::List(items)) => bad(format!("got {} instead of {count}", items.len())),
            Ok(other) => bad(format!("got {} instead of a list", other.kind())),
            Err(error) => bad(error.to_string()),
        }
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
    items: std::vec::IntoIter<Plain>,
    caps: Vec<Cap>,
}

impl Positional {
    /// The next one.
    ///
    /// # Errors
    /// If it is of another type.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Error> {
        let item = self.items.next().unwrap_or(Plain::Undefined);
        let (it, caps) = read_value(item, std::mem::take(&mut self.caps));
        self.caps = caps;
        it.map_err(|error| bad_arguments(self.signature, format!("`{name}`: {error}")))
    }
}

fn bad_arguments(signature: &str, found: String) -> Error {
    Error::new("bad-arguments", format!("`{signature}`: {found}"))
}
