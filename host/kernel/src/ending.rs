//! The end of a vat for good, in slices: everything that waits for it or on it hears so, everything it held is released, and no
//! row of it stays. Its number is not given again.
//!
//! From the first moment it is not served and every message to it is answered; its rows go in slices of bounded size, so that a vat
//! with very many of them holds up nobody. Each slice leaves rows that agree with each other, so the process may die between any two.

use crate::host::{Refusal, Reply};
use crate::id::{ObjectId, SubclusterId, VatId};
use crate::kernel::{Heap, Kernel};
use crate::limits::ENDING_SLICE_ROWS_MAX;
use crate::message::{Body, Code};
use crate::promise::Settlement;
use crate::rows::{Item, Upgrade, VatStatus};

impl Kernel {
    /// Ends a subcluster for good: its vats, their state, and `host_objects`, which were made with it. What the host was asked and
    /// has not answered may have been done: such calls are answered `outcome-unknown`. What is too much for one slice goes on in
    /// [`Kernel::end_slice`].
    ///
    /// # Errors
    /// If there is no such subcluster.
    pub fn terminate(&mut self, subcluster: SubclusterId, host_objects: &[ObjectId]) -> Result<(), Refusal> {
        self.subclusters.get(&subcluster).ok_or(Refusal::NoSuchSubcluster(subcluster))?;
        let vats: Vec<_> = self.vats().filter(|vat| vat.row.subcluster == subcluster).map(|vat| vat.id).collect();
        for vat in vats {
            self.begin_ending(vat);
        }
        for object in host_objects {
            self.lose_object(*object, Code::ObjectGone);
        }
        for call in self.unanswered_calls().iter().filter(|call| host_objects.contains(&call.object)) {
            self.answer_call(call.id, Reply::Fail(Code::OutcomeUnknown));
        }
        self.subclusters.remove(&subcluster);
        self.end_slice();
        Ok(())
    }

    /// Ends one vat for good; the rest of its subcluster goes on. See [`Kernel::terminate`].
    ///
    /// # Errors
    /// If there is no such vat.
    pub fn terminate_vat(&mut self, vat: VatId) -> Result<(), Refusal> {
        self.living(vat)?;
        self.begin_ending(vat);
        self.end_slice();
        Ok(())
    }

    /// Whether a vat that has ended still has rows.
    pub fn has_ending(&self) -> bool {
        !self.endings.is_empty()
    }

    /// Lets go of the next few rows of vats that have ended, and says whether there are more.
    pub fn end_slice(&mut self) -> bool {
        let mut left = ENDING_SLICE_ROWS_MAX;
        while left > 0
            && let Some(vat) = self.endings.first().copied()
        {
            self.loss = Code::VatTerminated;
            self.let_go_of_rows(vat, &mut left);
            self.loss = Code::ResolverDropped;
            self.settle_down();
            if left > 0 {
                self.forget(vat);
            }
        }
        self.settle_down();
        self.has_ending()
    }

    /// From here on the vat is served no more, whatever it was doing.
    pub(crate) fn begin_ending(&mut self, vat: VatId) {
        let row = self.vats.get_mut(&vat).expect("a seated vat has a row");
        row.status = VatStatus::Ending;
        row.parameters = Body::from([]);
        row.code = Body::from([]);
        row.upgrade = Upgrade::None;
        let grants = std::mem::take(&mut row.grants);
        self.endings.insert(vat);
        self.suspicions.remove(&vat);
        let seat = self.seat(vat);
        seat.heap = Heap::Absent;
        seat.crank = None;
        seat.woken = false;
        self.loss = Code::VatTerminated;
        for (_, slot) in grants {
            self.change_row(vat, slot, |row| row.kept -= 1);
        }
        self.loss = Code::ResolverDropped;
    }

    fn let_go_of_rows(&mut self, vat: VatId, left: &mut usize) {
        while take_one(left)
            && let Some(token) = self.seat(vat).watches.first_key_value().map(|(token, _)| *token)
        {
            self.unwatch(vat, token);
        }
        while take_one(left)
            && let Some(&id) = self.seat(vat).inbox.first()
        {
            let (item, held) = self.take_from_inbox(vat, id);
            if let Item::Message(message) = item {
                self.answer(&message, Settlement::Failed(Code::VatTerminated));
            }
            self.release_all(held);
        }
        while take_one(left)
            && let Some((local, object)) =
                self.seat(vat).exports.first_key_value().map(|(id, export)| (*id, export.object))
        {
            self.lose_object(object, Code::VatTerminated);
            self.unbind(vat, local);
        }
        while take_one(left)
            && let Some((key, slots)) = self.holdings.range((vat, Vec::new())..).next()
            && key.0 == vat
        {
            let (key, slots) = (key.clone(), slots.clone());
            self.holdings.remove(&key);
            self.store.insert(key, None);
            for slot in slots {
                self.change_row(vat, slot, |row| row.kept -= 1);
            }
        }
        while take_one(left)
            && let Some(slot) = self.clists.first(vat)
        {
            self.change_row(vat, slot, |row| row.handle = false);
        }
    }

    /// Nothing is left to be let go: the vat's own rows are the last.
    fn forget(&mut self, vat: VatId) {
        self.vats.remove(&vat);
        self.progress.remove(&vat);
        self.seats.remove(&vat);
        self.endings.remove(&vat);
        self.store.retain(|(of, _), _| *of != vat);
        self.forgotten.push(vat);
    }
}

/// One row of a slice's budget.
fn take_one(left: &mut usize) -> bool {
    if *left == 0 {
        return false;
    }
    *left -= 1;
    true
}
