//! The imported interfaces of the ABI: what a guest can ask for, turned into syscalls, store writes and log lines.
//!
//! Nothing here waits, and nothing takes longer than its input is long. Breaking a rule ends the crank.

use ocap_kernel::{Answer, AnswerTo, Exposed, Lifetime, Payload, Slot, Syscall};
use wasmtime::component::Resource;

use super::bindings::Cap;
use super::bindings::ocap::vat::{kernel, log, store};
use super::host::{Host, own};
use super::limits::{PAGE_BYTES_MAX, PAGE_ELEMENT_BYTES};
use super::log::Level;

type Result<T> = wasmtime::Result<T>;

impl kernel::Host for Host {
    fn call(&mut self, target: Resource<Cap>, method: String, args: kernel::Parcel) -> Result<Resource<Cap>> {
        let (target, method) = (self.slot_of(&target)?, self.method(method)?);
        let args = self.outgoing(args.body, &args.caps)?;
        let (promise, handle) = self.mirror.make()?;
        self.out.push(Syscall::Send { target, method, args, answer: AnswerTo::Promise(promise) })?;
        Ok(own(handle))
    }

    fn send(
        &mut self,
        target: Resource<Cap>,
        method: String,
        args: kernel::Parcel,
        resolver: Option<Resource<Cap>>,
    ) -> Result<()> {
        let (target, method) = (self.slot_of(&target)?, self.method(method)?);
        let args = self.outgoing(args.body, &args.caps)?;
        let answer = match resolver {
            Some(resolver) => AnswerTo::Reference(self.slot_of(&resolver)?),
            None => AnswerTo::Nobody,
        };
        Ok(self.out.push(Syscall::Send { target, method, args, answer })?)
    }

    fn new_promise(&mut self) -> Result<(Resource<Cap>, Resource<Cap>)> {
        let (promise, promise_handle) = self.mirror.make()?;
        let (resolver, resolver_handle) = self.mirror.make()?;
        self.out.push(Syscall::NewPromise { promise, resolver })?;
        Ok((own(promise_handle), own(resolver_handle)))
    }

    fn guard(&mut self, target: Resource<Cap>) -> Result<(Resource<Cap>, Resource<Cap>)> {
        let target = self.slot_of(&target)?;
        let (guarded, guarded_handle) = self.mirror.make()?;
        let (revoker, revoker_handle) = self.mirror.make()?;
        self.out.push(Syscall::Guard { target, guarded, revoker })?;
        Ok((own(guarded_handle), own(revoker_handle)))
    }

    fn settle(&mut self, resolver: Resource<Cap>, answer: kernel::Answer) -> Result<()> {
        let answer = match answer {
            kernel::Answer::Fulfill(parcel) => Answer::Fulfill(self.outgoing(parcel.body, &parcel.caps)?),
            kernel::Answer::Forward(target) => Answer::Forward(self.slot_of(&target)?),
            kernel::Answer::Break(parcel) => Answer::Break(self.outgoing(parcel.body, &parcel.caps)?),
        };
        let resolver = self.mirror.release(resolver.rep())?;
        Ok(self.out.push(Syscall::Settle { resolver, answer })?)
    }

    fn expose(&mut self, object: u64, lifetime: kernel::Lifetime) -> Result<Resource<Cap>> {
        let lifetime = match lifetime {
            kernel::Lifetime::Incarnation => Lifetime::Incarnation,
            kernel::Lifetime::Durable => Lifetime::Durable,
        };
        let exposed = Exposed { object, lifetime };
        let (slot, handle) = self.mirror.expose(exposed)?;
        self.out.push(Syscall::Expose { exposed, slot })?;
        Ok(own(handle))
    }

    fn watch(&mut self, promise: Resource<Cap>, token: u64) -> Result<()> {
        let promise = self.slot_of(&promise)?;
        Ok(self.out.push(Syscall::Watch { promise, token })?)
    }

    fn unwatch(&mut self, token: u64) -> Result<()> {
        Ok(self.out.push(Syscall::Unwatch { token })?)
    }

    fn listen(&mut self, promise: Resource<Cap>, listener: Resource<Cap>) -> Result<()> {
        let (promise, listener) = (self.slot_of(&promise)?, self.slot_of(&listener)?);
        Ok(self.out.push(Syscall::Listen { promise, listener })?)
    }

    fn pin(&mut self, pinned: bool) -> Result<()> {
        Ok(self.out.push(Syscall::Pin(pinned))?)
    }

    fn exit(&mut self, reason: std::result::Result<kernel::Parcel, kernel::Parcel>) -> Result<()> {
        let reason = match reason {
            Ok(parcel) => Ok(self.outgoing(parcel.body, &parcel.caps)?),
            Err(parcel) => Err(self.outgoing(parcel.body, &parcel.caps)?),
        };
        Ok(self.out.push(Syscall::Exit(reason))?)
    }
}

impl kernel::HostCap for Host {
    fn duplicate(&mut self, cap: Resource<Cap>) -> Result<Resource<Cap>> {
        let slot = self.slot_of(&cap)?;
        Ok(own(self.mirror.take(slot)?))
    }

    fn slot(&mut self, cap: Resource<Cap>) -> Result<u64> {
        let Slot(slot) = self.slot_of(&cap)?;
        Ok(slot)
    }

    fn local(&mut self, cap: Resource<Cap>) -> Result<Option<u64>> {
        Ok(self.mirror.local(cap.rep())?)
    }

    fn drop(&mut self, cap: Resource<Cap>) -> Result<()> {
        self.mirror.release(cap.rep())?;
        Ok(())
    }
}

impl store::Host for Host {
    fn get(&mut self, key: Vec<u8>) -> Result<Option<kernel::Payload>> {
        let Some(Payload { body, caps }) = self.store.get(&key) else { return Ok(None) };
        let mut handles = Vec::with_capacity(caps.len());
        for &slot in caps {
            handles.push(own(self.mirror.take(slot)?));
        }
        Ok(Some(kernel::Payload { body: body.to_vec(), caps: handles }))
    }

    fn get_body(&mut self, key: Vec<u8>) -> Result<Option<Vec<u8>>> {
        Ok(self.store.get(&key).map(|value| value.body.to_vec()))
    }

    fn put(&mut self, key: Vec<u8>, value: kernel::Parcel) -> Result<()> {
        let value = self.payload(value.body, &value.caps)?;
        Ok(self.store.put(key, value)?)
    }

    fn remove(&mut self, key: Vec<u8>) -> Result<bool> {
        Ok(self.store.remove(key))
    }

    fn keys(&mut self, prefix: Vec<u8>, after: Option<Vec<u8>>, limit: u32) -> Result<Vec<Vec<u8>>> {
        let keys = self.store.page(&prefix, after.as_deref()).map(|(key, _)| (key.to_vec(), key.len()));
        Ok(page(keys, limit))
    }

    fn entries(&mut self, prefix: Vec<u8>, after: Option<Vec<u8>>, limit: u32) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let entries = self.store.page(&prefix, after.as_deref()).map(|(key, value)| {
            let bytes = key.len() + value.body.len();
            ((key.to_vec(), value.body.to_vec()), bytes)
        });
        Ok(page(entries, limit))
    }
}

/// The first elements, each with its bytes, that fit on one page: at least one, so that the guest gets on.
fn page<T>(elements: impl Iterator<Item = (T, usize)>, limit: u32) -> Vec<T> {
    let (mut page, mut room) = (Vec::new(), PAGE_BYTES_MAX);
    for (element, bytes) in elements.take(limit as usize) {
        let bytes = bytes + PAGE_ELEMENT_BYTES;
        if bytes > room && !page.is_empty() {
            break;
        }
        room = room.saturating_sub(bytes);
        page.push(element);
    }
    page
}

impl log::Host for Host {
    fn write(&mut self, level: log::Level, message: String, fields: Vec<(String, String)>) -> Result<()> {
        let level = match level {
            log::Level::Trace => Level::Trace,
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        self.log.write(level, message, fields);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_ends_at_its_limit_or_when_it_is_full_but_is_never_empty_before_the_end() {
        let elements = |bytes: usize| (0..100).map(move |n| (n, bytes));
        assert_eq!(page(elements(1), 3), [0, 1, 2]);
        assert_eq!(page(elements(PAGE_BYTES_MAX / 2 - PAGE_ELEMENT_BYTES), 10), [0, 1]);
        assert_eq!(page(elements(2 * PAGE_BYTES_MAX), 10), [0]);
        assert_eq!(page(elements(1).take(0), 10), Vec::<i32>::new());
    }
}
