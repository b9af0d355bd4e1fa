//! How much a vat may log: a vat that logs without end costs a line a second, not the others' lines.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What a vat may log at once, in bytes.
const BURST_BYTES: u64 = 512 << 10;
/// What it may log in the long run, in bytes a second.
const BYTES_PER_SECOND: u64 = 64 << 10;
/// What a line costs beside its text.
const LINE_BYTES: u64 = 100;

/// What every vat has left to log.
#[derive(Debug, Default)]
pub(super) struct Flood {
    buckets: BTreeMap<String, Bucket>,
    /// What was dropped of each vat in all. It stays when the bucket is forgotten.
    dropped: BTreeMap<String, u64>,
    /// Whether somebody will tell what was dropped.
    reported: Reported,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Reported {
    #[default]
    NotYet,
    Soon,
}

#[derive(Debug)]
struct Bucket {
    left: u64,
    at: Instant,
    dropped: u64,
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is written.
    Kept,
    /// It is counted.
    Dropped,
    /// It is counted, and nobody will tell of it yet: [`Flood::report`] is to be called in a second.
    FirstDropped,
}

impl Flood {
    /// Whether a vat may log a text of so many bytes now.
    pub(super) fn weigh(&mut self, vat: &str, bytes: usize, now: Instant) -> Fate {
        let cost = bytes as u64 + LINE_BYTES;
        if !self.buckets.contains_key(vat) {
            self.buckets.insert(vat.to_owned(), Bucket { left: BURST_BYTES, at: now, dropped: 0 });
        }
        let bucket = self.buckets.get_mut(vat).expect("it is there by now");
        bucket.fill(now);
        if let Some(left) = bucket.left.checked_sub(cost) {
            bucket.left = left;
            return Fate::Kept;
        }
        bucket.dropped += 1;
        *self.dropped.entry(vat.to_owned()).or_default() += 1;
        match std::mem::replace(&mut self.reported, Reported::Soon) {
            Reported::NotYet => Fate::FirstDropped,
            Reported::Soon => Fate::Dropped,
        }
    }

    /// What was dropped of each vat in all.
    pub(super) fn dropped(&self) -> BTreeMap<String, u64> {
        self.dropped.clone()
    }

    /// What was dropped of each vat since the last report. Vats that have their whole burst again are forgotten.
    pub(super) fn report(&mut self, now: Instant) -> Vec<(String, u64)> {
        self.reported = Reported::NotYet;
        let dropped = self.buckets.iter_mut().filter(|(_, bucket)| bucket.dropped > 0);
        let told = dropped.map(|(vat, bucket)| (vat.clone(), std::mem::take(&mut bucket.dropped))).collect();
        self.buckets.retain(|_, bucket| {
            bucket.fill(now);
            bucket.left < BURST_BYTES
        });
        told
    }
}

impl Bucket {
    fn fill(&mut self, now: Instant) {
        let gained = now.saturating_duration_since(self.at).as_micros() * u128::from(BYTES_PER_SECOND) / 1_000_000;
        if gained > 0 {
            self.left = u64::try_from(gained).unwrap_or(u64::MAX).saturating_add(self.left).min(BURST_BYTES);
            self.at = now;
        }
    }
}

/// How long what was dropped is gathered.
pub(super) const REPORT_AFTER: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vat_that_logs_without_end_is_cut_off_and_the_others_are_not() {
        let (mut flood, start) = (Flood::default(), Instant::now());
        let fates: Vec<Fate> = (0..6_000).map(|_| flood.weigh("loud/loud", 0, start)).collect();
        let kept = fates.iter().filter(|fate| **fate == Fate::Kept).count() as u64;
        assert_eq!(kept, BURST_BYTES / LINE_BYTES);
        assert_eq!(fates.iter().filter(|fate| **fate == Fate::FirstDropped).count(), 1);
        assert_eq!(flood.weigh("quiet/quiet", 50, start), Fate::Kept);
        assert_eq!(flood.report(start + REPORT_AFTER), [("loud/loud".to_owned(), 6_000 - kept)]);
        assert_eq!(flood.report(start + REPORT_AFTER), []);
        assert_eq!(
            flood.dropped(),
            BTreeMap::from([("loud/loud".to_owned(), 6_000 - kept)]),
            "what was told is counted on"
        );
    }

    #[test]
    fn a_vat_that_was_cut_off_may_log_again_after_a_while_at_its_rate() {
        let (mut flood, start) = (Flood::default(), Instant::now());
        let dropped = |flood: &mut Flood, now| (0..6_000).filter(|_| flood.weigh("v", 0, now) != Fate::Kept).count();
        dropped(&mut flood, start);
        let kept = 6_000 - dropped(&mut flood, start + Duration::from_secs(1)) as u64;
        assert!(kept.abs_diff(BYTES_PER_SECOND / LINE_BYTES) <= 1, "{kept}");
        let kept = 6_000 - dropped(&mut flood, start + Duration::from_secs(3_600)) as u64;
        assert_eq!(kept, BURST_BYTES / LINE_BYTES, "never more than a burst");
    }

    #[test]
    fn a_vat_that_has_not_logged_for_long_is_forgotten() {
        let (mut flood, start) = (Flood::default(), Instant::now());
        flood.weigh("v", 1_000, start);
        flood.report(start + Duration::from_secs(60));
        assert!(flood.buckets.is_empty());
    }
}
