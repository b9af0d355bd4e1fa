//! Answers that come to a method of a durable object, also in a later incarnation.
//!
//! What listens for such an answer is a small durable object of this crate, which knows the object and the method. Only the kernel
//! can send to it: nobody else is ever given a capability to it. When it has passed its one message on, it is dropped like any other.

use ocap_passable::{Value as Plain, decode, split_item};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::answer::{Heard, Outcome};
use crate::bindings::ocap::vat::kernel::{self, Lifetime};
use crate::body::Body;
use crate::durable::{self, Durable};
use crate::{Cap, Error, Object, Promise, This};

/// The kind of what listens. No Rust type is called so.
pub(crate) const KIND: &str = "$then";

/// A method of `O` that hears the answer of a promise of `T`, marked `#[answer]`.
///
/// `C` is what it remembers (`()` for one that takes the answer alone), `How` how it takes the object; both are inferred.
#[diagnostic::on_unimplemented(
    message = "this method of `{O}` does not hear the answer of a `Promise<{T}>`",
    label = "not an `#[answer]` method for `Result<{T}>`",
    note = "write it as `#[answer] fn heard(&mut self, answer: Result<{T}>)`, with one argument more if it is given to `then_with`"
)]
pub trait Hears<O, T, C, How>: sealed::Sealed<O, T, C, How> {}

mod sealed {
    pub trait Sealed<O, T, C, How> {}
}

macro_rules! hears {
    ($($how:ident: $object:ty;)*) => {
        $(
            #[doc(hidden)]
            pub struct $how;

            impl<O: 'static, T, R, F: Fn($object, Result<T, Error>) -> R> Hears<O, T, (), ($how, R)> for F {}
            impl<O: 'static, T, R, F: Fn($object, Result<T, Error>) -> R> sealed::Sealed<O, T, (), ($how, R)> for F {}
            impl<O: 'static, T, C, R, F: Fn($object, Result<T, Error>, C) -> R> Hears<O, T, (C,), ($how, R)> for F {}
            impl<O: 'static, T, C, R, F: Fn($object, Result<T, Error>, C) -> R> sealed::Sealed<O, T, (C,), ($how, R)> for F {}
        )*
    };
}

hears! { Reads: &O; Changes: &mut O; Holds: This<O>; }

impl<T> Promise<T> {
    /// Has the answer sent to a method of a durable object, marked `#[answer]`, also if the vat or the host has been restarted meanwhile.
    ///
    /// The method is called once, in a delivery of its own. The object lives at least until then.
    ///
    /// ```
    /// # use ocap_guest_sdk::prelude::*;
    /// #[derive(Durable)]
    /// struct Order {
    ///     bank: Cap,
    ///     receipt: Option<String>,
    /// }
    ///
    /// #[object]
    /// impl Order {
    ///     fn pay(this: This<Self>, amount: u64) {
    ///         let bank = this.read(|order| order.bank.clone());
    ///         bank.call::<String>("pay", (amount,)).then(&this, Order::paid);
    ///     }
    ///
    ///     #[answer]
    ///     fn paid(&mut self, receipt: Result<String>) {
    ///         self.receipt = receipt.ok();
    ///     }
    /// }
    /// ```
    ///
    /// # Panics
    /// If the object ends with the incarnation, or `method` is no method of it but a closure.
    pub fn then<O: Object + Durable, How, F: Hears<O, T, (), How>>(self, object: &This<O>, method: F) {
        listen(self.cap(), object, name_of(&method), &());
    }

    /// The same for a method with one more argument, which is kept meanwhile and given to it.
    ///
    /// # Panics
    /// As [`Promise::then`], and if `context` can not be kept.
    pub fn then_with<O: Object + Durable, C: Serialize, How, F: Hears<O, T, (C,), How>>(
        self,
        object: &This<O>,
        method: F,
        context: C,
    ) {
        listen(self.cap(), object, name_of(&method), &context);
    }
}

/// The name of a method, as its path ends. A closure has none.
fn name_of<F>(_: &F) -> &'static str {
    const {
        assert!(
            size_of::<F>() == 0,
            "name the method, as in `Order::paid`: a closure or a pointer does not outlive the incarnation"
        )
    };
    let path = std::any::type_name::<F>();
    path.rsplit("::").next().unwrap_or(path).trim_start_matches("r#")
}

fn listen<O: Object + Durable, C: Serialize>(promise: &Cap, object: &This<O>, method: &str, context: &C) {
    assert!(
        object.is_durable(),
        "`{}` ends with the incarnation, so it can not hear an answer later: await it",
        O::KIND
    );
    assert!(
        method != "{{closure}}",
        "name the method, as in `{}::heard`: a closure does not outlive the incarnation",
        O::KIND
    );
    let id = durable::next_id();
    let body = Body::write(&(KIND, (object.cap(), method, context)));
    durable::save(id, &body.unwrap_or_else(|error| panic!("what `{method}` is to remember can not be kept: {error}")));
    kernel::listen(promise.handle(), &kernel::expose(id, Lifetime::Durable));
}

/// The answer has come: `how` is `fulfill`, `forward` or `break`.
pub(crate) fn deliver(record: Body, how: &str, answer: Body) -> Outcome {
    let (object, method, context) = parts(record).expect("what listens was written by this module");
    let id = object.local().expect("what listens is for an object of this vat");
    let answered = Answered { answer: Some(Heard::new(how, answer)), context };
    let outcome = match durable::kind_of_object(id) {
        Some(kind) => (kind.answered)(id, &method, answered),
        None => Outcome::no_such_answer(&method),
    };
    if let Outcome::Now(Err(error)) = &outcome {
        crate::error!(name = error.name(), "`{method}` of object {id} has had an answer and failed: {error}");
    }
    outcome
}

/// The object, the method, and what it is to remember. (Not by serde: a vat that hears no answers shall not carry the code for it.)
fn parts(record: Body) -> Option<(Cap, String, Body)> {
    let parts = durable::record(&record.bytes).ok()?.state.strip_prefix(&[0x83])?;
    let (object, parts) = split_item(parts).ok()?;
    let (method, context) = split_item(parts).ok()?;
    let (Ok(Plain::Cap(object)), Ok(Plain::String(method))) = (decode(object), decode(method)) else { return None };
    Some((record.caps.get(object)?.clone(), method, Body { bytes: context.to_vec(), caps: record.caps }))
}

/// An answer for a method, and what it is to remember.
#[doc(hidden)]
pub struct Answered {
    answer: Option<Heard>,
    /// What was given to `then_with`.
    context: Body,
}

impl Answered {
    /// An answer without capabilities, for tests.
    pub fn from_bytes(how: &str, bytes: &[u8]) -> Answered {
        let body = Body { bytes: bytes.to_vec(), caps: Vec::new() };
        Answered { answer: Some(Heard::new(how, body)), context: Body::default() }
    }

    /// The answer.
    pub fn answer<T: DeserializeOwned>(&mut self) -> Result<T, Error> {
        self.answer.take().map_or_else(|| Err(Error::new("no-answer", "the answer was taken")), Heard::read)
    }

    /// What was given to `then_with`.
    ///
    /// # Errors
    /// If it does not fit any more.
    pub fn context<C: DeserializeOwned>(&mut self) -> Result<C, Error> {
        let context = std::mem::take(&mut self.context);
        context.read().map_err(|error| Error::new("unexpected-context", error.to_string()))
    }
}
