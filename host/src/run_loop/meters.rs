//! What vats and the loop have done since the boot: plain numbers of the loop's own thread, which acts read.
//!
//! What a vat costs is the time that it occupies a worker (docs/decisions): the worker measures that anyway, and whoever occupies one
//! keeps the others waiting.

use std::collections::BTreeMap;
use std::time::Duration;

use ocap_kernel::{VatId, Verdict};

use crate::engine::Size;

/// Upper bounds of the buckets of crank times, in microseconds.
const CRANK_MICROS: &[u64] = &[10, 25, 50, 100, 250, 1_000, 5_000, 25_000, 100_000, 1_000_000, 10_000_000];
/// Upper bounds of the buckets of commit times, in microseconds.
const COMMIT_MICROS: &[u64] = &[100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 1_000_000];
/// Upper bounds of the buckets of commit sizes, in cranks.
const COMMIT_CRANKS: &[u64] = &[0, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000];

/// One vat, since the boot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Meter {
    /// Deliveries that came to an end, well or not.
    pub cranks: u64,
    /// How many of them were undone.
    pub undone: u64,
    /// Time of workers.
    pub busy: Duration,
    /// What it took when its last delivery ended.
    pub size: Size,
    /// The incarnation that was seen last, and when it began: time since 1970.
    pub incarnation: u64,
    /// See `incarnation`.
    pub since: Duration,
    /// Why a delivery was undone last.
    pub fault: Option<Fault>,
}

/// Why a delivery was undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The cause, in one line.
    pub cause: String,
    /// When: time since 1970.
    pub at: Duration,
}

/// The whole loop, since the boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// Cranks of which everything happened.
    pub applied: u64,
    /// Cranks of which nothing did, and whose vat goes on.
    pub undone: u64,
    /// Cranks after which the vat was quarantined.
    pub quarantined: u64,
    /// Cranks after which the vat went back to the code before.
    pub rolled_back: u64,
    /// Cranks whose incarnation had ended meanwhile.
    pub stale: u64,
    /// Messages from outside: of operators, channels and services.
    pub asked: u64,
    /// Messages to objects of the host: channels, connections, services.
    pub called: u64,
    /// How long cranks took, in microseconds.
    pub crank_micros: Histogram,
    /// How long commits took from being handed to the store until they were durable, in microseconds.
    pub commit_micros: Histogram,
    /// How many cranks each commit had.
    pub commit_cranks: Histogram,
}

/// How often a number was in which range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for what is above all.
    counts: Vec<u64>,
    sum: u64,
}

/// All meters.
#[derive(Debug)]
pub(super) struct Meters {
    vats: BTreeMap<VatId, Meter>,
    pub(super) totals: Totals,
}

/// A delivery that came to its end.
pub(super) struct Spent {
    pub(super) vat: VatId,
    /// The vat's incarnation now; `None` if it has ended.
    pub(super) incarnation: Option<u64>,
    pub(super) busy: Duration,
    pub(super) size: Size,
    /// The crank's time: since 1970.
    pub(super) at: Duration,
}

impl Default for Meters {
    fn default() -> Meters {
        let totals = Totals {
            applied: 0,
            undone: 0,
            quarantined: 0,
            rolled_back: 0,
            stale: 0,
            asked: 0,
            called: 0,
            crank_micros: Histogram::new(CRANK_MICROS),
            commit_micros: Histogram::new(COMMIT_MICROS),
            commit_cranks: Histogram::new(COMMIT_CRANKS),
        };
        Meters { vats: BTreeMap::new(), totals }
    }
}

impl Meters {
    pub(super) fn of(&self, vat: VatId) -> Option<&Meter> {
        self.vats.get(&vat)
    }

    /// The vats that have one.
    pub(super) fn vats(&self) -> impl Iterator<Item = VatId> + '_ {
        self.vats.keys().copied()
    }

    /// A delivery came to its end.
    pub(super) fn spent(&mut self, spent: &Spent, verdict: &Verdict) {
        let totals = &mut self.totals;
        let counted = match verdict {
            Verdict::Applied => &mut totals.applied,
            Verdict::Undone(_) => &mut totals.undone,
            Verdict::Quarantined(_) => &mut totals.quarantined,
            Verdict::RolledBack(_) => &mut totals.rolled_back,
            Verdict::Stale => &mut totals.stale,
        };
        *counted += 1;
        totals.crank_micros.add_time(spent.busy);
        let Some(incarnation) = spent.incarnation else { return };
        let meter = self.vats.entry(spent.vat).or_default();
        meter.cranks += 1;
        meter.busy += spent.busy;
        meter.size = spent.size;
        if meter.incarnation != incarnation {
            meter.incarnation = incarnation;
            meter.since = spent.at;
        }
        if !matches!(verdict, Verdict::Applied) {
            meter.undone += 1;
        }
    }

    /// Why a delivery to a living vat was undone.
    pub(super) fn fault(&mut self, vat: VatId, cause: String, at: Duration) {
        self.vats.entry(vat).or_default().fault = Some(Fault { cause, at });
    }

    /// A vat has ended.
    pub(super) fn forget(&mut self, vat: VatId) {
        self.vats.remove(&vat);
    }
}

impl Histogram {
    fn new(bounds: &'static [u64]) -> Histogram {
        Histogram { bounds, counts: vec![0; bounds.len() + 1], sum: 0 }
    }

    pub(super) fn add(&mut self, value: u64) {
        self.counts[self.bounds.partition_point(|bound| *bound < value)] += 1;
        self.sum = self.sum.saturating_add(value);
    }

    pub(super) fn add_time(&mut self, time: Duration) {
        self.add(u64::try_from(time.as_micros()).unwrap_or(u64::MAX));
    }

    /// How often there was a number at all.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All numbers together.
    pub fn sum(&self) -> u64 {
        self.sum
    }

    /// Each upper bound, and how often a number was above the bound before and not above this one. What is above all has `None`.
    pub fn buckets(&self) -> impl Iterator<Item = (Option<u64>, u64)> + '_ {
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        bounds.zip(self.counts.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spent(incarnation: Option<u64>, micros: u64, at: u64) -> Spent {
        let size = Size { heap_bytes: micros, store_bytes: 0, store_entries: 0 };
        Spent { vat: VatId(1), incarnation, busy: Duration::from_micros(micros), size, at: Duration::from_secs(at) }
    }

    #[test]
    fn a_number_is_counted_under_the_first_bound_that_it_does_not_exceed() {
        let mut histogram = Histogram::new(&[0, 10, 100]);
        [0, 1, 10, 11, 100, 101, u64::MAX].into_iter().for_each(|value| histogram.add(value));
        assert_eq!(histogram.buckets().collect::<Vec<_>>(), [(Some(0), 1), (Some(10), 2), (Some(100), 2), (None, 2)]);
        assert_eq!((histogram.count(), histogram.sum()), (7, u64::MAX));
    }

    #[test]
    fn a_vats_meter_adds_up_and_knows_since_when_its_incarnation_lasts() {
        let mut meters = Meters::default();
        meters.spent(&spent(Some(3), 5, 100), &Verdict::Applied);
        meters.spent(&spent(Some(3), 7, 101), &Verdict::Undone("a trap".into()));
        meters.fault(VatId(1), "a trap".into(), Duration::from_secs(101));
        let meter = meters.of(VatId(1)).expect("a meter");
        assert_eq!((meter.cranks, meter.undone, meter.busy), (2, 1, Duration::from_micros(12)));
        assert_eq!((meter.incarnation, meter.since, meter.size.heap_bytes), (3, Duration::from_secs(100), 7));
        meters.spent(&spent(Some(4), 1, 102), &Verdict::Applied);
        assert_eq!(meters.of(VatId(1)).map(|meter| meter.since), Some(Duration::from_secs(102)));
        assert_eq!((meters.totals.applied, meters.totals.undone), (2, 1));
    }

    #[test]
    fn a_vat_that_has_ended_is_counted_in_the_totals_and_leaves_no_meter() {
        let mut meters = Meters::default();
        meters.spent(&spent(Some(1), 5, 1), &Verdict::Applied);
        meters.forget(VatId(1));
        meters.spent(&spent(None, 5, 2), &Verdict::Stale);
        assert_eq!(meters.of(VatId(1)), None);
        assert_eq!((meters.totals.applied, meters.totals.stale), (1, 1));
        assert_eq!(meters.totals.crank_micros.count(), 2);
    }
}
