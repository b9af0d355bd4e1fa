//! Hands that play a vat's worker: they keep its handles, take its slots and write its reports.

use std::collections::{BTreeMap, BTreeSet};

use ocap_kernel::*;

use super::body_of;

/// What a worker knows of its vat: handles and mentions by slot, exports by id.
#[derive(Default, Clone)]
pub struct Worker {
    pub handles: BTreeSet<Slot>,
    pub known: BTreeSet<Slot>,
    pub resolvers: BTreeSet<Slot>,
    /// Rights to revoke that it made itself.
    pub rights: BTreeSet<Slot>,
    pub exports: BTreeMap<u64, (Slot, Lifetime)>,
    pub store: BTreeMap<Vec<u8>, Vec<Slot>>,
    pub grants: BTreeMap<String, Slot>,
}

/// One crank as a worker goes through it: takes slots, notes syscalls, ends with a report.
pub struct Turn<'w> {
    pub worker: &'w mut Worker,
    before: Worker,
    /// What the delivery hands over: the capabilities of its payload, in order, and its resolver.
    pub args: Vec<Slot>,
    pub resolver: Option<Slot>,
    delivered: BTreeSet<Slot>,
    next: u64,
    syscalls: Vec<Syscall>,
    /// The number of the last payload.
    pub tag: u64,
    writes: BTreeMap<Vec<u8>, Option<Vec<Slot>>>,
}

impl<'w> Turn<'w> {
    pub fn new(worker: &'w mut Worker, crank: &Crank) -> Turn<'w> {
        if matches!(crank.delivery, Delivery::Start(_)) {
            // Whatever the last incarnation had in its hands is gone.
            worker.handles.clear();
            worker.exports.clear();
        }
        let before = worker.clone();
        let mut turn = Turn {
            worker,
            before,
            args: Vec::new(),
            resolver: None,
            delivered: BTreeSet::new(),
            next: crank.next_slot.0,
            syscalls: Vec::new(),
            tag: 0,
            writes: BTreeMap::new(),
        };
        turn.take_delivery(&crank.delivery);
        turn
    }

    fn take_delivery(&mut self, delivery: &Delivery) {
        match delivery {
            Delivery::Start(boot) => {
                self.worker.known = boot.clist.iter().map(|entry| entry.slot).collect();
                for entry in &boot.clist {
                    if let Some(exposed) = entry.local {
                        self.worker.exports.insert(exposed.object, (entry.slot, exposed.lifetime));
                    }
                }
                self.worker.grants = boot.grants.iter().cloned().collect();
                boot.grants.iter().for_each(|(_, slot)| self.got(*slot));
            }
            Delivery::Message { args, resolver, .. } => {
                args.caps.iter().for_each(|held| self.argument(held.slot));
                if let Some(held) = resolver {
                    self.resolver = Some(held.slot);
                    self.got(held.slot);
                    self.worker.resolvers.insert(held.slot);
                }
            }
            Delivery::Settled(ended) => {
                for (_, resolution) in ended {
                    match resolution {
                        Resolution::Fulfilled(payload) | Resolution::Broken(payload) => {
                            payload.caps.iter().for_each(|held| self.argument(held.slot));
                        }
                        Resolution::Forwarded(held) => self.argument(held.slot),
                        Resolution::Failed(_) => {}
                    }
                }
            }
            Delivery::Dropped(objects) => {
                for object in objects {
                    self.worker.exports.remove(object);
                }
            }
        }
    }

    fn argument(&mut self, slot: Slot) {
        self.args.push(slot);
        self.got(slot);
    }

    fn got(&mut self, slot: Slot) {
        self.delivered.insert(slot);
        self.worker.handles.insert(slot);
        self.worker.known.insert(slot);
    }

    fn fresh(&mut self) -> Slot {
        let slot = Slot(self.next);
        self.next += 1;
        self.got(slot);
        slot
    }

    /// The root of another vat of the subcluster, or the door.
    pub fn peer(&self, name: &str) -> Slot {
        let key = if name == "door" { "io.door".to_owned() } else { format!("vat.{name}") };
        self.worker.grants[&key]
    }

    pub fn watch(&mut self, promise: Slot, token: u64) {
        self.syscall(Syscall::Watch { promise, token });
    }

    pub fn listen(&mut self, promise: Slot, listener: Slot) {
        self.syscall(Syscall::Listen { promise, listener });
    }

    pub fn forward(&mut self, resolver: Slot, to: Slot) {
        self.settle(resolver, Answer::Forward(to));
    }

    /// Settles with data that mentions these.
    pub fn fulfill_with(&mut self, resolver: Slot, caps: Vec<Slot>) {
        self.settle(resolver, Answer::Fulfill(Payload { body: Body::from(*b"with"), caps }));
    }

    /// Gives up every handle but these.
    pub fn keep_only(&mut self, slots: &[Slot]) {
        self.worker.handles.retain(|slot| slots.contains(slot));
    }

    pub fn call(&mut self, target: Slot, method: &str, caps: Vec<Slot>) -> Slot {
        let promise = self.fresh();
        self.push_send(target, method, caps, AnswerTo::Promise(promise));
        promise
    }

    pub fn send(&mut self, target: Slot, method: &str, caps: Vec<Slot>, answer: Option<Slot>) {
        self.push_send(target, method, caps, answer.map_or(AnswerTo::Nobody, AnswerTo::Reference));
    }

    fn push_send(&mut self, target: Slot, method: &str, caps: Vec<Slot>, answer: AnswerTo) {
        let args = self.payload(caps);
        self.syscalls.push(Syscall::Send { target, method: method.to_owned(), args, answer });
    }

    /// A payload with the next number for a body.
    pub fn payload(&mut self, caps: Vec<Slot>) -> Payload<Slot> {
        self.tag += 1;
        Payload { body: body_of(self.tag), caps }
    }

    pub fn new_promise(&mut self) -> (Slot, Slot) {
        let (promise, resolver) = (self.fresh(), self.fresh());
        self.worker.resolvers.insert(resolver);
        self.syscalls.push(Syscall::NewPromise { promise, resolver });
        (promise, resolver)
    }

    /// A caretaker of a reference, and the right to revoke it.
    pub fn guard(&mut self, target: Slot) -> (Slot, Slot) {
        let (guarded, revoker) = (self.fresh(), self.fresh());
        self.worker.rights.insert(revoker);
        self.syscalls.push(Syscall::Guard { target, guarded, revoker });
        (guarded, revoker)
    }

    pub fn settle(&mut self, resolver: Slot, answer: Answer<Slot>) {
        self.syscalls.push(Syscall::Settle { resolver, answer });
        self.drop(resolver);
    }

    pub fn fulfill(&mut self, resolver: Slot, body: &str) {
        self.settle(resolver, Answer::Fulfill(Payload::plain(body.as_bytes())));
    }

    pub fn expose(&mut self, object: u64, lifetime: Lifetime) -> Slot {
        let slot = match self.worker.exports.get(&object) {
            Some((slot, _)) => *slot,
            None => self.fresh(),
        };
        self.worker.exports.insert(object, (slot, lifetime));
        self.got(slot);
        self.syscalls.push(Syscall::Expose { exposed: Exposed { object, lifetime }, slot });
        slot
    }

    /// The slot that the next new reference gets.
    pub fn next_slot(&self) -> Slot {
        Slot(self.next)
    }

    pub fn syscall(&mut self, syscall: Syscall) {
        self.syscalls.push(syscall);
    }

    pub fn put(&mut self, key: &[u8], caps: Vec<Slot>) {
        self.worker.store.insert(key.to_vec(), caps.clone());
        self.writes.insert(key.to_vec(), Some(caps));
    }

    pub fn remove(&mut self, key: &[u8]) {
        self.worker.store.remove(key);
        self.writes.insert(key.to_vec(), None);
    }

    /// Fresh handles on what a store entry mentions.
    pub fn get(&mut self, key: &[u8]) {
        for slot in self.worker.store.get(key).cloned().unwrap_or_default() {
            self.worker.handles.insert(slot);
        }
    }

    pub fn drop(&mut self, slot: Slot) {
        self.worker.handles.remove(&slot);
    }

    pub fn end(self) -> Report {
        let (before, after) = (&self.before.handles, &self.worker.handles);
        let had: BTreeSet<Slot> = before.iter().chain(&self.delivered).copied().collect();
        let dropped = had.iter().filter(|slot| !after.contains(slot)).copied().collect();
        let taken = after.iter().filter(|slot| !had.contains(slot)).copied().collect();
        let store = self
            .writes
            .into_iter()
            .map(|(key, caps)| StoreWrite { key, value: caps.map(|caps| Payload { body: Body::from([]), caps }) });
        let report = Report { outcome: Outcome::Done, syscalls: self.syscalls, store: store.collect(), taken, dropped };
        let kept: BTreeSet<Slot> = self.worker.store.values().flatten().copied().collect();
        let own: BTreeSet<Slot> = self.worker.exports.values().map(|(slot, _)| *slot).collect();
        let grants: BTreeSet<Slot> = self.worker.grants.values().copied().collect();
        let handles = self.worker.handles.clone();
        let stays =
            |slot: &Slot| handles.contains(slot) || kept.contains(slot) || own.contains(slot) || grants.contains(slot);
        self.worker.known.retain(stays);
        self.worker.resolvers.retain(stays);
        self.worker.rights.retain(stays);
        report
    }

    pub fn trap(self) -> Report {
        *self.worker = self.before;
        Report {
            outcome: Outcome::Trapped("the script says so".to_owned()),
            syscalls: Vec::new(),
            store: Vec::new(),
            taken: Vec::new(),
            dropped: Vec::new(),
        }
    }
}
