//! So much and no more in a time.

use std::time::Duration;

use super::pass_on;
use crate::answer::Outcome;
use crate::args::Args;
use crate::{Cap, Durable, Error, Object, This, clock};

/// A facet that lets so many calls through in a time. Name the kind in `vat!`.
///
/// It is a bucket of calls that fills evenly: a full one allows all of them at once, and each comes back after its share of the time.
#[derive(Durable)]
pub struct RateLimited {
    target: Cap,
    calls: u64,
    period_ms: u64,
    /// What the bucket lacks, in shares of a millisecond: `calls` of them flow back in each.
    used: u64,
    /// When that was so.
    at_ms: u64,
}

impl RateLimited {
    /// A facet with all methods that takes `calls` in each `period`. One more is answered with the error `rate-limited`.
    ///
    /// # Panics
    /// If `calls` is 0 or `period` below a millisecond.
    pub fn per(target: &Cap, calls: u64, period: Duration) -> Cap {
        let period_ms = u64::try_from(period.as_millis()).unwrap_or(u64::MAX);
        assert!(calls > 0 && period_ms > 0, "a facet that takes no calls is none");
        This::durable(RateLimited { target: target.clone(), calls, period_ms, used: 0, at_ms: now_ms() }).cap()
    }

    /// Takes one call out of the bucket.
    fn take(&mut self) -> Result<(), Error> {
        let now_ms = now_ms();
        let passed_ms = now_ms.saturating_sub(self.at_ms);
        self.used = self.used.saturating_sub(passed_ms.saturating_mul(self.calls));
        self.at_ms = self.at_ms.max(now_ms);
        // One call is worth the period; there is room for `calls` of them.
        let full = self.period_ms.saturating_mul(self.calls);
        let after = self.used.saturating_add(self.period_ms);
        if after > full {
            let wait_ms = (after - full).div_ceil(self.calls);
            return Err(Error::new("rate-limited", format!("too many calls: try again in {wait_ms} ms")));
        }
        self.used = after;
        Ok(())
    }
}

impl Object for RateLimited {
    fn dispatch(this: &This<Self>, method: &str, args: Args) -> Outcome {
        match this.with(|facet| facet.take().map(|()| facet.target.clone())) {
            Ok(target) => pass_on(&target, method, args),
            Err(error) => Outcome::Now(Err(error)),
        }
    }
}

fn now_ms() -> u64 {
    u64::try_from(clock::now().as_millis()).unwrap_or(u64::MAX)
}
