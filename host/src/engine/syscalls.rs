//! The imported interfaces of the ABI as wasmtime calls them. What they mean is [`Worker`](ocap_worker::Worker)'s affair.

use ocap_kernel::{Exposed, Lifetime, Payload};
use ocap_worker::{Handle, Parcel};
use wasmtime::component::Resource;

use super::bindings::Cap;
use super::bindings::ocap::vat::{kernel, log, store};
use super::host::{Host, own};
use super::log::Level;

type Result<T> = wasmtime::Result<T>;

/// What the guest hands over.
fn parcel(parcel: &mut kernel::Parcel) -> Parcel<impl ExactSizeIterator<Item = Handle>> {
    Parcel { body: std::mem::take(&mut parcel.body), caps: parcel.caps.iter().map(Resource::rep) }
}

/// Two handles on their way into the guest.
fn own_both((first, second): (Handle, Handle)) -> (Resource<Cap>, Resource<Cap>) {
    (own(first), own(second))
}

impl kernel::Host for Host {
    fn call(&mut self, target: Resource<Cap>, method: String, mut args: kernel::Parcel) -> Result<Resource<Cap>> {
        Ok(own(self.worker.call(target.rep(), method, parcel(&mut args))?))
    }

    fn send(
        &mut self,
        target: Resource<Cap>,
        method: String,
        mut args: kernel::Parcel,
        resolver: Option<Resource<Cap>>,
    ) -> Result<()> {
        let resolver = resolver.map(|resolver| resolver.rep());
        Ok(self.worker.send(target.rep(), method, parcel(&mut args), resolver)?)
    }

    fn new_promise(&mut self) -> Result<(Resource<Cap>, Resource<Cap>)> {
        Ok(own_both(self.worker.new_promise()?))
    }

    fn guard(&mut self, target: Resource<Cap>) -> Result<(Resource<Cap>, Resource<Cap>)> {
        Ok(own_both(self.worker.guard(target.rep())?))
    }

    fn settle(&mut self, resolver: Resource<Cap>, answer: kernel::Answer) -> Result<()> {
        let resolver = resolver.rep();
        let settled = match answer {
            kernel::Answer::Fulfill(mut value) => self.worker.fulfill(resolver, parcel(&mut value)),
            kernel::Answer::Forward(target) => self.worker.forward(resolver, target.rep()),
            kernel::Answer::Break(mut error) => self.worker.fail(resolver, parcel(&mut error)),
        };
        Ok(settled?)
    }

    fn expose(&mut self, object: u64, lifetime: kernel::Lifetime) -> Result<Resource<Cap>> {
        let lifetime = match lifetime {
            kernel::Lifetime::Incarnation => Lifetime::Incarnation,
            kernel::Lifetime::Durable => Lifetime::Durable,
        };
        Ok(own(self.worker.expose(Exposed { object, lifetime })?))
    }

    fn watch(&mut self, promise: Resource<Cap>, token: u64) -> Result<()> {
        Ok(self.worker.watch(promise.rep(), token)?)
    }

    fn unwatch(&mut self, token: u64) -> Result<()> {
        Ok(self.worker.unwatch(token)?)
    }

    fn listen(&mut self, promise: Resource<Cap>, listener: Resource<Cap>) -> Result<()> {
        Ok(self.worker.listen(promise.rep(), listener.rep())?)
    }

    fn pin(&mut self, pinned: bool) -> Result<()> {
        Ok(self.worker.pin(pinned)?)
    }

    fn exit(&mut self, reason: std::result::Result<kernel::Parcel, kernel::Parcel>) -> Result<()> {
        let ended = match reason {
            Ok(mut value) => self.worker.exit(Ok(parcel(&mut value))),
            Err(mut error) => self.worker.exit(Err(parcel(&mut error))),
        };
        Ok(ended?)
    }
}

impl kernel::HostCap for Host {
    fn duplicate(&mut self, cap: Resource<Cap>) -> Result<Resource<Cap>> {
        Ok(own(self.worker.duplicate(cap.rep())?))
    }

    fn slot(&mut self, cap: Resource<Cap>) -> Result<u64> {
        Ok(self.worker.slot(cap.rep())?.0)
    }

    fn local(&mut self, cap: Resource<Cap>) -> Result<Option<u64>> {
        Ok(self.worker.local(cap.rep())?)
    }

    fn drop(&mut self, cap: Resource<Cap>) -> Result<()> {
        Ok(self.worker.release(cap.rep())?)
    }
}

impl store::Host for Host {
    fn get(&mut self, key: Vec<u8>) -> Result<Option<kernel::Payload>> {
        let value = self.worker.get(&key, own)?;
        Ok(value.map(|Payload { body, caps }| kernel::Payload { body: body.to_vec(), caps }))
    }

    fn get_body(&mut self, key: Vec<u8>) -> Result<Option<Vec<u8>>> {
        Ok(self.worker.get_body(&key)?.map(<[u8]>::to_vec))
    }

    fn put(&mut self, key: Vec<u8>, mut value: kernel::Parcel) -> Result<()> {
        Ok(self.worker.put(key, parcel(&mut value))?)
    }

    fn remove(&mut self, key: Vec<u8>) -> Result<bool> {
        Ok(self.worker.remove(key)?)
    }

    fn keys(&mut self, prefix: Vec<u8>, after: Option<Vec<u8>>, limit: u32) -> Result<Vec<Vec<u8>>> {
        Ok(self.worker.keys(&prefix, after.as_deref(), limit)?)
    }

    fn entries(&mut self, prefix: Vec<u8>, after: Option<Vec<u8>>, limit: u32) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        Ok(self.worker.entries(&prefix, after.as_deref(), limit)?)
    }
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
