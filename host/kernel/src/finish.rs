//! What came of a delivery: the whole report is checked, then applied in the order of kernel-rules 2, and only then are counts
//! that are 0 acted on. A crank that failed leaves no trace but its consequence.

use std::sync::Arc;

use crate::begin::bound_for;
use crate::clist::{Bound, Row};
use crate::crank::{AnswerTo, Exposed, Outcome, Report, StoreWrite, Syscall};
use crate::host::Output;
use crate::id::{CrankId, Kref, Slot, VatId};
use crate::kernel::{Begun, BegunKind, Export, Heap, Kernel, Traps};
use crate::message::{Answer, Payload};
use crate::origin::{How, Origin};
use crate::promise::{Settlement, Work};
use crate::rows::{Fate, Message, Object, Owner, Progress, Sender};

/// What became of a crank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All of it happened.
    Applied,
    /// None of it did; the message that caused it was answered with an error, and the vat begins anew. The cause is for operators.
    Undone(String),
    /// None of it did, and the vat is quarantined: its `start` failed, or it fails for everybody. The cause is for operators.
    Quarantined(String),
    /// It was the first `start` of new code, and failed: the vat goes on with the code that it had before. The cause is for operators.
    RolledBack(String),
    /// It is not the vat's current crank any more: nothing happened (kernel-rules 15).
    Stale,
}

impl Kernel {
    /// Ends a crank that [`Kernel::begin`] began.
    pub fn finish(&mut self, vat: VatId, crank: CrankId, report: Report) -> Verdict {
        self.flying.remove(&crank);
        let Some(begun) = self.seats.get(&vat).and_then(|seat| seat.crank.clone()).filter(|begun| begun.id == crank)
        else {
            return Verdict::Stale;
        };
        self.survived(vat, &begun);
        let failure = match &report.outcome {
            Outcome::Done => self.check(vat, &begun, &report).map_err(|violation| format!("broke a rule: {violation}")),
            Outcome::Trapped(cause) => Err(cause.clone()),
            Outcome::StartFailed(cause) => Err(cause.clone()),
        };
        let verdict = match failure {
            Ok(next_slot) => {
                if let Some(Syscall::Exit(Err(reason))) = report.syscalls.last() {
                    // The crank is undone, so what its reason mentions may never have been: only the bytes are passed on.
                    self.exit(vat, Err(Payload::plain(reason.body.clone())));
                } else {
                    self.apply(vat, &begun, report, next_slot);
                }
                Verdict::Applied
            }
            Err(cause) => self.fail(vat, &begun, cause),
        };
        // Only now, behind those whom its report gave something to do (kernel-rules 24).
        if let Some(seat) = self.seats.get_mut(&vat) {
            seat.crank = None;
            self.take_turn(vat);
        }
        self.settle_down();
        // A vat that ended itself.
        if self.endings.contains(&vat) {
            self.end_slice();
        }
        self.sweep_if_doubled();
        verdict
    }

    fn apply(&mut self, vat: VatId, begun: &Begun, report: Report, next_slot: Slot) {
        self.advance(vat, &begun.kind, next_slot);
        let mut of_message = None;
        for delivered in &begun.delivered {
            let origin = |kernel: &Kernel| kernel.brought(&begun.kind, delivered, &mut of_message);
            self.add_handle(vat, delivered.slot, delivered.kref, origin);
        }
        self.free_what_was_delivered(vat, begun);
        let mut exit = None;
        for syscall in report.syscalls {
            match syscall {
                Syscall::Exit(reason) => exit = Some(reason),
                other => self.apply_syscall(vat, other),
            }
            self.drain_work();
        }
        let exit = exit.map(|reason| match reason {
            Ok(payload) => Ok(self.krefs(vat, &payload)),
            Err(payload) => Err(self.krefs(vat, &payload)),
        });
        for slot in report.taken {
            self.change_row(vat, slot, |row| row.handle = true);
        }
        self.write_store(vat, report.store);
        for slot in report.dropped {
            self.change_row(vat, slot, |row| row.handle = false);
        }
        self.consume(vat, begun);
        if let Some(reason) = exit {
            self.exit(vat, reason);
        }
    }

    fn advance(&mut self, vat: VatId, kind: &BegunKind, next_slot: Slot) {
        let before = *self.progress.get(&vat).expect("a seated vat has progress");
        let incarnation = before.incarnation + u64::from(matches!(kind, BegunKind::Start));
        let progress = Progress { incarnation, next_slot };
        if progress != before {
            self.progress.insert(vat, progress);
        }
        let seat = self.seat(vat);
        match kind {
            BegunKind::Start => {
                seat.heap = Heap::Live;
                seat.woken = false;
                self.pass_trial(vat);
            }
            // A `start` between two traps is no sign that the vat works: there is one after each.
            BegunKind::Message(_) | BegunKind::Settled(_) | BegunKind::Dropped(_) => seat.traps = Traps::default(),
        }
    }

    /// A reference that the vat has a handle on from now on.
    fn add_handle(&mut self, vat: VatId, slot: Slot, kref: Kref, origin: impl FnOnce(&Kernel) -> Arc<Origin>) {
        if self.clists.get(vat, slot).is_some() {
            return self.change_row(vat, slot, |row| row.handle = true);
        }
        self.hold(kref);
        let origin = Some(origin(self));
        self.clists.insert(vat, slot, Row { kref, handle: true, kept: 0, bound: Bound::No, origin });
    }

    /// What a vat asked the kernel for: two new references that belong together.
    fn add_made(&mut self, vat: VatId, pair: [(Slot, Kref); 2]) {
        let origin = self.origin(How::Made);
        for (slot, kref) in pair {
            self.add_handle(vat, slot, kref, |_| origin.clone());
        }
    }

    /// Changes a c-list row and counts accordingly.
    pub(crate) fn change_row(&mut self, vat: VatId, slot: Slot, change: impl FnOnce(&mut Row)) {
        match self.clists.change(vat, slot, change) {
            Some((kref, false, true)) => self.hold(kref),
            Some((kref, true, false)) => self.release(kref),
            Some((_, true, true) | (_, false, false)) | None => {}
        }
    }

    fn apply_syscall(&mut self, vat: VatId, syscall: Syscall) {
        match syscall {
            Syscall::Send { target, method, args, answer } => self.apply_send(vat, target, method, &args, answer),
            Syscall::NewPromise { promise, resolver } => {
                let id = self.new_promise();
                self.add_made(vat, [(promise, Kref::Promise(id)), (resolver, Kref::Resolver(id))]);
            }
            Syscall::Guard { target, guarded, revoker } => {
                let (caretaker, right) = self.new_guard(self.kref(vat, target));
                self.add_made(vat, [(guarded, Kref::Object(caretaker)), (revoker, Kref::Object(right))]);
            }
            Syscall::Settle { resolver, answer } => {
                let Kref::Resolver(promise) = self.kref(vat, resolver) else { unreachable!("checked") };
                let answer = match answer {
                    Answer::Fulfill(payload) => Answer::Fulfill(self.krefs(vat, &payload)),
                    Answer::Forward(slot) => Answer::Forward(self.kref(vat, slot)),
                    Answer::Break(payload) => Answer::Break(self.krefs(vat, &payload)),
                };
                self.push(Work {
                    promise,
                    settlement: Settlement::By(answer),
                    asked: None,
                    by: Some(Sender::Vat(vat)),
                });
            }
            Syscall::Expose { exposed, slot } => self.expose(vat, exposed, slot),
            Syscall::Watch { promise, token } => {
                let kref = self.kref(vat, promise);
                self.watch(vat, token, kref);
            }
            Syscall::Unwatch { token } => self.unwatch(vat, token),
            Syscall::Listen { promise, listener } => {
                let (kref, listener) = (self.kref(vat, promise), self.kref(vat, listener));
                self.listen(kref, listener);
            }
            Syscall::Pin(pinned) => self.seat(vat).pinned = pinned,
            Syscall::Exit(_) => unreachable!("an exit is applied last"),
        }
    }

    fn apply_send(&mut self, vat: VatId, target: Slot, method: String, args: &Payload<Slot>, answer: AnswerTo) {
        let target = self.kref(vat, target);
        let args = self.krefs(vat, args);
        let answer = match answer {
            AnswerTo::Nobody => None,
            AnswerTo::Promise(slot) => {
                let promise = self.new_promise();
                self.add_handle(vat, slot, Kref::Promise(promise), |kernel| kernel.origin(How::Asked { target }));
                Some(promise)
            }
            AnswerTo::Reference(slot) => match self.kref(vat, slot) {
                Kref::Resolver(promise) => Some(promise),
                // The callee gets a resolver of the kernel's, never the object itself (kernel-rules 7).
                listener => {
                    let promise = self.new_promise();
                    self.listen(Kref::Promise(promise), listener);
                    Some(promise)
                }
            },
        };
        let (through, sender) = (Vec::new(), Sender::Vat(vat));
        self.route(Message { target, through, method, args, answer, sender, settler: None });
    }

    fn expose(&mut self, vat: VatId, exposed: Exposed, slot: Slot) {
        let bound = self.seat(vat).exports.get(&exposed.object).copied();
        let object = match bound {
            Some(export) => export.object,
            None => {
                let object = self.new_object(Object { owner: Owner::Vat(vat, exposed), fate: Fate::Live });
                let export = Export { object, slot, lifetime: exposed.lifetime };
                self.seat(vat).exports.insert(exposed.object, export);
                object
            }
        };
        self.add_handle(vat, slot, Kref::Object(object), |kernel| kernel.origin(How::Exposed));
        self.change_row(vat, slot, |row| row.bound = bound_for(exposed.lifetime));
    }

    /// The ids of a `dropped` delivery and the tokens of a `settled` one are free before the crank's own syscalls count
    /// (kernel-rules 11).
    fn free_what_was_delivered(&mut self, vat: VatId, begun: &Begun) {
        match &begun.kind {
            BegunKind::Start | BegunKind::Message(_) => {}
            BegunKind::Settled(notices) => {
                for (_, token) in notices {
                    self.seat(vat).watches.remove(token);
                }
            }
            BegunKind::Dropped(notices) => {
                for (_, object) in notices {
                    self.unbind(vat, *object);
                }
            }
        }
    }

    /// Takes an id from the vat's exports; its object goes when nobody holds it.
    pub(crate) fn unbind(&mut self, vat: VatId, object: u64) {
        if let Some(export) = self.seat(vat).exports.remove(&object) {
            self.change_row(vat, export.slot, |row| row.bound = Bound::No);
            if self.count(Kref::Object(export.object)) == 0 {
                self.zeros.insert(Kref::Object(export.object), self.loss);
            }
        }
    }

    /// Everything that is mentioned anew is kept before anything that is mentioned no more is released: an entry may have moved from
    /// one key to another.
    fn write_store(&mut self, vat: VatId, writes: Vec<StoreWrite>) {
        let mut released = Vec::new();
        for write in writes {
            let key = (vat, write.key);
            let after = write.value.as_ref().map_or_else(Vec::new, |value| value.caps.clone());
            for slot in &after {
                self.change_row(vat, *slot, |row| row.kept += 1);
            }
            let before = match after.is_empty() {
                true => self.holdings.remove(&key),
                false => self.holdings.insert(key.clone(), after),
            };
            released.extend(before.unwrap_or_default());
            self.store.insert(key, write.value);
        }
        for slot in released {
            self.change_row(vat, slot, |row| row.kept -= 1);
        }
    }

    /// Takes what was delivered out of the inbox.
    fn consume(&mut self, vat: VatId, begun: &Begun) {
        let (one, notices) = match &begun.kind {
            BegunKind::Start => (None, [].as_slice()),
            BegunKind::Message(id) => (Some(id), [].as_slice()),
            BegunKind::Settled(notices) | BegunKind::Dropped(notices) => (None, notices.as_slice()),
        };
        for id in one.into_iter().chain(notices.iter().map(|(id, _)| id)) {
            let (_, held) = self.take_from_inbox(vat, *id);
            self.release_all(held);
        }
    }

    /// `exit` takes effect after the crank was applied: well, or with the crank undone (kernel-rules 15).
    fn exit(&mut self, vat: VatId, reason: Result<Payload<Kref>, Payload<Kref>>) {
        let (Ok(payload) | Err(payload)) = &reason;
        self.lend(payload.caps.clone());
        self.outputs.push(Output::Exited(vat, reason));
        self.begin_ending(vat);
    }

    pub(crate) fn kref(&self, vat: VatId, slot: Slot) -> Kref {
        self.clists.get(vat, slot).expect("a checked slot has a row").kref
    }

    fn krefs(&self, vat: VatId, payload: &Payload<Slot>) -> Payload<Kref> {
        payload.map(|slot| self.kref(vat, *slot))
    }
}
