//! Promises: an answer that is still to come, and the right to give it.

use std::any::Any;
use std::cell::OnceCell;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::FusedFuture;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::answer::{Reply, settle};
use crate::args::Arguments;
use crate::bindings::ocap::vat::kernel;
use crate::cap::pass_as_cap;
use crate::executor;
use crate::{Cap, Error};

/// An answer that is still to come.
///
/// - `promise.await` waits for it, as a `T`. Dropping the promise ends the wait, not the call: what was sent is done all the same.
/// - [`Promise::call`] sends to it at once: the message goes on when the answer is an object, and fails if it is anything else. A promise of a
///   [`crate::Remote`] has its methods.
/// - [`Promise::then`] has the answer sent to a durable object's method, also after a restart. [`Promise::within`] waits only so long.
/// - In an argument, an answer or durable state it passes as the capability that it is. A method that answers a promise answers what
///   that promise ends with.
#[must_use = "await it, send to it, keep it, or say `.forget()` if nobody wants the answer"]
pub struct Promise<T> {
    cap: Cap,
    /// Where the executor keeps the wait, once there is one.
    token: Option<u64>,
    /// An await has had the answer.
    is_over: bool,
    /// What a promise of a `Remote` has its methods from, once it is asked for.
    client: OnceCell<Box<dyn Any>>,
    answer: PhantomData<fn() -> T>,
}

impl<T> Promise<T> {
    /// The promise behind a capability. What is no promise is its own answer.
    pub fn new(cap: Cap) -> Promise<T> {
        Promise { cap, token: None, is_over: false, client: OnceCell::new(), answer: PhantomData }
    }

    pub(crate) fn broken(error: &Error) -> Promise<T> {
        let (promise, resolver) = promise::<T>();
        resolver.fail(error.clone());
        promise
    }

    /// The promise as a capability.
    pub fn cap(&self) -> &Cap {
        &self.cap
    }

    /// Calls a method of the object that is to come, without waiting for it.
    pub fn call<U>(&self, method: &str, args: impl Arguments) -> Promise<U> {
        self.cap.call(method, args)
    }

    /// Sends a message to the object that is to come, without asking for an answer.
    pub fn send(&self, method: &str, args: impl Arguments) {
        self.cap.send(method, args);
    }

    /// Nobody wants the answer, and nobody will learn how it went.
    pub fn forget(self) {}

    /// What calls methods of the object that is to come.
    pub(crate) fn client<C: From<Cap> + 'static>(&self) -> &C {
        let client = self.client.get_or_init(|| Box::new(C::from(self.cap.clone())));
        client.downcast_ref().expect("a promise is of one type")
    }
}

impl<T: DeserializeOwned> Future for Promise<T> {
    type Output = Result<T, Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(token) = self.token else {
            self.token = Some(executor::watch(&self.cap, context.waker()));
            return Poll::Pending;
        };
        match executor::heard(token, context.waker()) {
            Some(heard) => {
                (self.token, self.is_over) = (None, true);
                Poll::Ready(heard.read())
            }
            None => Poll::Pending,
        }
    }
}

impl<T: DeserializeOwned> FusedFuture for Promise<T> {
    fn is_terminated(&self) -> bool {
        self.is_over
    }
}

impl<T> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(token) = self.token {
            executor::unwatch(token);
        }
    }
}

impl<T> Clone for Promise<T> {
    fn clone(&self) -> Promise<T> {
        Promise::new(self.cap.clone())
    }
}

pass_as_cap!(Promise<T>, |promise| &promise.cap, Promise::new);

/// The right to settle a promise. It passes as a capability; a promise whose resolver nobody holds any more breaks by itself.
#[must_use = "dropping it breaks the promise"]
pub struct Resolver<T> {
    cap: Cap,
    answer: PhantomData<fn(T)>,
}

impl<T> Resolver<T> {
    /// The resolver behind a capability. Settling anything else traps the vat.
    pub fn new(cap: Cap) -> Resolver<T> {
        Resolver { cap, answer: PhantomData }
    }

    /// Settles the promise with a value. A promise that is settled already stays as it is.
    pub fn fulfill(self, value: &T)
    where
        T: Serialize,
    {
        settle(self.cap.into_handle(), Reply::new(value));
    }

    /// Settles the promise with an object, or with whatever another promise ends with.
    pub fn forward(self, target: &Cap) {
        kernel::settle(self.cap.into_handle(), kernel::Answer::Forward(target.handle()));
    }

    /// Breaks the promise.
    pub fn fail(self, error: impl Into<Error>) {
        settle(self.cap.into_handle(), Err(error.into()));
    }
}

pass_as_cap!(Resolver<T>, |resolver| &resolver.cap, Resolver::new);

/// A promise and the right to settle it.
pub fn promise<T>() -> (Promise<T>, Resolver<T>) {
    let (promise, resolver) = kernel::new_promise();
    (Promise::new(Cap::new(promise)), Resolver::new(Cap::new(resolver)))
}
