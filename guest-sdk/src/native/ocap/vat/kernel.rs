//! The interface `kernel`.
#![allow(missing_docs, reason = "wit/vat.wit has the words")]

use crate::bindings::host::{Handle, Outgoing, Settlement, ask, release};

pub type ObjectId = u64;

/// A handle on a reference.
#[derive(Debug)]
pub struct Cap(Handle);

impl Cap {
    /// Out of the host's number for it.
    pub fn from_handle(handle: Handle) -> Cap {
        Cap(handle)
    }

    /// The host's number for it.
    pub fn handle(&self) -> Handle {
        self.0
    }

    /// The host's number for it, which is not given up.
    pub fn take_handle(self) -> Handle {
        let handle = self.0;
        std::mem::forget(self);
        handle
    }

    pub fn duplicate(&self) -> Cap {
        Cap(ask(|host| host.duplicate(self.0)))
    }

    pub fn slot(&self) -> u64 {
        ask(|host| host.slot(self.0))
    }

    pub fn local(&self) -> Option<ObjectId> {
        ask(|host| host.local(self.0))
    }
}

impl Drop for Cap {
    fn drop(&mut self) {
        release(self.0);
    }
}

#[derive(Debug)]
pub struct Payload {
    pub body: Vec<u8>,
    pub caps: Vec<Cap>,
}

#[derive(Debug, Clone, Copy)]
pub struct Parcel<'a> {
    pub body: &'a [u8],
    pub caps: &'a [&'a Cap],
}

impl Parcel<'_> {
    pub(crate) fn outgoing(&self) -> Outgoing {
        Outgoing { body: self.body.to_vec(), caps: self.caps.iter().map(|cap| cap.0).collect() }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    Incarnation,
    Durable,
}

#[derive(Debug, Clone, Copy)]
pub enum Answer<'a> {
    Fulfill(Parcel<'a>),
    Forward(&'a Cap),
    Break(Parcel<'a>),
}

#[derive(Debug)]
pub enum Resolution {
    Fulfilled(Payload),
    Forwarded(Cap),
    Broken(Payload),
    Failed(String),
}

pub fn call(target: &Cap, method: &str, args: Parcel<'_>) -> Cap {
    Cap(ask(|host| host.call(target.0, method, args.outgoing())))
}

pub fn send(target: &Cap, method: &str, args: Parcel<'_>, resolver: Option<&Cap>) {
    ask(|host| host.send(target.0, method, args.outgoing(), resolver.map(Cap::handle)));
}

pub fn new_promise() -> (Cap, Cap) {
    both(ask(|host| host.new_promise()))
}

pub fn guard(target: &Cap) -> (Cap, Cap) {
    both(ask(|host| host.guard(target.0)))
}

pub fn settle(resolver: Cap, answer: Answer<'_>) {
    let settlement = match answer {
        Answer::Fulfill(value) => Settlement::Fulfill(value.outgoing()),
        Answer::Forward(target) => Settlement::Forward(target.0),
        Answer::Break(error) => Settlement::Break(error.outgoing()),
    };
    ask(|host| host.settle(resolver.take_handle(), settlement));
}

pub fn expose(object: ObjectId, lifetime: Lifetime) -> Cap {
    Cap(ask(|host| host.expose(object, lifetime)))
}

pub fn watch(promise: &Cap, token: u64) {
    ask(|host| host.watch(promise.0, token));
}

pub fn unwatch(token: u64) {
    ask(|host| host.unwatch(token));
}

pub fn listen(promise: &Cap, listener: &Cap) {
    ask(|host| host.listen(promise.0, listener.0));
}

pub fn pin(pinned: bool) {
    ask(|host| host.pin(pinned));
}

pub fn exit(reason: Result<Parcel<'_>, Parcel<'_>>) {
    let reason = match &reason {
        Ok(value) => Ok(value.outgoing()),
        Err(error) => Err(error.outgoing()),
    };
    ask(|host| host.exit(reason));
}

fn both((first, second): (Handle, Handle)) -> (Cap, Cap) {
    (Cap(first), Cap(second))
}
