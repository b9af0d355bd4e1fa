//! Checks a whole report before anything of it is applied: after this, nothing can fail half-way.
//!
//! The engine refuses most broken rules at the call itself; here it is not trusted.

use std::collections::BTreeMap;

use crate::clist::Clists;
use crate::crank::{AnswerTo, Exposed, Report, Syscall};
use crate::id::{Kref, Slot, VatId};
use crate::kernel::{Begun, BegunKind, Export, Kernel};
use crate::message::Answer;

/// A rule that a vat broke. For operators; the vat learns nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Violation {
    #[error("{0} is not in its c-list")]
    NoSuchSlot(Slot),
    #[error("{0} is not the next slot")]
    SlotOutOfTurn(Slot),
    #[error("{0} is not a resolver")]
    NotAResolver(Slot),
    #[error("object {0} is exposed with another lifetime or slot")]
    ExposedOtherwise(u64),
    #[error("token {0} is in use")]
    TokenInUse(u64),
    #[error("an exit is the last syscall")]
    AfterExit,
    #[error("the c-list has no room for more slots")]
    NoMoreSlots,
}

/// What a slot names as far as the check has to know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Resolver,
    Other,
}

struct Checker<'k> {
    clists: &'k Clists,
    exports: &'k BTreeMap<u64, Export>,
    watches: Vec<u64>,
    vat: VatId,
    begun: &'k Begun,
    /// References that this delivery and this report bring, by slot.
    new: BTreeMap<Slot, Kind>,
    exposed: BTreeMap<u64, (Slot, Exposed)>,
    next: Slot,
}

impl Kernel {
    /// The slot that is free after the report.
    pub(crate) fn check(&self, vat: VatId, begun: &Begun, report: &Report) -> Result<Slot, Violation> {
        let seat = self.seats.get(&vat).expect("a vat in a crank has a seat");
        let kind = |kref: Kref| if matches!(kref, Kref::Resolver(_)) { Kind::Resolver } else { Kind::Other };
        let mut checker = Checker {
            clists: &self.clists,
            exports: &seat.exports,
            watches: seat.watches.keys().copied().collect(),
            vat,
            begun,
            new: begun.delivered.iter().map(|(slot, kref)| (*slot, kind(*kref))).collect(),
            exposed: BTreeMap::new(),
            next: begun.next_slot,
        };
        if let BegunKind::Settled(ids) = &begun.kind {
            // Their tokens are free again while they are delivered.
            checker.watches.retain(|token| {
                !matches!(seat.watches.get(token), Some(crate::kernel::Watched::Notice(id)) if ids.contains(id))
            });
        }
        for (index, syscall) in report.syscalls.iter().enumerate() {
            if matches!(syscall, Syscall::Exit(_)) && index + 1 != report.syscalls.len() {
                return Err(Violation::AfterExit);
            }
            checker.syscall(syscall)?;
        }
        for write in &report.store {
            for slot in write.value.iter().flat_map(|value| &value.caps) {
                checker.known(*slot)?;
            }
        }
        for slot in report.taken.iter().chain(&report.dropped) {
            checker.known(*slot)?;
        }
        Ok(checker.next)
    }
}

impl Checker<'_> {
    fn known(&self, slot: Slot) -> Result<Kind, Violation> {
        if let Some(kind) = self.new.get(&slot) {
            return Ok(*kind);
        }
        match self.clists.get(self.vat, slot).map(|row| row.kref) {
            Some(Kref::Resolver(_)) => Ok(Kind::Resolver),
            Some(Kref::Object(_) | Kref::Promise(_)) => Ok(Kind::Other),
            None => Err(Violation::NoSuchSlot(slot)),
        }
    }

    fn all_known<'s>(&self, slots: impl IntoIterator<Item = &'s Slot>) -> Result<(), Violation> {
        slots.into_iter().try_for_each(|slot| self.known(*slot).map(|_| ()))
    }

    fn take(&mut self, slot: Slot, kind: Kind) -> Result<(), Violation> {
        if slot != self.next {
            return Err(Violation::SlotOutOfTurn(slot));
        }
        self.next = Slot(slot.0.checked_add(1).ok_or(Violation::NoMoreSlots)?);
        self.new.insert(slot, kind);
        Ok(())
    }

    fn syscall(&mut self, syscall: &Syscall) -> Result<(), Violation> {
        match syscall {
            Syscall::Send { target, args, answer, .. } => {
                self.all_known(args.caps.iter().chain([target]))?;
                match answer {
                    AnswerTo::Nobody => Ok(()),
                    AnswerTo::Promise(slot) => self.take(*slot, Kind::Other),
                    AnswerTo::Reference(slot) => self.known(*slot).map(|_| ()),
                }
            }
            Syscall::NewPromise { promise, resolver } => {
                self.take(*promise, Kind::Other)?;
                self.take(*resolver, Kind::Resolver)
            }
            Syscall::Settle { resolver, answer } => {
                if self.known(*resolver)? != Kind::Resolver {
                    return Err(Violation::NotAResolver(*resolver));
                }
                match answer {
                    Answer::Fulfill(payload) | Answer::Break(payload) => self.all_known(&payload.caps),
                    Answer::Forward(slot) => self.known(*slot).map(|_| ()),
                }
            }
            Syscall::Expose { exposed, slot } => self.expose(*exposed, *slot),
            Syscall::Watch { promise, token } => {
                self.known(*promise)?;
                if self.watches.contains(token) {
                    return Err(Violation::TokenInUse(*token));
                }
                self.watches.push(*token);
                Ok(())
            }
            Syscall::Unwatch { token } => {
                self.watches.retain(|watched| watched != token);
                Ok(())
            }
            Syscall::Listen { promise, listener } => self.all_known([promise, listener]),
            Syscall::Pin(_) => Ok(()),
            Syscall::Exit(Ok(payload) | Err(payload)) => self.all_known(&payload.caps),
        }
    }

    fn expose(&mut self, exposed: Exposed, slot: Slot) -> Result<(), Violation> {
        let unbound = match &self.begun.kind {
            BegunKind::Dropped(dropped) => dropped.iter().any(|(_, object)| *object == exposed.object),
            BegunKind::Start | BegunKind::Message(_) | BegunKind::Settled(_) => false,
        };
        let bound = self
            .exports
            .get(&exposed.object)
            .filter(|_| !unbound)
            .map(|export| (export.slot, Exposed { object: exposed.object, lifetime: export.lifetime }));
        match self.exposed.get(&exposed.object).copied().or(bound) {
            Some((at, as_before)) if at == slot && as_before == exposed => Ok(()),
            Some(_) => Err(Violation::ExposedOtherwise(exposed.object)),
            None => {
                self.exposed.insert(exposed.object, (slot, exposed));
                self.take(slot, Kind::Other)
            }
        }
    }
}
