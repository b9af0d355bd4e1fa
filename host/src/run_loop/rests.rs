//! How long a vat waits after traps before it is served again.
//!
//! One trap is one bad message, and costs no time. From the second in a row on the vat itself may be at fault: each new heap for it
//! takes a worker from the others, so it gets one less and less often. Only what is due is looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ocap_kernel::VatId;

/// The wait after the second trap in a row: a person does not notice it, and a vat that traps without end gets 20 heaps a second at most.
const FIRST: Duration = Duration::from_millis(50);

/// The longest wait: its messages, which may be those of others, are answered once a second at least.
const LONGEST: Duration = Duration::from_secs(1);

/// Vats that wait, and until when.
#[derive(Debug, Default)]
pub(super) struct Rests {
    until: BTreeMap<VatId, Instant>,
    order: BTreeSet<(Instant, VatId)>,
}

impl Rests {
    /// A vat that trapped so many times in a row waits from now on.
    pub(super) fn begin(&mut self, vat: VatId, traps: u32, now: Instant) {
        let until = now + after(traps);
        if let Some(before) = self.until.insert(vat, until) {
            self.order.remove(&(before, vat));
        }
        self.order.insert((until, vat));
    }

    /// When the next one has waited long enough.
    pub(super) fn next(&self) -> Option<Instant> {
        self.order.first().map(|(until, _)| *until)
    }

    /// A vat that has waited long enough, if there is one. It waits no more.
    pub(super) fn over(&mut self, now: Instant) -> Option<VatId> {
        let (until, vat) = self.order.first().copied().filter(|(until, _)| *until <= now)?;
        self.order.remove(&(until, vat));
        self.until.remove(&vat);
        Some(vat)
    }
}

/// The wait after so many traps in a row: twice as long each time.
fn after(traps: u32) -> Duration {
    let doubled = 1_u32.checked_shl(traps.saturating_sub(2)).and_then(|times| FIRST.checked_mul(times));
    doubled.unwrap_or(LONGEST).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_with_each_trap_up_to_a_second() {
        let waits = [2, 3, 4, 5, 6, 7, 34, u32::MAX].map(|traps| after(traps).as_millis());
        assert_eq!(waits, [50, 100, 200, 400, 800, 1_000, 1_000, 1_000]);
    }

    #[test]
    fn vats_come_back_in_the_order_of_their_time_and_not_before() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut rests = Rests::default();
        assert_eq!((rests.next(), rests.over(at(1_000))), (None, None));
        rests.begin(VatId(1), 4, start);
        rests.begin(VatId(2), 2, start);
        assert_eq!(rests.next(), Some(at(50)));
        assert_eq!(rests.over(at(49)), None);
        assert_eq!(rests.over(at(50)), Some(VatId(2)));
        assert_eq!(rests.over(at(199)), None);
        assert_eq!((rests.over(at(200)), rests.next()), (Some(VatId(1)), None));
    }

    #[test]
    fn one_that_trapped_again_waits_for_its_new_time_only() {
        let start = Instant::now();
        let mut rests = Rests::default();
        rests.begin(VatId(1), 2, start);
        rests.begin(VatId(1), 3, start);
        assert_eq!(rests.over(start + Duration::from_millis(99)), None);
        assert_eq!(rests.over(start + Duration::from_millis(100)), Some(VatId(1)));
        assert_eq!(rests.next(), None);
    }
}
