//! New incarnations that somebody asked for: restart, upgrade, rollback; and whoever waits for a start is told what became of it.

use ocap_kernel::{Body, Refusal, Upgrade, VatId, VatStatus};

use super::news::{News, name_of};
use super::{Charge, RunLoop, VatCode};

/// What became of a start that somebody waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// The vat runs.
    Well,
    /// The new code failed its start, and the vat goes on with the code before. The cause is in one line, for operators.
    RolledBack(String),
    /// The vat is in quarantine; its row says why.
    Quarantined,
    /// The vat was ended first.
    Ended,
}

/// Somebody who waits for starts.
pub(super) struct Awaited {
    /// Whose start, and the number of the incarnation before.
    vats: Vec<(VatId, u64)>,
    then: Then,
}

enum Then {
    /// Told when all of them are over, well or not.
    All(Box<dyn FnOnce() + Send>),
    /// Told how the last one ended.
    How(Box<dyn FnOnce(Started) + Send>),
}

impl RunLoop {
    /// Ends a vat's incarnation and begins the next one. `then` is told what became of its start, when that is durable.
    ///
    /// # Errors
    /// If there is no such vat, or it is quarantined.
    pub fn restart(&mut self, vat: VatId, then: impl FnOnce(Started) + Send + 'static) -> Result<(), Refusal> {
        self.kernel.restart(vat)?;
        self.tell_news(name_of(&self.kernel, vat), News::Restarted);
        self.awake.take(vat);
        self.when_restarted(vat, then);
        Ok(())
    }

    /// Gives a vat other code, which is on trial until its start went well. `record` is what the kernel keeps of it. `then` is told what
    /// became of the trial, when that is durable.
    ///
    /// # Errors
    /// If there is no such vat.
    pub fn upgrade(
        &mut self,
        vat: VatId,
        record: Body,
        code: VatCode,
        then: impl FnOnce(Started) + Send + 'static,
    ) -> Result<(), Refusal> {
        self.kernel.upgrade(vat, record)?;
        self.begin_with(vat, code);
        self.when_restarted(vat, then);
        Ok(())
    }

    /// Gives a vat the code before its last upgrade, of which `code` was made. `then` is told what became of its start, when that is
    /// durable.
    ///
    /// # Errors
    /// If there is no such vat, or no older code is kept.
    pub fn rollback(
        &mut self,
        vat: VatId,
        code: VatCode,
        then: impl FnOnce(Started) + Send + 'static,
    ) -> Result<(), Refusal> {
        self.kernel.rollback(vat)?;
        self.begin_with(vat, code);
        self.when_restarted(vat, then);
        Ok(())
    }

    /// The next incarnation has this code; what ran before stays at hand for as long as this is on trial.
    fn begin_with(&mut self, vat: VatId, code: VatCode) {
        self.awake.take(vat);
        let replaced = self.codes.insert(vat, code);
        match (self.is_on_trial(vat), replaced) {
            (true, Some(replaced)) => drop(self.fallbacks.entry(vat).or_insert(replaced)),
            (true, None) => {}
            (false, _) => drop(self.fallbacks.remove(&vat)),
        }
    }

    fn is_on_trial(&self, vat: VatId) -> bool {
        self.kernel.vat(vat).is_some_and(|view| matches!(view.row.upgrade, Upgrade::Trial { .. }))
    }

    /// A crank of the vat went well: if it was the start of new code, the code before is needed no more.
    pub(super) fn pass_trial(&mut self, vat: VatId) {
        if self.fallbacks.contains_key(&vat) && !self.is_on_trial(vat) {
            self.fallbacks.remove(&vat);
        }
    }

    /// New code failed its start, and the kernel has gone back to the code before.
    pub(super) fn roll_back(&mut self, vat: VatId, label: String, cause: String) {
        match self.fallbacks.remove(&vat) {
            Some(code) => drop(self.codes.insert(vat, code)),
            None => {
                // It could not be had when the new code came; whoever heals quarantined vats looks for it again.
                self.codes.remove(&vat);
                let reason = (self.accuse)(&self.kernel, vat, Charge::NoCode);
                self.kernel.quarantine(vat, reason.clone().into()).expect("a vat that was in a crank lives");
                self.tell_news(label.clone(), News::Quarantined { reason });
            }
        }
        self.tell_news(label, News::RolledBack { cause: cause.clone() });
        self.blame(vat, cause.clone());
        let waited = |awaited: &mut Awaited| {
            matches!(awaited.then, Then::How(_)) && awaited.vats.iter().any(|(waited, _)| *waited == vat)
        };
        let told: Vec<Awaited> = self.awaited.extract_if(.., waited).collect();
        for Awaited { then, .. } in told {
            self.tell(then, Started::RolledBack(cause.clone()));
        }
    }

    /// Does `then` when each of these new vats has had its first start, well or not, and that is durable.
    pub fn when_started(&mut self, vats: Vec<VatId>, then: impl FnOnce() + Send + 'static) {
        let vats = vats.into_iter().map(|vat| (vat, 0)).collect();
        self.awaited.push(Awaited { vats, then: Then::All(Box::new(then)) });
        self.look_for_starts();
    }

    fn when_restarted(&mut self, vat: VatId, then: impl FnOnce(Started) + Send + 'static) {
        let incarnation = self.kernel.vat(vat).map_or(0, |view| view.incarnation);
        self.awaited.push(Awaited { vats: vec![(vat, incarnation)], then: Then::How(Box::new(then)) });
    }

    /// Tells those whose waiting is over.
    pub(super) fn look_for_starts(&mut self) {
        for mut one in std::mem::take(&mut self.awaited) {
            match self.end_of(&mut one) {
                Some(how) => self.tell(one.then, how),
                None => self.awaited.push(one),
            }
        }
    }

    /// Of a group only the last vat is looked at until it is over, since all have to be in the end.
    fn end_of(&self, one: &mut Awaited) -> Option<Started> {
        let mut how = Started::Well;
        while let Some((vat, before)) = one.vats.last() {
            how = self.start_after(*vat, *before)?;
            one.vats.pop();
        }
        Some(how)
    }

    /// A start is waited for no more when the vat has a later incarnation, is not served, or has ended.
    fn start_after(&self, vat: VatId, before: u64) -> Option<Started> {
        match self.kernel.vat(vat) {
            None => Some(Started::Ended),
            Some(view) if view.row.status != VatStatus::Active => Some(Started::Quarantined),
            Some(view) => (view.incarnation > before).then_some(Started::Well),
        }
    }

    fn tell(&mut self, then: Then, how: Started) {
        match then {
            Then::All(then) => self.when_durable(then),
            Then::How(then) => self.when_durable(move || then(how)),
        }
    }
}
