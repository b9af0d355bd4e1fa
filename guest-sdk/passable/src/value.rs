//! The data model.

use std::collections::BTreeMap;

use crate::integer::BigInteger;

/// Anything that can be passed in a message or kept in a vat's store.
///
/// `C` is what a capability is: its index in the message's list (`usize`, as it stands in the bytes), or a handle in a guest.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<C = usize> {
    /// No value at all. Serde can not tell it from null.
    Undefined,
    /// Nothing, on purpose.
    Null,
    /// True or false.
    Bool(bool),
    /// An integer.
    Integer(i128),
    /// An integer that an `i128` has no room for.
    BigInteger(BigInteger),
    /// A float64, another thing than an integer also where it is whole. There is one NaN.
    Float(f64),
    /// Text.
    String(String),
    /// A name.
    Symbol(String),
    /// Octets.
    Bytes(Vec<u8>),
    /// Values in order.
    List(Vec<Value<C>>),
    /// Values by name.
    Struct(BTreeMap<String, Value<C>>),
    /// A value with a label that says how to read it.
    Tagged(String, Box<Value<C>>),
    /// An error as data.
    Error(Failure),
    /// A capability.
    Cap(C),
}

/// An error as data: what a promise is broken with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What programs compare: short, lower case, with hyphens.
    pub name: String,
    /// What people read.
    pub message: String,
}

/// A type that stands for a capability in [`Value`] and whose serde form is one (a newtype struct called [`crate::CAP`] around an index).
pub trait Reference: serde::Serialize + serde::de::DeserializeOwned {}

impl<C> Value<C> {
    /// What kind of value it is, as error messages call it.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Undefined => "undefined",
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Integer(_) | Value::BigInteger(_) => "an integer",
            Value::Float(_) => "a float",
            Value::String(_) => "a string",
            Value::Symbol(_) => "a symbol",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "a list",
            Value::Struct(_) => "a struct",
            Value::Tagged(..) => "a tagged value",
            Value::Error(_) => "an error",
            Value::Cap(_) => "a capability",
        }
    }

    /// The same value with each capability renamed, in order of appearance in memory.
    pub fn map<D>(self, rename: &mut impl FnMut(C) -> D) -> Value<D> {
        match self {
            Value::Undefined => Value::Undefined,
            Value::Null => Value::Null,
            Value::Bool(it) => Value::Bool(it),
            Value::Integer(it) => Value::Integer(it),
            Value::BigInteger(it) => Value::BigInteger(it),
            Value::Float(it) => Value::Float(it),
            Value::String(it) => Value::String(it),
            Value::Symbol(it) => Value::Symbol(it),
            Value::Bytes(it) => Value::Bytes(it),
            Value::List(items) => Value::List(items.into_iter().map(|item| item.map(rename)).collect()),
            Value::Struct(fields) => {
                Value::Struct(fields.into_iter().map(|(key, field)| (key, field.map(rename))).collect())
            }
            Value::Tagged(label, value) => Value::Tagged(label, Box::new(value.map(rename))),
            Value::Error(it) => Value::Error(it),
            Value::Cap(cap) => Value::Cap(rename(cap)),
        }
    }

    /// Whether containers are nested at most `levels` deep.
    pub(crate) fn fits(&self, levels: usize) -> bool {
        match self {
            Value::List(items) => levels > 0 && items.iter().all(|item| item.fits(levels - 1)),
            Value::Struct(fields) => levels > 0 && fields.values().all(|field| field.fits(levels - 1)),
            Value::Tagged(_, value) => levels > 0 && value.fits(levels - 1),
            _ => true,
        }
    }
}

impl<C> From<String> for Value<C> {
    fn from(text: String) -> Value<C> {
        Value::String(text)
    }
}

impl<C> From<&str> for Value<C> {
    fn from(text: &str) -> Value<C> {
        Value::String(text.to_owned())
    }
}

impl<C> From<bool> for Value<C> {
    fn from(it: bool) -> Value<C> {
        Value::Bool(it)
    }
}

impl<C> From<i64> for Value<C> {
    fn from(it: i64) -> Value<C> {
        Value::Integer(it.into())
    }
}

impl<C> From<u64> for Value<C> {
    fn from(it: u64) -> Value<C> {
        Value::Integer(it.into())
    }
}
