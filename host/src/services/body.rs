//! What services say in bodies, and what they understand.

use ocap_kernel::{Answer, Code, Kref, Payload, Reply};
use ocap_passable::{Failure, Value, decode, encode};

/// The arguments of a call.
pub(super) struct Arguments {
    /// By position.
    pub(super) values: Vec<Value>,
    /// What the values call capability 0, 1, ...
    pub(super) caps: Vec<Kref>,
}

/// Why a call can't be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Misunderstood {
    /// There is no such method.
    Method,
    /// The arguments are none of this method's; what it takes, in a sentence.
    Arguments(String),
}

/// The arguments of a call; `None` if they are no list.
pub(super) fn arguments(args: &Payload<Kref>) -> Option<Arguments> {
    match decode(&args.body) {
        Ok(Value::List(values)) => Some(Arguments { values, caps: args.caps.clone() }),
        _ => None,
    }
}

impl Arguments {
    /// The argument at this place, if it is a whole number from 0 on.
    pub(super) fn number(&self, place: usize) -> Option<u64> {
        match self.values.get(place)? {
            Value::Integer(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }

    /// The argument at this place, if it is a text.
    pub(super) fn text(&self, place: usize) -> Option<&str> {
        match self.values.get(place)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The argument at this place, if it is a capability.
    pub(super) fn capability(&self, place: usize) -> Option<Kref> {
        match self.values.get(place)? {
            Value::Cap(index) => self.caps.get(*index).copied(),
            _ => None,
        }
    }
}

/// A value without capabilities.
pub(super) fn plain(value: &Value) -> Payload<Kref> {
    Payload::plain(encode(value))
}

/// A time as the one argument of a message.
pub(super) fn one_time(time_ms: u64) -> Payload<Kref> {
    plain(&Value::List(vec![Value::from(time_ms)]))
}

/// An error by name, with a sentence for people.
pub(super) fn error(name: &str, message: &str) -> Payload<Kref> {
    plain(&Value::Error(Failure { name: name.to_owned(), message: message.to_owned() }))
}

/// An error by name as the answer of a call.
pub(super) fn refusal(name: &str, message: &str) -> Reply {
    Reply::Settle(Answer::Break(error(name, message)))
}

impl From<Misunderstood> for Reply {
    fn from(misunderstood: Misunderstood) -> Reply {
        match misunderstood {
            Misunderstood::Method => Reply::Fail(Code::NoSuchMethod),
            Misunderstood::Arguments(wanted) => refusal("bad-arguments", &wanted),
        }
    }
}
