//! What happens when the last holder of a reference has gone: exactly, promptly, and only when all else of a crank is done.

use crate::host::Output;
use crate::id::{Kref, ObjectId, PromiseId, VatId};
use crate::kernel::Kernel;
use crate::message::{Answer, Code};
use crate::promise::Settlement;
use crate::rows::{Fate, Item, Object, Owner, Promise};

impl Kernel {
    /// Ends every public act: carries out what is on the work list, then acts on counts that are 0, until nothing is left to do.
    pub(crate) fn settle_down(&mut self) {
        loop {
            self.drain_work();
            let Some((kref, loss)) = self.zeros.pop_first() else { return };
            if self.count(kref) == 0 {
                // What goes with it goes for the same reason (kernel-rules 23).
                self.loss = loss;
                match kref {
                    Kref::Object(object) => self.object_unheld(object),
                    Kref::Promise(promise) => self.promise_unheld(promise),
                    Kref::Resolver(promise) => self.resolver_unheld(promise, loss),
                }
                self.loss = Code::ResolverDropped;
            }
        }
    }

    fn object_unheld(&mut self, object: ObjectId) {
        let Some(row) = self.objects.get(&object) else { return };
        if self.stays_unheld(object, row) {
            return;
        }
        match &row.owner {
            Owner::Host(_) => {
                self.objects.remove(&object);
            }
            Owner::HostUntilBoot(_) | Owner::HostWhileHeld(_) => {
                // What is gone keeps nothing.
                let kept = self.holds.remove(&object);
                self.release_all(kept);
                self.objects.remove(&object);
                self.tell_released(object);
            }
            Owner::Caretaker { .. } | Owner::Revoker(_) => {
                let held = held_by_object(row);
                self.objects.remove(&object);
                self.release_all(held);
            }
            Owner::Vat(vat, exposed) => {
                let (vat, exposed) = (*vat, *exposed);
                if !self.is_bound(vat, exposed.object, object) {
                    self.objects.remove(&object);
                } else if self.endings.contains(&vat) {
                    // Nobody is there to be told.
                    self.unbind(vat, exposed.object);
                } else if self.notified.insert(object) {
                    self.enqueue_notice(vat, Item::Dropped(object));
                }
            }
        }
    }

    /// Whether an object is there although nobody holds it: a living vat's root, and what the host has declared.
    pub(crate) fn stays_unheld(&self, object: ObjectId, row: &Object) -> bool {
        match &row.owner {
            Owner::Vat(vat, exposed) => exposed.object == 0 && self.is_bound(*vat, 0, object),
            Owner::Host(_) => row.fate == Fate::Live,
            Owner::HostUntilBoot(_) | Owner::HostWhileHeld(_) | Owner::Caretaker { .. } | Owner::Revoker(_) => false,
        }
    }

    /// The host need not keep the object's counterpart any longer.
    pub(crate) fn tell_released(&mut self, object: ObjectId) {
        self.outputs.push(Output::Released(object));
    }

    /// Whether a vat's own number still means this object.
    pub(crate) fn is_bound(&self, vat: VatId, local: u64, object: ObjectId) -> bool {
        let exports = self.seats.get(&vat).map(|seat| &seat.exports);
        exports.and_then(|exports| exports.get(&local)).is_some_and(|export| export.object == object)
    }

    /// A promise that nobody holds stays while somebody may settle it for those who wait on it; settled, it leaves no row behind.
    fn promise_unheld(&mut self, promise: PromiseId) {
        match self.promises.get(&promise) {
            None | Some(Promise::Unsettled { .. }) => {}
            Some(Promise::Failed(_)) => {
                self.promises.remove(&promise);
            }
            Some(Promise::Settled(_)) => {
                if let Some(Promise::Settled(answer)) = self.promises.remove(&promise) {
                    self.release_all(held_by(&answer));
                }
            }
        }
    }

    /// Nobody can settle the promise any more: the kernel does.
    fn resolver_unheld(&mut self, promise: PromiseId, loss: Code) {
        if matches!(self.promises.get(&promise), Some(Promise::Unsettled { .. })) {
            self.push_work(promise, Settlement::Failed(loss));
        }
    }

    /// Empties a settled promise that only a cycle of values keeps (kernel-rules 8).
    pub(crate) fn empty_value(&mut self, promise: PromiseId) {
        if let Some(Promise::Settled(answer)) = self.promises.get(&promise) {
            let held = held_by(answer);
            self.promises.insert(promise, Promise::Failed(Code::ResolverDropped));
            self.release_all(held);
        }
    }

    /// A revoked, lost or terminated object answers no more, and keeps nothing.
    pub(crate) fn lose_object(&mut self, object: ObjectId, code: Code) {
        let kept = self.holds.remove(&object);
        self.release_all(kept);
        if let Some(row) = self.objects.get_mut(&object)
            && row.fate == Fate::Live
        {
            let held = held_by_object(row);
            row.fate = Fate::Lost(code);
            self.release_all(held);
        }
        if self.count(Kref::Object(object)) == 0 {
            self.zeros.insert(Kref::Object(object), code);
        }
    }
}

/// The reference that an object holds while it answers. A revoker holds nothing: the right to end something is none to keep it.
pub(crate) fn held_by_object(row: &Object) -> Option<Kref> {
    match (&row.owner, row.fate) {
        (Owner::Caretaker { target }, Fate::Live) => Some(*target),
        _ => None,
    }
}

/// The references that a settled promise holds.
pub(crate) fn held_by(answer: &Answer<Kref>) -> Vec<Kref> {
    match answer {
        Answer::Fulfill(payload) | Answer::Break(payload) => payload.caps.clone(),
        Answer::Forward(kref) => vec![*kref],
    }
}
