//! Checks a whole report before anything of it is applied: after this, nothing can fail half-way.
//!
//! The engine refuses most broken rules at the call itself; here it is not trusted.

use std::collections::{BTreeMap, BTreeSet};

use crate::clist::{Bound, Clists};
use crate::crank::{AnswerTo, Exposed, Report, Syscall};
use crate::id::{Kref, Slot, VatId};
use crate::kernel::{Begun, BegunKind, Kernel, Seat};
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
    #[error("it would hold more than {0} references")]
    TooManyReferences(u64),
}

/// What a slot names as far as the check has to know.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Resolver,
    Other,
}

/// What becomes of a watch's token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Free,
    InUse,
}

struct Checker<'k> {
    clists: &'k Clists,
    seat: &'k Seat,
    vat: VatId,
    /// References that this delivery and this report bring, by slot.
    new: BTreeMap<Slot, Kind>,
    exposed: BTreeMap<u64, (Slot, Exposed)>,
    /// Ids that this delivery frees, and the slots that end with them.
    unbound: BTreeMap<u64, Slot>,
    /// Tokens that this delivery or this report frees or takes; the rest is as the seat has it.
    tokens: BTreeMap<u64, Token>,
    next: Slot,
}

impl Kernel {
    /// The slot that is free after the report.
    pub(crate) fn check(&self, vat: VatId, begun: &Begun, report: &Report) -> Result<Slot, Violation> {
        let seat = self.seats.get(&vat).expect("a vat in a crank has a seat");
        let kind = |kref: Kref| if matches!(kref, Kref::Resolver(_)) { Kind::Resolver } else { Kind::Other };
        let mut checker = Checker {
            clists: &self.clists,
            seat,
            vat,
            new: begun.delivered.iter().map(|delivered| (delivered.slot, kind(delivered.kref))).collect(),
            exposed: BTreeMap::new(),
            unbound: BTreeMap::new(),
            tokens: BTreeMap::new(),
            next: begun.next_slot,
        };
        match &begun.kind {
            BegunKind::Start | BegunKind::Message(_) => {}
            BegunKind::Settled(notices) => {
                checker.tokens.extend(notices.iter().map(|(_, token)| (*token, Token::Free)))
            }
            BegunKind::Dropped(notices) => {
                let ending = notices.iter().filter_map(|(_, object)| Some((*object, seat.exports.get(object)?.slot)));
                checker.unbound.extend(ending);
            }
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
        let next = checker.next;
        let new = checker.new.keys().filter(|slot| self.clists.get(vat, **slot).is_none()).count() as u64;
        let exposed = checker.exposed.values().map(|(slot, _)| *slot).collect();
        self.check_references(vat, new, report, exposed)?;
        Ok(next)
    }

    /// `new` references come, and those go whose handle is dropped and that nothing else keeps in the c-list.
    fn check_references(
        &self,
        vat: VatId,
        new: u64,
        report: &Report,
        exposed: BTreeSet<Slot>,
    ) -> Result<(), Violation> {
        let references_max = self.vats.get(&vat).expect("a seated vat has a row").references_max;
        let size = self.clists.size(vat);
        if size + new <= references_max {
            return Ok(());
        }
        let mut kept = exposed;
        kept.extend(report.store.iter().filter_map(|write| write.value.as_ref()).flat_map(|value| &value.caps));
        let goes = |slot: &&Slot| !kept.contains(slot) && !self.outlasts_its_handle(vat, **slot);
        let let_go = report.dropped.iter().filter(goes).count() as u64;
        // A vat that is over its limit already, having been upgraded to a stricter one, may go on as long as it takes no more.
        if new > let_go && size + new - let_go > references_max {
            return Err(Violation::TooManyReferences(references_max));
        }
        Ok(())
    }

    /// Whether a reference stays in the c-list when its handle goes.
    fn outlasts_its_handle(&self, vat: VatId, slot: Slot) -> bool {
        self.clists.get(vat, slot).is_some_and(|row| row.kept > 0 || row.bound != Bound::No)
    }
}

impl Checker<'_> {
    fn known(&self, slot: Slot) -> Result<Kind, Violation> {
        if let Some(kind) = self.new.get(&slot) {
            return Ok(*kind);
        }
        let row = self.clists.get(self.vat, slot).ok_or(Violation::NoSuchSlot(slot))?;
        match row.kref {
            Kref::Resolver(_) => Ok(Kind::Resolver),
            // The slot of an object that is being dropped ends with this crank's beginning, unless it was revoked and the vat itself
            // has a handle on it still.
            Kref::Object(_) if self.ends(slot) && !row.is_held() => Err(Violation::NoSuchSlot(slot)),
            Kref::Object(_) | Kref::Promise(_) => Ok(Kind::Other),
        }
    }

    fn ends(&self, slot: Slot) -> bool {
        self.unbound.values().any(|ending| *ending == slot)
    }

    fn is_in_use(&self, token: u64) -> bool {
        self.tokens.get(&token).map_or_else(|| self.seat.watches.contains_key(&token), |token| *token == Token::InUse)
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
            Syscall::Guard { target, guarded, revoker } => {
                self.known(*target)?;
                self.take(*guarded, Kind::Other)?;
                self.take(*revoker, Kind::Other)
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
                if self.is_in_use(*token) {
                    return Err(Violation::TokenInUse(*token));
                }
                self.tokens.insert(*token, Token::InUse);
                Ok(())
            }
            Syscall::Unwatch { token } => {
                self.tokens.insert(*token, Token::Free);
                Ok(())
            }
            Syscall::Listen { promise, listener } => self.all_known([promise, listener]),
            Syscall::Pin(_) => Ok(()),
            Syscall::Exit(Ok(payload) | Err(payload)) => self.all_known(&payload.caps),
        }
    }

    fn expose(&mut self, exposed: Exposed, slot: Slot) -> Result<(), Violation> {
        let bound = self
            .seat
            .exports
            .get(&exposed.object)
            .filter(|_| !self.unbound.contains_key(&exposed.object))
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
