//! Promises that counting alone would keep for ever: cycles inside the kernel's own tables (kernel-rules 8 and section C).
//!
//! Marking starts at everything a vat or the host can reach and visits only promises, resolvers, the messages that wait on promises,
//! settled values and caretakers. What waits on a promise counts as reached only if somebody can settle that promise.

use std::collections::BTreeSet;

use crate::drop::{held_by, held_by_object};
use crate::id::{Kref, PromiseId};
use crate::kernel::Kernel;
use crate::message::Code;
use crate::promise::Settlement;
use crate::rows::{Promise, Queue};

/// Below this many promises a sweep is not worth its while before the kernel is idle.
const PROMISES_BEFORE_SWEEP: usize = 1_024;

impl Kernel {
    /// Breaks every promise whose resolver nobody can reach, and empties every settled value that nobody can.
    /// For the idle moment and before an audit; costs time in proportion to what is held.
    pub fn sweep(&mut self) {
        let reached = self.mark();
        let mut broken = Vec::new();
        let mut emptied = Vec::new();
        for (&promise, row) in self.promises.iter() {
            match row {
                Promise::Unsettled { .. } if !reached.contains(&Kref::Resolver(promise)) => broken.push(promise),
                Promise::Settled(answer)
                    if !reached.contains(&Kref::Promise(promise)) && !held_by(answer).is_empty() =>
                {
                    emptied.push(promise);
                }
                Promise::Unsettled { .. } | Promise::Settled(_) | Promise::Failed(_) => {}
            }
        }
        for promise in broken {
            self.push_work(promise, Settlement::Failed(Code::ResolverDropped));
        }
        self.drain_work();
        for promise in emptied {
            self.empty_value(promise);
        }
        self.settle_down();
        self.promises_at_sweep = self.promises.len();
    }

    pub(crate) fn sweep_if_doubled(&mut self) {
        if self.promises.len() > PROMISES_BEFORE_SWEEP.max(2 * self.promises_at_sweep) {
            self.sweep();
        }
    }

    fn mark(&self) -> BTreeSet<Kref> {
        let mut reached = BTreeSet::new();
        let mut todo: Vec<Kref> = Vec::new();
        todo.extend(self.clists.iter().filter(|(_, _, row)| row.is_held()).map(|(_, _, row)| row.kref));
        todo.extend(self.holds.iter().map(|(_, kref)| *kref));
        todo.extend(&self.lent);
        todo.extend(self.watchers.values().flat_map(|watches| watches.values()).map(|watch| Kref::Promise(watch.held)));
        for (_, queued) in self.queue.iter() {
            if !matches!(queued.queue, Queue::Promise(_)) {
                todo.extend(queued.item.held());
            }
        }
        while let Some(kref) = todo.pop() {
            if !reached.insert(kref) {
                continue;
            }
            match kref {
                Kref::Object(object) => todo.extend(self.objects.get(&object).and_then(held_by_object)),
                Kref::Promise(promise) => todo.extend(self.value_of(promise)),
                Kref::Resolver(promise) => todo.extend(self.waiting_on(promise)),
            }
        }
        reached
    }

    fn value_of(&self, promise: PromiseId) -> Vec<Kref> {
        match self.promises.get(&promise) {
            Some(Promise::Settled(answer)) => held_by(answer),
            Some(Promise::Unsettled { .. } | Promise::Failed(_)) | None => Vec::new(),
        }
    }

    /// What is kept for the moment at which somebody settles the promise.
    fn waiting_on(&self, promise: PromiseId) -> Vec<Kref> {
        let Some(Promise::Unsettled { listeners }) = self.promises.get(&promise) else { return Vec::new() };
        let mut krefs = listeners.clone();
        for id in self.waiting.get(&promise).into_iter().flatten() {
            krefs.extend(self.queue.get(id).expect("a queued id has a row").item.held());
        }
        krefs
    }
}
