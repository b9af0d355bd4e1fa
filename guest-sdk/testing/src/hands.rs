//! The functions of the ABI for code on this thread, over a worker's rules.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use ocap_guest_sdk::bindings::exports::ocap::vat::lifecycle;
use ocap_guest_sdk::bindings::ocap::vat::kernel::{self, Cap};
use ocap_guest_sdk::bindings::ocap::vat::log::Level;
use ocap_guest_sdk::bindings::{Broken, Handle, Host, Lifetime, Outgoing, Settlement};
use ocap_kernel::{Boot, Crank, Delivery, Exposed, Held, Outcome, Payload, Resolution};
use ocap_worker::{Parcel, VatStore, Worker};

use crate::chance::Chance;
use crate::code::Native;
use crate::log::LogLine;
use crate::machine::{Birth, Delivered};

type Result<T> = std::result::Result<T, Broken>;

/// One incarnation's hands, shared by the code that uses them and whoever begins and ends its cranks.
#[derive(Clone)]
pub(crate) struct Hands(Rc<RefCell<Inside>>);

struct Inside {
    worker: Worker,
    log: Vec<LogLine>,
    now: Duration,
    chance: Chance,
}

impl Hands {
    pub(crate) fn new(birth: &Birth) -> Hands {
        let chance = Chance::of_incarnation(birth.seed, &birth.name, birth.boot.incarnation);
        let inside = Inside { worker: Worker::new(&birth.boot), log: Vec::new(), now: Duration::ZERO, chance };
        Hands(Rc::new(RefCell::new(inside)))
    }

    pub(crate) fn begin(&self, crank: &Crank, store: VatStore, now: Duration) {
        let mut inside = self.0.borrow_mut();
        inside.worker.begin(store, crank.next_slot);
        inside.now = now;
    }

    pub(crate) fn end(&self, outcome: Outcome) -> (VatStore, Delivered) {
        let mut inside = self.0.borrow_mut();
        let (store, report) = inside.worker.end(outcome);
        (store, Delivered { report, log: std::mem::take(&mut inside.log) })
    }

    pub(crate) fn note(&self, line: LogLine) {
        self.0.borrow_mut().log.push(line);
    }

    /// Hands a delivery to the code. The inner error is its own word that `start` failed.
    pub(crate) fn deliver(
        &self,
        delivery: &Delivery,
        code: Native,
        birth: &Birth,
    ) -> Result<std::result::Result<(), String>> {
        match delivery {
            Delivery::Start(boot) => return self.start(boot, code, birth),
            Delivery::Message { object, method, args, resolver } => {
                let args = self.payload(args)?;
                let resolver = resolver.map(|held| self.cap(held)).transpose()?;
                (code.deliver)(*object, method, args, resolver);
            }
            Delivery::Settled(ended) => {
                let ended = ended.iter().map(|(token, resolution)| Ok((*token, self.resolution(resolution)?)));
                ocap_guest_sdk::vat::settled(ended.collect::<Result<_>>()?);
            }
            Delivery::Dropped(objects) => {
                self.0.borrow_mut().worker.unbind(objects);
                ocap_guest_sdk::vat::dropped(objects);
            }
        }
        Ok(Ok(()))
    }

    fn start(&self, boot: &Boot, code: Native, birth: &Birth) -> Result<std::result::Result<(), String>> {
        let grant = |(name, slot): &(String, _)| {
            let handle = self.0.borrow_mut().worker.grant(*slot).map_err(broken)?;
            Ok((name.clone(), Cap::from_handle(handle)))
        };
        let grants = boot.grants.iter().map(grant).collect::<Result<_>>()?;
        Ok((code.start)(lifecycle::Boot {
            vat: birth.name.clone(),
            incarnation: boot.incarnation,
            upgraded_from: boot.upgraded_from.as_ref().and(birth.upgraded_from.clone()),
            parameters: birth.parameters.to_vec(),
            grants,
        }))
    }

    pub(crate) fn cap(&self, held: Held) -> Result<Cap> {
        self.0.borrow_mut().worker.deliver(held).map(Cap::from_handle).map_err(broken)
    }

    fn payload(&self, payload: &Payload<Held>) -> Result<kernel::Payload> {
        let caps = payload.caps.iter().map(|held| self.cap(*held)).collect::<Result<_>>()?;
        Ok(kernel::Payload { body: payload.body.to_vec(), caps })
    }

    fn resolution(&self, resolution: &Resolution<Held>) -> Result<kernel::Resolution> {
        Ok(match resolution {
            Resolution::Fulfilled(payload) => kernel::Resolution::Fulfilled(self.payload(payload)?),
            Resolution::Forwarded(held) => kernel::Resolution::Forwarded(self.cap(*held)?),
            Resolution::Broken(payload) => kernel::Resolution::Broken(self.payload(payload)?),
            Resolution::Failed(code) => kernel::Resolution::Failed(code.as_str().to_owned()),
        })
    }

    fn worker<T>(&self, act: impl FnOnce(&mut Worker) -> std::result::Result<T, ocap_worker::Broken>) -> Result<T> {
        act(&mut self.0.borrow_mut().worker).map_err(broken)
    }
}

/// In the words of the host's engine.
fn broken(rule: ocap_worker::Broken) -> Broken {
    Broken(format!("the vat broke a rule: {rule}"))
}

fn parcel(outgoing: Outgoing) -> Parcel<std::vec::IntoIter<Handle>> {
    Parcel { body: outgoing.body, caps: outgoing.caps.into_iter() }
}

impl Host for Hands {
    fn call(&mut self, target: Handle, method: &str, args: Outgoing) -> Result<Handle> {
        self.worker(|worker| worker.call(target, method.to_owned(), parcel(args)))
    }

    fn send(&mut self, target: Handle, method: &str, args: Outgoing, resolver: Option<Handle>) -> Result<()> {
        self.worker(|worker| worker.send(target, method.to_owned(), parcel(args), resolver))
    }

    fn new_promise(&mut self) -> Result<(Handle, Handle)> {
        self.worker(Worker::new_promise)
    }

    fn guard(&mut self, target: Handle) -> Result<(Handle, Handle)> {
        self.worker(|worker| worker.guard(target))
    }

    fn settle(&mut self, resolver: Handle, settlement: Settlement) -> Result<()> {
        self.worker(|worker| match settlement {
            Settlement::Fulfill(value) => worker.fulfill(resolver, parcel(value)),
            Settlement::Forward(target) => worker.forward(resolver, target),
            Settlement::Break(error) => worker.fail(resolver, parcel(error)),
        })
    }

    fn expose(&mut self, object: u64, lifetime: Lifetime) -> Result<Handle> {
        let lifetime = match lifetime {
            Lifetime::Incarnation => ocap_kernel::Lifetime::Incarnation,
            Lifetime::Durable => ocap_kernel::Lifetime::Durable,
        };
        self.worker(|worker| worker.expose(Exposed { object, lifetime }))
    }

    fn watch(&mut self, promise: Handle, token: u64) -> Result<()> {
        self.worker(|worker| worker.watch(promise, token))
    }

    fn unwatch(&mut self, token: u64) -> Result<()> {
        self.worker(|worker| worker.unwatch(token))
    }

    fn listen(&mut self, promise: Handle, listener: Handle) -> Result<()> {
        self.worker(|worker| worker.listen(promise, listener))
    }

    fn pin(&mut self, pinned: bool) -> Result<()> {
        self.worker(|worker| worker.pin(pinned))
    }

    fn exit(&mut self, reason: std::result::Result<Outgoing, Outgoing>) -> Result<()> {
        self.worker(|worker| worker.exit(reason.map(parcel).map_err(parcel)))
    }

    fn duplicate(&mut self, cap: Handle) -> Result<Handle> {
        self.worker(|worker| worker.duplicate(cap))
    }

    fn slot(&mut self, cap: Handle) -> Result<u64> {
        self.worker(|worker| worker.slot(cap).map(|slot| slot.0))
    }

    fn local(&mut self, cap: Handle) -> Result<Option<u64>> {
        self.worker(|worker| worker.local(cap))
    }

    fn release(&mut self, cap: Handle) -> Result<()> {
        self.worker(|worker| worker.release(cap))
    }

    fn get(&mut self, key: &[u8]) -> Result<Option<(Vec<u8>, Vec<Handle>)>> {
        let value = self.worker(|worker| worker.get(key, |handle| handle))?;
        Ok(value.map(|Payload { body, caps }| (body.to_vec(), caps)))
    }

    fn get_body(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.worker(|worker| Ok(worker.get_body(key)?.map(<[u8]>::to_vec)))
    }

    fn put(&mut self, key: &[u8], value: Outgoing) -> Result<()> {
        self.worker(|worker| worker.put(key.to_vec(), parcel(value)))
    }

    fn remove(&mut self, key: &[u8]) -> Result<bool> {
        self.worker(|worker| worker.remove(key.to_vec()))
    }

    fn keys(&mut self, prefix: &[u8], after: Option<&[u8]>, limit: u32) -> Result<Vec<Vec<u8>>> {
        self.worker(|worker| worker.keys(prefix, after, limit))
    }

    fn entries(&mut self, prefix: &[u8], after: Option<&[u8]>, limit: u32) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.worker(|worker| worker.entries(prefix, after, limit))
    }

    fn log(&mut self, level: Level, message: &str, fields: &[(&str, &str)]) -> Result<()> {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.note(LogLine { level, message: message.to_owned(), fields });
        Ok(())
    }

    fn now(&mut self) -> Result<Duration> {
        Ok(self.0.borrow().now)
    }

    fn random(&mut self, bytes: &mut [u8]) -> Result<()> {
        self.0.borrow_mut().chance.fill(bytes);
        Ok(())
    }
}
