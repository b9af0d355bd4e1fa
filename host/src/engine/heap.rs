//! One incarnation of a vat inside wasmtime: its memories, the host's side of its handles, and the calls into it.
//!
//! Whatever a call returns but success, the heap is unusable afterwards and has to be dropped.

use std::time::Duration;

use ocap_kernel::{Boot, Delivery, Held, Outcome, Payload, Report, Resolution, Slot};
use ocap_worker::{VatStore, Worker};
use wasmtime::Store;
use wasmtime::component::Resource;

use super::bindings::exports::ocap::vat::lifecycle;
use super::bindings::ocap::vat::kernel;
use super::bindings::{Cap, Vat};
use super::host::{Host, Memory, Wasi, own};
use super::instance::{CrankTime, Identity};
use super::limits::{Broken, HANDLES_MAX, HOSTCALL_BYTES_MAX, Limits};
use super::log::{Log, LogLine};
use super::wasi::Random;
use super::{Code, ticker};

/// A vat's memory, from its start on.
pub(crate) struct Heap {
    store: Store<Host>,
    /// None until the component is instantiated, which runs code of the guest and may fail.
    vat: Option<Vat>,
    budget: Duration,
}

impl Heap {
    /// An empty heap that knows the vat's c-list.
    pub(crate) fn new(code: &Code, boot: &Boot, seed: [u8; 32], limits: Limits) -> Heap {
        let host = Host {
            worker: Worker::new(boot),
            log: Log::default(),
            now: CrankTime::default(),
            random: Random::new(seed, boot.incarnation),
            memory: Memory::new(limits.memory_bytes),
            wasi: Wasi::empty(),
        };
        let mut store = Store::new(code.engine(), host);
        store.limiter(|host| &mut host.memory);
        store.set_hostcall_fuel(HOSTCALL_BYTES_MAX);
        store.set_max_component_handles(HANDLES_MAX);
        store.epoch_deadline_trap();
        Heap { store, vat: None, budget: limits.crank }
    }

    /// What it takes, in bytes: as large as the guest made it, whatever of that it has touched.
    pub(crate) fn bytes(&self) -> u64 {
        self.store.data().memory.bytes()
    }

    /// A crank begins: the vat's store is here until [`Heap::end`].
    pub(crate) fn lend(&mut self, store: VatStore, next: Slot, now: CrankTime) {
        let host = self.store.data_mut();
        host.worker.begin(store, next);
        host.now = now;
        self.store.set_epoch_deadline(ticker::ticks(self.budget));
    }

    /// What the guest said in this crank, and what memory it was refused, in words.
    pub(crate) fn last_words(&mut self) -> (Vec<LogLine>, Option<String>) {
        let host = self.store.data_mut();
        (host.log.finish(), host.memory.take_refusal())
    }

    /// The crank is over: the vat's store, and what the kernel is to know.
    pub(crate) fn end(&mut self, outcome: Outcome) -> (VatStore, Report) {
        self.store.data_mut().worker.end(outcome)
    }

    /// Calls the guest. The inner error is its own word that `start` failed.
    pub(crate) fn deliver(
        &mut self,
        delivery: &Delivery,
        code: &Code,
        identity: &Identity,
    ) -> wasmtime::Result<Result<(), String>> {
        match delivery {
            Delivery::Start(boot) => return self.start(boot, code, identity),
            Delivery::Message { object, method, args, resolver } => {
                let args = self.payload(args)?;
                let resolver = resolver.map(|held| self.hand_over(held)).transpose()?;
                let (vat, store) = self.guest()?;
                vat.ocap_vat_lifecycle().call_deliver(store, *object, method, &args, resolver)?;
            }
            Delivery::Settled(resolutions) => {
                let resolutions = resolutions
                    .iter()
                    .map(|(token, resolution)| Ok((*token, self.resolution(resolution)?)))
                    .collect::<Result<Vec<_>, Broken>>()?;
                let (vat, store) = self.guest()?;
                vat.ocap_vat_lifecycle().call_settled(store, &resolutions)?;
            }
            Delivery::Dropped(objects) => {
                self.store.data_mut().worker.unbind(objects);
                let (vat, store) = self.guest()?;
                vat.ocap_vat_lifecycle().call_dropped(store, objects)?;
            }
        }
        Ok(Ok(()))
    }

    fn start(&mut self, boot: &Boot, code: &Code, identity: &Identity) -> wasmtime::Result<Result<(), String>> {
        self.vat = Some(code.pre().instantiate(&mut self.store)?);
        let mut grants = Vec::with_capacity(boot.grants.len());
        for (name, slot) in &boot.grants {
            grants.push((name.clone(), own(self.store.data_mut().worker.grant(*slot)?)));
        }
        let boot = lifecycle::Boot {
            vat: identity.name.clone(),
            incarnation: boot.incarnation,
            // Told once, to the first incarnation of new code.
            upgraded_from: boot.upgraded_from.as_ref().and(identity.upgraded_from.clone()),
            parameters: identity.parameters.to_vec(),
            grants,
        };
        let (vat, store) = self.guest()?;
        vat.ocap_vat_lifecycle().call_start(store, &boot)
    }

    fn guest(&mut self) -> wasmtime::Result<(&Vat, &mut Store<Host>)> {
        let vat = self
            .vat
            .as_ref()
            .ok_or_else(|| wasmtime::format_err!("a bug of the host: a heap that was never started"))?;
        Ok((vat, &mut self.store))
    }

    fn hand_over(&mut self, held: Held) -> Result<Resource<Cap>, Broken> {
        Ok(own(self.store.data_mut().worker.deliver(held)?))
    }

    fn payload(&mut self, payload: &Payload<Held>) -> Result<kernel::Payload, Broken> {
        let caps = payload.caps.iter().map(|&held| self.hand_over(held)).collect::<Result<_, _>>()?;
        Ok(kernel::Payload { body: payload.body.to_vec(), caps })
    }

    fn resolution(&mut self, resolution: &Resolution<Held>) -> Result<kernel::Resolution, Broken> {
        Ok(match resolution {
            Resolution::Fulfilled(payload) => kernel::Resolution::Fulfilled(self.payload(payload)?),
            Resolution::Forwarded(held) => kernel::Resolution::Forwarded(self.hand_over(*held)?),
            Resolution::Broken(payload) => kernel::Resolution::Broken(self.payload(payload)?),
            Resolution::Failed(code) => kernel::Resolution::Failed(code.as_str().to_owned()),
        })
    }
}
