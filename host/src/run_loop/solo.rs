//! The delivery that has to run alone, while it waits for that (kernel-rules D).
//!
//! The process died during such a delivery before. Should it die again, the blame must fall on the right one: everything before is
//! durable when the vat is given it, and no other vat is in a crank. Only what came before counts: later inputs go on meanwhile and do
//! not put it off.

use ocap_kernel::Crank;

/// At most one delivery: the kernel begins no other until it is finished.
#[derive(Default)]
pub(super) struct Solo(Option<Waiting>);

struct Waiting {
    crank: Crank,
    /// The number of the last batch with something that came before it.
    after: u64,
}

/// What else is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Others {
    /// Vats are in cranks.
    Busy,
    /// No vat is.
    Quiet,
}

impl Solo {
    /// It waits until this batch is durable.
    pub(super) fn hold(&mut self, crank: Crank, after: u64) {
        debug_assert!(self.0.is_none(), "the kernel begins nothing beside a delivery that runs alone");
        self.0 = Some(Waiting { crank, after });
    }

    pub(super) fn is_waiting(&self) -> bool {
        self.0.is_some()
    }

    /// The delivery, if it may run now that all batches up to `durable` are.
    pub(super) fn take(&mut self, durable: u64, others: Others) -> Option<Crank> {
        self.0.take_if(|waiting| others == Others::Quiet && durable >= waiting.after).map(|waiting| waiting.crank)
    }
}

#[cfg(test)]
mod tests {
    use ocap_kernel::{Company, CrankId, Delivery, Slot, VatId};

    use super::*;

    fn alone() -> Crank {
        Crank {
            id: CrankId(7),
            vat: VatId(3),
            message: None,
            next_slot: Slot(2),
            delivery: Delivery::Dropped(Vec::new()),
            company: Company::Alone,
        }
    }

    #[test]
    fn it_runs_when_all_before_it_is_durable_and_nobody_else_is_in_a_crank() {
        let mut solo = Solo::default();
        assert!(!solo.is_waiting());
        solo.hold(alone(), 5);
        assert_eq!(solo.take(4, Others::Quiet), None);
        assert_eq!(solo.take(5, Others::Busy), None);
        assert!(solo.is_waiting());
        assert_eq!(solo.take(5, Others::Quiet).map(|crank| crank.id), Some(CrankId(7)));
        assert!(!solo.is_waiting());
        assert_eq!(solo.take(9, Others::Quiet), None);
    }

    #[test]
    fn batches_after_its_own_do_not_put_it_off() {
        let mut solo = Solo::default();
        solo.hold(alone(), 5);
        assert!(solo.take(6, Others::Quiet).is_some());
    }
}
