//! Deliveries that kill the process (kernel-rules D).
//!
//! The host notes outside the store what is being delivered. After an unclean death the vats that were in a crank are suspected: their
//! next deliveries run alone, so that the next death can be charged to one of them. Only such a death counts, and an innocent delivery
//! that happened to be under way beside a deadly one is never set aside.

use crate::crank::Company;
use crate::finish::Verdict;
use crate::id::{MessageId, VatId};
use crate::kernel::{Begun, BegunKind, Kernel};
use crate::limits::{DEATHS_MAX, LONE_DELIVERIES};
use crate::message::Code;
use crate::promise::Settlement;
use crate::rows::{Item, Suspicion, Why};

/// What was being delivered when the process died, as the host noted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marker {
    /// Which boot it was: [`Kernel::boot`] at that time.
    pub boot: u64,
    /// To whom.
    pub vat: VatId,
    /// The message; `None` for a start or a notice.
    pub message: Option<MessageId>,
    /// Whether it ran alone.
    pub company: Company,
}

/// What was done about a delivery during which the process died again and again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consequence {
    /// The message was answered, and is a dead letter.
    SetAside(VatId, MessageId),
    /// The vat is quarantined.
    Quarantined(VatId),
    /// The vat goes back to the code that it had before.
    RolledBack(VatId),
}

impl Kernel {
    /// Takes note of what was being delivered when the process died. For the moment after [`Kernel::load`]; markers of other boots
    /// than the last one mean nothing.
    pub fn suspect(&mut self, markers: &[Marker]) -> Vec<Consequence> {
        let last = self.counters.boot - 1;
        let mut consequences = Vec::new();
        for marker in markers.iter().filter(|marker| marker.boot == last) {
            if self.living(marker.vat).is_ok() {
                consequences.extend(self.suspect_one(marker));
            }
        }
        self.settle_down();
        consequences
    }

    fn suspect_one(&mut self, marker: &Marker) -> Option<Consequence> {
        let vat = marker.vat;
        let inbox = &self.seat(vat).inbox;
        let is_known = marker.message.is_none_or(|id| inbox.contains(&id));
        let mut suspicion =
            self.suspicions.get(&vat).copied().unwrap_or(Suspicion { left: 1, delivery: None, deaths: 0, total: 0 });
        if !is_known {
            // It was born in a batch that was lost with the process, and will come again under another number.
            suspicion.left = LONE_DELIVERIES;
        } else if marker.company == Company::Alone {
            let again = suspicion.deaths > 0 && suspicion.delivery == marker.message;
            suspicion.delivery = marker.message;
            suspicion.deaths = if again { suspicion.deaths + 1 } else { 1 };
            suspicion.total += 1;
        }
        let fails_for_everything = suspicion.total >= DEATHS_MAX && suspicion.deaths < suspicion.total;
        let is_deadly = suspicion.deaths >= DEATHS_MAX;
        let consequence = match marker.message.filter(|_| is_deadly && is_known) {
            Some(id) => {
                suspicion.deaths = 0;
                self.set_aside(vat, id);
                Some(Consequence::SetAside(vat, id))
            }
            None if is_deadly || fails_for_everything => {
                self.suspicions.remove(&vat);
                return Some(self.end_deaths(vat));
            }
            None => None,
        };
        self.suspicions.insert(vat, suspicion);
        consequence
    }

    fn set_aside(&mut self, vat: VatId, id: MessageId) {
        if let (Item::Message(message), held) = self.take_from_inbox(vat, id) {
            self.bury(id, vat, &message, Why::KilledTheProcess);
            self.answer(&message, Settlement::Failed(Code::VatTrapped));
            self.release_all(held);
        }
    }

    /// It is not one message that kills the process.
    fn end_deaths(&mut self, vat: VatId) -> Consequence {
        let cause = "the host died three times in a row while this vat ran alone";
        match self.start_over_or_stop(vat, cause.to_owned()) {
            Verdict::RolledBack(_) => Consequence::RolledBack(vat),
            Verdict::Applied | Verdict::Undone(_) | Verdict::Quarantined(_) | Verdict::Stale => {
                Consequence::Quarantined(vat)
            }
        }
    }

    /// Whether the next delivery to a vat runs alone.
    pub(crate) fn company_of(&self, vat: VatId) -> Company {
        if self.suspicions.get(&vat).is_some() { Company::Alone } else { Company::Among }
    }

    /// Whether a delivery to the vat may begin beside those that are under way.
    pub(crate) fn has_room(&self, vat: VatId) -> bool {
        self.company_of(vat) == Company::Among || self.flying.is_empty()
    }

    /// A lone delivery came to its end, well or not, and the process lives.
    pub(crate) fn survived(&mut self, vat: VatId, begun: &Begun) {
        if matches!(begun.kind, BegunKind::Start) {
            return;
        }
        if let Some(suspicion) = self.suspicions.get_mut(&vat) {
            *suspicion = Suspicion { left: suspicion.left - 1, delivery: None, deaths: 0, total: 0 };
            if suspicion.left == 0 {
                self.suspicions.remove(&vat);
            }
        }
    }

    /// Vats whose next deliveries run alone because the process died during one.
    pub fn suspected(&self) -> impl Iterator<Item = (VatId, &Suspicion)> {
        self.suspicions.iter().map(|(vat, suspicion)| (*vat, suspicion))
    }
}
