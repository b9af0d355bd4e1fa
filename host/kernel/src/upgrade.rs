//! A new heap from the same state: restart, upgrade to other code, and the way back.
//!
//! The next `start` decides about new code: if it fails, the code before takes its place again and the vat goes on.

use crate::finish::Verdict;
use crate::host::Refusal;
use crate::id::VatId;
use crate::kernel::{Kernel, Rest, Traps};
use crate::message::{Body, Code};
use crate::rows::{Upgrade, VatStatus};

impl Kernel {
    /// Ends a vat's incarnation and begins the next one. A message that is being delivered is delivered again to the new one
    /// (kernel-rules 15).
    ///
    /// # Errors
    /// If there is no such vat, or it is quarantined.
    pub fn restart(&mut self, vat: VatId) -> Result<(), Refusal> {
        if self.living(vat)?.status != VatStatus::Active {
            return Err(Refusal::NotServed(vat));
        }
        self.begin_anew(vat);
        self.settle_down();
        Ok(())
    }

    /// Gives a vat other code, from its next incarnation on, which begins now. Its state, its references and what waits for it stay. A
    /// quarantined vat is served again.
    ///
    /// # Errors
    /// If there is no such vat.
    pub fn upgrade(&mut self, vat: VatId, code: Body) -> Result<(), Refusal> {
        self.living(vat)?;
        let has_run = self.progress.get(&vat).is_some_and(|progress| progress.incarnation > 0);
        let row = self.vats.get_mut(&vat).expect("a living vat has a row");
        let replaced = std::mem::replace(&mut row.code, code);
        row.upgrade = match std::mem::replace(&mut row.upgrade, Upgrade::None) {
            // The code on trial has never run: what ran before is still what to go back to.
            Upgrade::Trial { before } => Upgrade::Trial { before },
            Upgrade::None | Upgrade::Kept { .. } if has_run => Upgrade::Trial { before: replaced },
            Upgrade::None | Upgrade::Kept { .. } => Upgrade::None,
        };
        row.status = VatStatus::Active;
        self.begin_anew(vat);
        self.settle_down();
        Ok(())
    }

    /// Goes back to the code before the last upgrade; that is an upgrade too, and can be rolled back.
    ///
    /// # Errors
    /// If there is no such vat, or no older code is kept.
    pub fn rollback(&mut self, vat: VatId) -> Result<(), Refusal> {
        match self.living(vat)?.upgrade.clone() {
            Upgrade::None => Err(Refusal::NothingKept(vat)),
            Upgrade::Kept { before } => self.upgrade(vat, before),
            Upgrade::Trial { .. } => {
                self.go_back(vat);
                self.vats.get_mut(&vat).expect("a living vat has a row").status = VatStatus::Active;
                self.begin_anew(vat);
                self.settle_down();
                Ok(())
            }
        }
    }

    /// A new incarnation, now.
    fn begin_anew(&mut self, vat: VatId) {
        self.end_incarnation(vat, Code::IncarnationLost);
        let seat = self.seat(vat);
        seat.traps = Traps::default();
        seat.rest = Rest::None;
        seat.woken = true;
        self.make_ready(vat);
    }

    /// Takes the code on trial away, if there is any, and says whether there was.
    fn go_back(&mut self, vat: VatId) -> bool {
        let Some(row) = self.vats.get(&vat) else { return false };
        let Upgrade::Trial { before } = row.upgrade.clone() else { return false };
        let row = self.vats.get_mut(&vat).expect("looked at a moment ago");
        row.code = before;
        row.upgrade = Upgrade::None;
        true
    }

    /// A `start` failed: code on trial gives way to the code before, other code is served no more. The incarnation has ended.
    pub(crate) fn start_over_or_stop(&mut self, vat: VatId, cause: String) -> Verdict {
        if self.go_back(vat) {
            self.seat(vat).woken = true;
            self.make_ready(vat);
            return Verdict::RolledBack(cause);
        }
        self.stop_serving(vat, cause.as_bytes().into());
        Verdict::Quarantined(cause)
    }

    /// A `start` succeeded: the code is no longer on trial.
    pub(crate) fn pass_trial(&mut self, vat: VatId) {
        if matches!(self.vats.get(&vat).map(|row| &row.upgrade), Some(Upgrade::Trial { .. })) {
            let row = self.vats.get_mut(&vat).expect("looked at a moment ago");
            if let Upgrade::Trial { before } = std::mem::replace(&mut row.upgrade, Upgrade::None) {
                row.upgrade = Upgrade::Kept { before };
            }
        }
    }
}
