//! Who answers the calls of the ABI on this thread.

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::time::Duration;

pub use super::ocap::vat::kernel::Lifetime;
use super::ocap::vat::log::Level;

/// Names one handle.
pub type Handle = u32;

/// A rule of the ABI that the vat broke, in words: what the crank unwinds with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken(pub String);

/// What the vat hands over: bytes, and the handles that they mention by index.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// The bytes.
    pub body: Vec<u8>,
    /// The handles.
    pub caps: Vec<Handle>,
}

/// How the vat settles a promise.
#[derive(Debug, Clone)]
pub enum Settlement {
    /// Data.
    Fulfill(Outgoing),
    /// One reference.
    Forward(Handle),
    /// An error.
    Break(Outgoing),
}

type Result<T> = std::result::Result<T, Broken>;

/// Whoever plays the host. Each function is one of the contract `ocap:vat`, over handles.
#[allow(missing_docs, reason = "wit/vat.wit has the words")]
pub trait Host {
    fn call(&mut self, target: Handle, method: &str, args: Outgoing) -> Result<Handle>;
    fn send(&mut self, target: Handle, method: &str, args: Outgoing, resolver: Option<Handle>) -> Result<()>;
    fn new_promise(&mut self) -> Result<(Handle, Handle)>;
    fn guard(&mut self, target: Handle) -> Result<(Handle, Handle)>;
    fn settle(&mut self, resolver: Handle, settlement: Settlement) -> Result<()>;
    fn expose(&mut self, object: u64, lifetime: Lifetime) -> Result<Handle>;
    fn watch(&mut self, promise: Handle, token: u64) -> Result<()>;
    fn unwatch(&mut self, token: u64) -> Result<()>;
    fn listen(&mut self, promise: Handle, listener: Handle) -> Result<()>;
    fn pin(&mut self, pinned: bool) -> Result<()>;
    fn exit(&mut self, reason: std::result::Result<Outgoing, Outgoing>) -> Result<()>;

    fn duplicate(&mut self, cap: Handle) -> Result<Handle>;
    fn slot(&mut self, cap: Handle) -> Result<u64>;
    fn local(&mut self, cap: Handle) -> Result<Option<u64>>;
    fn release(&mut self, cap: Handle) -> Result<()>;

    fn get(&mut self, key: &[u8]) -> Result<Option<(Vec<u8>, Vec<Handle>)>>;
    fn get_body(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>>;
    fn put(&mut self, key: &[u8], value: Outgoing) -> Result<()>;
    fn remove(&mut self, key: &[u8]) -> Result<bool>;
    fn keys(&mut self, prefix: &[u8], after: Option<&[u8]>, limit: u32) -> Result<Vec<Vec<u8>>>;
    fn entries(&mut self, prefix: &[u8], after: Option<&[u8]>, limit: u32) -> Result<Vec<(Vec<u8>, Vec<u8>)>>;

    fn log(&mut self, level: Level, message: &str, fields: &[(&str, &str)]) -> Result<()>;

    /// What the clock of this crank says, since 1970.
    fn now(&mut self) -> Result<Duration>;
    /// Random bytes of this incarnation.
    fn random(&mut self, bytes: &mut [u8]) -> Result<()>;
}

thread_local! {
    static HOST: RefCell<Option<Box<dyn Host>>> = const { RefCell::new(None) };
}

/// From now on this one plays the host for what runs on this thread. Whoever did before is given back.
pub fn play(host: Option<Box<dyn Host>>) -> Option<Box<dyn Host>> {
    HOST.replace(host)
}

/// Asks the host. A crank that is unwinding already is lost, so nothing that it still does matters.
pub(crate) fn ask<T: Default>(question: impl FnOnce(&mut dyn Host) -> Result<T>) -> T {
    if std::thread::panicking() {
        return T::default();
    }
    let answer = HOST.with_borrow_mut(|host| match host {
        Some(host) => question(host.as_mut()),
        None => panic!("there is no host here: run the vat in a test with `#[vat_test]` (crate ocap-guest-testing)"),
    });
    match answer {
        Ok(it) => it,
        // Not a panic: nothing is to be said before the crank's end says it.
        Err(broken) => resume_unwind(Box::new(broken)),
    }
}

/// Tells the host that a handle has ended. Without a host nobody needs to know.
pub(super) fn release(handle: Handle) {
    if HOST.try_with(|host| host.borrow().is_some()).unwrap_or(false) {
        ask(|host| host.release(handle));
    }
}
