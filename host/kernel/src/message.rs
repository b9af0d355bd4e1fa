//! What passes between endpoints: bodies with the references they mention, answers and how promises end.

use std::fmt;
use std::sync::Arc;

/// Bytes that the kernel carries and never reads.
pub type Body = Arc<[u8]>;

/// A body and the references it mentions by index. `R` is [`crate::Kref`] inside the kernel, [`crate::Slot`] at a vat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload<R> {
    /// Canonical CBOR by convention; opaque here.
    pub body: Body,
    /// What the body calls capability 0, 1, ...
    pub caps: Vec<R>,
}

impl<R> Payload<R> {
    /// A body without references.
    pub fn plain(body: impl Into<Body>) -> Payload<R> {
        Payload { body: body.into(), caps: Vec::new() }
    }

    /// The same body with each reference renamed.
    pub fn map<S>(&self, mut rename: impl FnMut(&R) -> S) -> Payload<S> {
        Payload { body: self.body.clone(), caps: self.caps.iter().map(&mut rename).collect() }
    }
}

/// How a promise is settled by whoever holds its resolver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer<R> {
    /// Data.
    Fulfill(Payload<R>),
    /// Another reference, which may itself be a promise.
    Forward(R),
    /// An error, described by data.
    Break(Payload<R>),
}

/// How a promise ended, at the end of its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution<R> {
    /// Data.
    Fulfilled(Payload<R>),
    /// An object, never a promise.
    Forwarded(R),
    /// Broken by whoever held the resolver.
    Broken(Payload<R>),
    /// Broken by the kernel.
    Failed(Code),
}

/// The errors that the kernel itself tells a vat: few, fixed, and without a word about others (design section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Code {
    /// The object is gone.
    ObjectGone,
    /// The object was revoked.
    ObjectRevoked,
    /// The vat was terminated.
    VatTerminated,
    /// The vat is quarantined and takes no messages.
    VatQuarantined,
    /// The vat trapped while it handled the message.
    VatTrapped,
    /// The heap that knew the answer is gone.
    IncarnationLost,
    /// Nobody can settle the promise any more.
    ResolverDropped,
    /// Over a size limit.
    TooLarge,
    /// The target's inbox is full.
    MailboxFull,
    /// A message to plain data.
    NotACapability,
    /// A promise that was forwarded to itself.
    ForwardCycle,
    /// The promise is settled already.
    AlreadySettled,
    /// The host died between the act and its answer.
    OutcomeUnknown,
    /// The host object has no such method.
    NoSuchMethod,
}

impl Code {
    /// Every code, for parsing and for documents.
    pub const ALL: [Code; 14] = [
        Code::ObjectGone,
        Code::ObjectRevoked,
        Code::VatTerminated,
        Code::VatQuarantined,
        Code::VatTrapped,
        Code::IncarnationLost,
        Code::ResolverDropped,
        Code::TooLarge,
        Code::MailboxFull,
        Code::NotACapability,
        Code::ForwardCycle,
        Code::AlreadySettled,
        Code::OutcomeUnknown,
        Code::NoSuchMethod,
    ];

    /// The word that vats, operators and the store see; it never changes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Code::ObjectGone => "object-gone",
            Code::ObjectRevoked => "object-revoked",
            Code::VatTerminated => "vat-terminated",
            Code::VatQuarantined => "vat-quarantined",
            Code::VatTrapped => "vat-trapped",
            Code::IncarnationLost => "incarnation-lost",
            Code::ResolverDropped => "resolver-dropped",
            Code::TooLarge => "too-large",
            Code::MailboxFull => "mailbox-full",
            Code::NotACapability => "not-a-capability",
            Code::ForwardCycle => "forward-cycle",
            Code::AlreadySettled => "already-settled",
            Code::OutcomeUnknown => "outcome-unknown",
            Code::NoSuchMethod => "no-such-method",
        }
    }

    /// The reverse of [`Code::as_str`].
    pub fn parse(word: &str) -> Option<Code> {
        Code::ALL.into_iter().find(|code| code.as_str() == word)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
