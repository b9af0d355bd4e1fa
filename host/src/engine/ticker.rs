//! The clock of the cranks: a thread that moves wasmtime's epoch on, so that a guest which never returns is cut.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::{io, time::Duration};

use super::limits::TICK;

/// Ticks as long as it lives.
pub(crate) struct Ticker {
    thread: Option<JoinHandle<()>>,
    /// Dropping it ends the thread.
    stop: Option<Sender<()>>,
}

impl Ticker {
    /// Starts to tick for an engine. It does not keep the engine alive.
    pub(crate) fn start(engine: &wasmtime::Engine) -> io::Result<Ticker> {
        let engine = engine.weak();
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = thread::Builder::new().name("crank-clock".to_owned()).spawn(move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                let Some(engine) = engine.upgrade() else { return };
                engine.increment_epoch();
            }
        })?;
        Ok(Ticker { thread: Some(thread), stop: Some(stop) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It can only have ended by returning; there is nobody to tell otherwise.
            let _ = thread.join();
        }
    }
}

/// How many ticks a budget takes. One more than fit, because the first one may come at once.
pub(crate) fn ticks(budget: Duration) -> u64 {
    u64::try_from(budget.as_nanos().div_ceil(TICK.as_nanos())).unwrap_or(u64::MAX / 2).min(u64::MAX / 2) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_budget_ends_before_its_time() {
        assert_eq!(ticks(Duration::from_millis(10)), 2);
        assert_eq!(ticks(Duration::from_millis(11)), 3);
        assert_eq!(ticks(Duration::from_secs(1)), 101);
        assert!(ticks(Duration::MAX) < u64::MAX / 2 + 2, "added to the present epoch it must not overflow");
    }
}
