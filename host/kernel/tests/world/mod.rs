//! A small world around the kernel: a disk that holds what was committed, and hands that play a vat's worker.

use std::collections::{BTreeMap, BTreeSet};

use ocap_kernel::*;

/// What a store would hold.
#[derive(Default, Clone)]
pub struct Disk {
    pub state: State,
    pub store: BTreeMap<(VatId, Vec<u8>), Payload<Slot>>,
}

fn put<K: Ord + Clone, V: Clone>(rows: &mut Vec<(K, V)>, changes: Vec<Change<K, V>>) {
    let mut map: BTreeMap<K, V> = std::mem::take(rows).into_iter().collect();
    for Change { key, value } in changes {
        match value {
            Some(value) => map.insert(key, value),
            None => map.remove(&key),
        };
    }
    *rows = map.into_iter().collect();
}

impl Disk {
    pub fn write(&mut self, commit: Commit) {
        let state = &mut self.state;
        state.counters = commit.counters.unwrap_or(state.counters);
        put(&mut state.subclusters, commit.subclusters);
        put(&mut state.vats, commit.vats);
        put(&mut state.progress, commit.progress);
        put(&mut state.objects, commit.objects);
        put(&mut state.promises, commit.promises);
        put(&mut state.clist, commit.clist);
        put(&mut state.queue, commit.queue);
        put(&mut state.holds, commit.holds);
        self.store.retain(|(vat, _), _| !commit.forgotten.contains(vat));
        for Change { key, value } in commit.store {
            match value {
                Some(value) => self.store.insert(key, value),
                None => self.store.remove(&key),
            };
        }
        let holding = self.store.iter().filter(|(_, value)| !value.caps.is_empty());
        state.holdings = holding.map(|(key, value)| (key.clone(), value.caps.clone())).collect();
    }
}

/// What a worker knows of its vat: handles and mentions by slot, exports by id.
#[derive(Default, Clone)]
pub struct Worker {
    pub handles: BTreeSet<Slot>,
    pub known: BTreeSet<Slot>,
    pub resolvers: BTreeSet<Slot>,
    pub exports: BTreeMap<u64, (Slot, Lifetime)>,
    pub store: BTreeMap<Vec<u8>, Vec<Slot>>,
}

/// One crank as a worker goes through it: takes slots, notes syscalls, ends with a report.
pub struct Turn<'w> {
    pub worker: &'w mut Worker,
    before: Worker,
    delivered: BTreeSet<Slot>,
    next: u64,
    syscalls: Vec<Syscall>,
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
            delivered: BTreeSet::new(),
            next: crank.next_slot.0,
            syscalls: Vec::new(),
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
                boot.grants.iter().for_each(|(_, slot)| self.got(*slot));
            }
            Delivery::Message { args, resolver, .. } => {
                args.caps.iter().for_each(|held| self.got(held.slot));
                if let Some(held) = resolver {
                    self.got(held.slot);
                    self.worker.resolvers.insert(held.slot);
                }
            }
            Delivery::Settled(ended) => {
                for (_, resolution) in ended {
                    match resolution {
                        Resolution::Fulfilled(payload) | Resolution::Broken(payload) => {
                            payload.caps.iter().for_each(|held| self.got(held.slot));
                        }
                        Resolution::Forwarded(held) => self.got(held.slot),
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

    pub fn call(&mut self, target: Slot, method: &str, caps: Vec<Slot>) -> Slot {
        let promise = self.fresh();
        self.push_send(target, method, caps, AnswerTo::Promise(promise));
        promise
    }

    pub fn send(&mut self, target: Slot, method: &str, caps: Vec<Slot>, answer: Option<Slot>) {
        self.push_send(target, method, caps, answer.map_or(AnswerTo::Nobody, AnswerTo::Reference));
    }

    fn push_send(&mut self, target: Slot, method: &str, caps: Vec<Slot>, answer: AnswerTo) {
        let args = Payload { body: Body::from(method.as_bytes()), caps };
        self.syscalls.push(Syscall::Send { target, method: method.to_owned(), args, answer });
    }

    pub fn new_promise(&mut self) -> (Slot, Slot) {
        let (promise, resolver) = (self.fresh(), self.fresh());
        self.worker.resolvers.insert(resolver);
        self.syscalls.push(Syscall::NewPromise { promise, resolver });
        (promise, resolver)
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
        let grants: BTreeSet<Slot> = self.worker.known.iter().filter(|slot| slot.0 < 16).copied().collect();
        let handles = self.worker.handles.clone();
        let stays =
            |slot: &Slot| handles.contains(slot) || kept.contains(slot) || own.contains(slot) || grants.contains(slot);
        self.worker.known.retain(stays);
        self.worker.resolvers.retain(stays);
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

/// `vats` vats in one subcluster, each with a grant on each other.
pub fn launch(name: &str, vats: &[&str]) -> Launch {
    let vat = |vat: &&str| LaunchVat {
        name: (*vat).to_owned(),
        code: Body::from([]),
        parameters: Body::from([]),
        grants: vats
            .iter()
            .filter(|peer| *peer != vat)
            .map(|peer| (format!("vat.{peer}"), Grant::Vat((*peer).to_owned())))
            .chain([("io.door".to_owned(), Grant::HostObject("io.door".to_owned()))])
            .collect(),
        mailbox_max: 50,
        when_quarantined: WhenQuarantined::Park,
    };
    Launch {
        name: name.to_owned(),
        bootstrap: vats[0].to_owned(),
        declaration: Body::from([]),
        host_objects: vec![("io.door".to_owned(), format!("channel {name} door"))],
        vats: vats.iter().map(vat).collect(),
    }
}
