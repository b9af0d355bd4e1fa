//! The heartbeat of a host that serves: it sees that the lock still keeps others out, and tells a service manager that the run loop lives.

use std::sync::Arc;
use std::time::Duration;

use super::chronicle::Chronicle;
use super::service;
use crate::problem::Problem;

/// How often it beats, unless a service manager wants to hear it more often.
const BEAT: Duration = Duration::from_secs(1);

/// Beats while the host serves.
#[derive(Debug)]
pub struct Heart {
    chronicle: Arc<Chronicle>,
    /// Within which a service manager wants a sign of life.
    watchdog: Option<Duration>,
}

impl Heart {
    pub(super) fn new(chronicle: Arc<Chronicle>) -> Heart {
        Heart { chronicle, watchdog: service::watchdog() }
    }

    /// Beats until the host may serve no longer, and says why. `run_loop` comes back when the run loop has taken notice: a sign of life is its
    /// own, never that of the thread which asks for it.
    pub async fn beat(&self, run_loop: impl AsyncFn() -> bool) -> Problem {
        // Twice within the time, as the manual of sd_watchdog_enabled has it.
        let beat = self.watchdog.map_or(BEAT, |within| BEAT.min(within / 2));
        loop {
            tokio::time::sleep(beat).await;
            if let Err(lost) = self.chronicle.lock().check(self.chronicle.home()) {
                return lost;
            }
            if self.watchdog.is_some() && tokio::time::timeout(beat, run_loop()).await == Ok(true) {
                service::alive();
            }
        }
    }
}
