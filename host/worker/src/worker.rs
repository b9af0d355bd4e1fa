//! The functions of the ABI over handles. Nothing here waits, and nothing takes longer than its input is long.

use std::ops::ControlFlow;

use ocap_kernel::{Answer, AnswerTo, Boot, Exposed, Held, Outcome, Payload, Report, Slot, Syscall};

use crate::limits::{BODY_BYTES_MAX, Broken, CAPS_MAX, METHOD_BYTES_MAX, PAGE_BYTES_MAX, PAGE_ELEMENT_BYTES};
use crate::mirror::{Handle, Mirror};
use crate::out::Out;
use crate::store::VatStore;

type Result<T> = std::result::Result<T, Broken>;

/// One incarnation of a vat, seen from its own side. The store outlives it, and is lent for each crank.
///
/// Every function that can break a rule says so at once; the crank is then to be ended with [`Outcome::Trapped`]. A worker whose crank did
/// not end well is to be thrown away.
#[derive(Debug)]
pub struct Worker {
    mirror: Mirror,
    store: VatStore,
    out: Out,
}

/// What a guest hands over: bytes, and a handle for each capability that they mention.
#[derive(Debug)]
pub struct Parcel<I> {
    /// Opaque here.
    pub body: Vec<u8>,
    /// What the body calls capability 0, 1, ...
    pub caps: I,
}

/// The lifecycle: what comes from the kernel and goes back.
impl Worker {
    /// An incarnation begins: no handles yet.
    pub fn new(boot: &Boot) -> Worker {
        Worker { mirror: Mirror::new(&boot.clist, &boot.grants), store: VatStore::default(), out: Out::default() }
    }

    /// A crank begins. The vat's store is here until [`Worker::end`]; the next new reference gets the slot `next`.
    pub fn begin(&mut self, store: VatStore, next: Slot) {
        self.store = store;
        self.store.make_room();
        self.mirror.begin(next);
    }

    /// A handle on a delivered reference.
    ///
    /// # Errors
    /// If there are too many.
    pub fn deliver(&mut self, held: Held) -> Result<Handle> {
        self.mirror.deliver(held)
    }

    /// A handle on a grant, for `start`.
    ///
    /// # Errors
    /// If there are too many.
    pub fn grant(&mut self, slot: Slot) -> Result<Handle> {
        self.mirror.grant(slot)
    }

    /// The vat is told that nobody holds these objects: their ids are free from now on.
    pub fn unbind(&mut self, objects: &[u64]) {
        self.mirror.unbind(objects);
    }

    /// The crank is over: the vat's store, and what the kernel is to know. If it did not end well, the store is as it was before.
    pub fn end(&mut self, outcome: Outcome) -> (VatStore, Report) {
        let mut store = std::mem::take(&mut self.store);
        let Out { syscalls, .. } = std::mem::take(&mut self.out);
        let report = match outcome {
            Outcome::Done => {
                let (writes, stored) = store.commit();
                let changes = self.mirror.finish(&stored, |slot| store.mentions(slot) > 0);
                Report { outcome, syscalls, store: writes, taken: changes.taken, dropped: changes.dropped }
            }
            Outcome::Trapped(_) | Outcome::StartFailed(_) => {
                store.undo();
                Report { outcome, syscalls: Vec::new(), store: Vec::new(), taken: Vec::new(), dropped: Vec::new() }
            }
        };
        (store, report)
    }
}

/// The interface `kernel`.
impl Worker {
    /// `call`
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn call(
        &mut self,
        target: Handle,
        method: String,
        args: Parcel<impl ExactSizeIterator<Item = Handle>>,
    ) -> Result<Handle> {
        let (target, method) = (self.mirror.slot(target)?, self.method(method)?);
        let args = self.outgoing(args)?;
        let (promise, handle) = self.mirror.make()?;
        self.out.push(Syscall::Send { target, method, args, answer: AnswerTo::Promise(promise) })?;
        Ok(handle)
    }

    /// `send`
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn send(
        &mut self,
        target: Handle,
        method: String,
        args: Parcel<impl ExactSizeIterator<Item = Handle>>,
        resolver: Option<Handle>,
    ) -> Result<()> {
        let (target, method) = (self.mirror.slot(target)?, self.method(method)?);
        let args = self.outgoing(args)?;
        let answer = match resolver {
            Some(resolver) => AnswerTo::Reference(self.mirror.slot(resolver)?),
            None => AnswerTo::Nobody,
        };
        self.out.push(Syscall::Send { target, method, args, answer })
    }

    /// `new-promise`: the promise and its resolver.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn new_promise(&mut self) -> Result<(Handle, Handle)> {
        let (promise, promise_handle) = self.mirror.make()?;
        let (resolver, resolver_handle) = self.mirror.make()?;
        self.out.push(Syscall::NewPromise { promise, resolver })?;
        Ok((promise_handle, resolver_handle))
    }

    /// `guard`: the caretaker and its revoker.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn guard(&mut self, target: Handle) -> Result<(Handle, Handle)> {
        let target = self.mirror.slot(target)?;
        let (guarded, guarded_handle) = self.mirror.make()?;
        let (revoker, revoker_handle) = self.mirror.make()?;
        self.out.push(Syscall::Guard { target, guarded, revoker })?;
        Ok((guarded_handle, revoker_handle))
    }

    /// `settle` with data; the handle on the resolver is gone.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn fulfill(&mut self, resolver: Handle, value: Parcel<impl ExactSizeIterator<Item = Handle>>) -> Result<()> {
        let answer = Answer::Fulfill(self.outgoing(value)?);
        self.settle(resolver, answer)
    }

    /// `settle` with a reference; the handle on the resolver is gone.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn forward(&mut self, resolver: Handle, target: Handle) -> Result<()> {
        let answer = Answer::Forward(self.mirror.slot(target)?);
        self.settle(resolver, answer)
    }

    /// `settle` with an error; the handle on the resolver is gone.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn fail(&mut self, resolver: Handle, error: Parcel<impl ExactSizeIterator<Item = Handle>>) -> Result<()> {
        let answer = Answer::Break(self.outgoing(error)?);
        self.settle(resolver, answer)
    }

    /// `expose`
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn expose(&mut self, exposed: Exposed) -> Result<Handle> {
        let (slot, handle) = self.mirror.expose(exposed)?;
        self.out.push(Syscall::Expose { exposed, slot })?;
        Ok(handle)
    }

    /// `watch`
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn watch(&mut self, promise: Handle, token: u64) -> Result<()> {
        let promise = self.mirror.slot(promise)?;
        self.out.push(Syscall::Watch { promise, token })
    }

    /// `unwatch`
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn unwatch(&mut self, token: u64) -> Result<()> {
        self.out.push(Syscall::Unwatch { token })
    }

    /// `listen`
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn listen(&mut self, promise: Handle, listener: Handle) -> Result<()> {
        let (promise, listener) = (self.mirror.slot(promise)?, self.mirror.slot(listener)?);
        self.out.push(Syscall::Listen { promise, listener })
    }

    /// `pin`
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn pin(&mut self, pinned: bool) -> Result<()> {
        self.out.push(Syscall::Pin(pinned))
    }

    /// `exit`
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn exit<I: ExactSizeIterator<Item = Handle>>(
        &mut self,
        reason: std::result::Result<Parcel<I>, Parcel<I>>,
    ) -> Result<()> {
        let reason = match reason {
            Ok(parcel) => Ok(self.outgoing(parcel)?),
            Err(parcel) => Err(self.outgoing(parcel)?),
        };
        self.out.push(Syscall::Exit(reason))
    }
}

/// The resource `cap`.
impl Worker {
    /// `duplicate`
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn duplicate(&mut self, handle: Handle) -> Result<Handle> {
        let slot = self.mirror.slot(handle)?;
        self.mirror.take(slot)
    }

    /// `slot`
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn slot(&self, handle: Handle) -> Result<Slot> {
        self.mirror.slot(handle)
    }

    /// `local`
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn local(&self, handle: Handle) -> Result<Option<u64>> {
        self.mirror.local(handle)
    }

    /// The end of a handle.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn release(&mut self, handle: Handle) -> Result<()> {
        self.mirror.release(handle).map(|_| ())
    }
}

/// The interface `store`.
impl Worker {
    /// `get`: the value, with each new handle as `own` makes it.
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn get<C>(&mut self, key: &[u8], own: impl Fn(Handle) -> C) -> Result<Option<Payload<C>>> {
        let Some(Payload { body, caps }) = self.store.get(key)? else { return Ok(None) };
        let caps = caps.iter().map(|&slot| self.mirror.take(slot).map(&own)).collect::<Result<_>>()?;
        Ok(Some(Payload { body: body.clone(), caps }))
    }

    /// `get-body`
    ///
    /// # Errors
    /// If it can't be read.
    pub fn get_body(&mut self, key: &[u8]) -> Result<Option<&[u8]>> {
        Ok(self.store.get(key)?.map(|value| &*value.body))
    }

    /// `put`
    ///
    /// # Errors
    /// The rule that was broken.
    pub fn put(&mut self, key: Vec<u8>, value: Parcel<impl ExactSizeIterator<Item = Handle>>) -> Result<()> {
        let value = self.payload(value)?;
        self.store.put(key, value)
    }

    /// `remove`
    ///
    /// # Errors
    /// If it can't be read.
    pub fn remove(&mut self, key: Vec<u8>) -> Result<bool> {
        self.store.remove(key)
    }

    /// `keys`
    ///
    /// # Errors
    /// If one can't be read.
    pub fn keys(&mut self, prefix: &[u8], after: Option<&[u8]>, limit: u32) -> Result<Vec<Vec<u8>>> {
        let mut page = Page::new(limit);
        self.store.walk(prefix, after, |key, _| page.take(key.len(), || key.to_vec()))?;
        Ok(page.elements)
    }

    /// `entries`
    ///
    /// # Errors
    /// If one can't be read.
    pub fn entries(&mut self, prefix: &[u8], after: Option<&[u8]>, limit: u32) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut page = Page::new(limit);
        self.store.walk(prefix, after, |key, value| {
            page.take(key.len() + value.body.len(), || (key.to_vec(), value.body.to_vec()))
        })?;
        Ok(page.elements)
    }
}

impl Worker {
    fn settle(&mut self, resolver: Handle, answer: Answer<Slot>) -> Result<()> {
        let resolver = self.mirror.release(resolver)?;
        self.out.push(Syscall::Settle { resolver, answer })
    }

    /// A method's name, if it is not too long.
    fn method(&mut self, method: String) -> Result<String> {
        if method.len() > METHOD_BYTES_MAX {
            return Err(Broken::Method { bytes: method.len() });
        }
        self.out.spend(method.len())?;
        Ok(method)
    }

    /// What the guest sends, with slots for handles.
    fn outgoing(&mut self, parcel: Parcel<impl ExactSizeIterator<Item = Handle>>) -> Result<Payload<Slot>> {
        if parcel.body.len() > BODY_BYTES_MAX {
            return Err(Broken::Body { bytes: parcel.body.len() });
        }
        self.out.spend(parcel.body.len())?;
        self.payload(parcel)
    }

    /// A body of the guest with slots for handles, whatever its size.
    fn payload(&self, parcel: Parcel<impl ExactSizeIterator<Item = Handle>>) -> Result<Payload<Slot>> {
        if parcel.caps.len() > CAPS_MAX {
            return Err(Broken::Caps { caps: parcel.caps.len() });
        }
        let caps = parcel.caps.map(|handle| self.mirror.slot(handle)).collect::<Result<_>>()?;
        Ok(Payload { body: parcel.body.into(), caps })
    }
}

/// The first elements that fit on one page: at least one, so that the guest gets on.
struct Page<T> {
    elements: Vec<T>,
    limit: usize,
    room: usize,
}

impl<T> Page<T> {
    fn new(limit: u32) -> Page<T> {
        Page { elements: Vec::new(), limit: limit as usize, room: PAGE_BYTES_MAX }
    }

    /// Takes an element of so many bytes, if it fits.
    fn take(&mut self, bytes: usize, element: impl FnOnce() -> T) -> ControlFlow<()> {
        let bytes = bytes + PAGE_ELEMENT_BYTES;
        let full = self.elements.len() == self.limit || bytes > self.room && !self.elements.is_empty();
        if full {
            return ControlFlow::Break(());
        }
        self.room = self.room.saturating_sub(bytes);
        self.elements.push(element());
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(bytes: usize, limit: u32) -> Vec<i32> {
        let mut page = Page::new(limit);
        let _ = (0..100).try_for_each(|n| page.take(bytes, || n));
        page.elements
    }

    #[test]
    fn a_page_ends_at_its_limit_or_when_it_is_full_but_is_never_empty_before_the_end() {
        assert_eq!(page(1, 3), [0, 1, 2]);
        assert_eq!(page(PAGE_BYTES_MAX / 2 - PAGE_ELEMENT_BYTES, 10), [0, 1]);
        assert_eq!(page(2 * PAGE_BYTES_MAX, 10), [0]);
        assert_eq!(page(1, 0), Vec::<i32>::new());
    }
}
