//! Vats leave memory: when others need the room, or when an operator says so.
//!
//! What is in memory of a vat is a copy: its state is in the store, and its next delivery makes it anew. Only one that is at rest in the
//! kernel's eyes leaves by itself; its heap holds nothing that would be missed.

use ocap_kernel::{Unrest, VatId};

use crate::engine::Instance;

use super::RunLoop;
use super::news::News;

/// How many vats are looked at after a crank to find some that can leave. A vat that is not at rest goes to the end of the order, so
/// each look gets on.
const LOOKS_PER_CRANK: usize = 4;

/// How many are looked at when there is nothing else to do: a vat may have come to rest by what others did.
const LOOKS_AT_LEISURE: usize = 1_000;

/// When a vat left memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Departed {
    /// Just now.
    Now,
    /// It was not there.
    Earlier,
}

impl RunLoop {
    /// Lets a vat leave memory, if nothing is lost by it.
    ///
    /// # Errors
    /// Everything that it waits for.
    pub fn hibernate(&mut self, vat: VatId) -> Result<Departed, Vec<Unrest>> {
        let unrest = self.kernel.unrest(vat);
        if unrest.is_empty() { Ok(self.hibernate_by_force(vat)) } else { Err(unrest) }
    }

    /// Lets a vat leave memory whatever is lost by it: its incarnation ends.
    pub fn hibernate_by_force(&mut self, vat: VatId) -> Departed {
        self.awake.take(vat);
        if !self.kernel.hibernate_by_force(vat) {
            return Departed::Earlier;
        }
        self.tell_news(self.label(vat), News::Hibernated);
        Departed::Now
    }

    /// A vat comes from a crank and stays in memory.
    pub(super) fn keep(&mut self, vat: VatId, instance: Instance) {
        if let Some(code) = self.codes.get(&vat) {
            self.awake.insert(vat, instance, code.hibernation);
        }
    }

    /// After a crank: a vat may have grown, or come to rest.
    pub(super) fn make_room(&mut self) {
        self.make_room_beside(self.workers.busy(), LOOKS_PER_CRANK);
    }

    /// Before a vat that is not in memory is made.
    pub(super) fn make_room_for_one(&mut self) {
        self.make_room_beside(self.workers.busy() + 1, LOOKS_PER_CRANK);
    }

    pub(super) fn make_room_at_leisure(&mut self) {
        let looks = self.awake.uses().len().min(LOOKS_AT_LEISURE);
        self.make_room_beside(0, looks);
    }

    fn make_room_beside(&mut self, others: usize, looks: usize) {
        for _ in 0..looks {
            let uses = self.awake.uses();
            if !uses.exceed(self.budget, others) {
                return;
            }
            let Some(vat) = uses.oldest() else { return };
            if self.kernel.hibernate(vat) {
                self.awake.take(vat);
                self.tell_news(self.label(vat), News::Hibernated);
            } else if self.has_no_heap(vat) {
                self.awake.take(vat);
            } else {
                self.awake.uses().postpone(vat);
            }
        }
    }

    /// A vat that trapped has lost its heap, and what is in memory of it is a copy of its store.
    fn has_no_heap(&self, vat: VatId) -> bool {
        self.kernel.vat(vat).is_none_or(|view| !view.is_awake)
    }
}
