//! Answers: what a method gives back, and what an await or a durable listener hears.

use std::future::Future;
use std::pin::Pin;

use ocap_passable::{Value as Plain, decode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::ocap::vat::kernel::{self, Answer, Resolution};
use crate::body::Body;
use crate::{Cap, Error};

/// What a method answered: a value, ready to be sent.
#[doc(hidden)]
pub struct Reply(Body);

impl Reply {
    /// # Errors
    /// If the value can not be passed.
    pub fn new<T: Serialize + ?Sized>(it: &T) -> Result<Reply, Error> {
        Body::write(it).map(Reply).map_err(|error| Error::new("not-passable", error.to_string()))
    }

    /// The bytes of the value, for tests.
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }
}

/// How a delivery goes on.
#[doc(hidden)]
pub enum Outcome {
    /// It is done.
    Now(Result<Reply, Error>),
    /// It waits.
    Later(Pin<Box<dyn Future<Output = Result<Reply, Error>>>>),
}

impl Outcome {
    /// Nothing of that name.
    pub fn no_such_method(object: &str, method: &str) -> Outcome {
        let message = format!("{object} has no method `{}`", shown(method));
        Outcome::Now(Err(Error::new("no-such-method", message)))
    }

    /// An answer for a method that this code does not have any more.
    pub fn no_such_answer(method: &str) -> Outcome {
        let message = format!("no method `{}` of this object hears an answer", shown(method));
        Outcome::Now(Err(Error::new("no-such-method", message)))
    }
}

/// A name that came from elsewhere, harmless to show. (By `Debug`, for which every component has the code.)
fn shown(name: &str) -> String {
    let quoted = format!("{name:?}");
    quoted.trim_matches('"').to_owned()
}

/// Gives the answer to whoever waits for it. A lone capability is forwarded, so that messages sent to the answer reach it.
pub(crate) fn settle(resolver: kernel::Cap, answer: Result<Reply, Error>) {
    match answer {
        Ok(Reply(body)) => match body.lone_cap() {
            Some(cap) => kernel::settle(resolver, Answer::Forward(cap.handle())),
            None => body.lend(|parcel| kernel::settle(resolver, Answer::Fulfill(parcel))),
        },
        Err(error) => {
            Body::error(error).lend(|parcel| kernel::settle(resolver, Answer::Break(parcel)));
        }
    }
}

/// How a promise ended.
pub(crate) enum Heard {
    Value(Body),
    Object(Cap),
    Broken(Body),
    Failed(String),
}

impl Heard {
    /// As a message to a durable listener says it. The kernel's own errors come as `break` too.
    pub(crate) fn new(method: &str, body: Body) -> Heard {
        match method {
            "fulfill" => Heard::Value(body),
            "forward" => match body.caps.into_iter().next() {
                Some(cap) => Heard::Object(cap),
                None => Heard::Broken(Body::default()),
            },
            _ => Heard::Broken(body),
        }
    }

    pub(crate) fn read<T: DeserializeOwned>(self) -> Result<T, Error> {
        let value = match self {
            Heard::Value(body) => body,
            Heard::Object(cap) => Body::of_cap(cap),
            Heard::Broken(body) => return Err(broken(&body)),
            Heard::Failed(code) => return Err(Error::Failed(code)),
        };
        value.read().map_err(|error| Error::new("unexpected-answer", error.to_string()))
    }
}

impl From<Resolution> for Heard {
    fn from(resolution: Resolution) -> Heard {
        match resolution {
            Resolution::Fulfilled(payload) => Heard::Value(Body::received(payload)),
            Resolution::Forwarded(cap) => Heard::Object(Cap::new(cap)),
            Resolution::Broken(payload) => Heard::Broken(Body::received(payload)),
            Resolution::Failed(code) => Heard::Failed(code),
        }
    }
}

/// The error of a body that should be one. A peer can break a promise with anything.
fn broken(body: &Body) -> Error {
    match decode(&body.bytes) {
        Ok(Plain::Error(failure)) => Error::Broken(failure),
        Ok(Plain::String(message)) => Error::new("error", message),
        Ok(other) => Error::new("error", format!("the error is {}", other.kind())),
        Err(_) => Error::new("error", "the error can not be read"),
    }
}
