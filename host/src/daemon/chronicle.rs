//! What the host says of itself, in one place: to the next command (`status.json`), to clients, to a service manager, and to whoever
//! waits for its start.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::home::Home;
use super::lock::Lock;
use super::requests::Ready;
use super::service;
use super::status_file::HostRecord;
use crate::powers::Powers;
use crate::problem::Problem;

/// News of a host.
#[derive(Debug, Clone, Copy)]
pub enum News<'a> {
    /// It has come so far.
    Record(&'a HostRecord),
    /// Something is worth knowing before it serves.
    Advice(&'a Problem),
    /// It serves.
    Ready(&'a Ready),
}

/// Who started the host, and wants to hear how it does.
pub type Listener = Arc<dyn Fn(News<'_>) + Send + Sync>;

/// The host's record, and everybody who is to know it.
pub struct Chronicle {
    home: Arc<Home>,
    powers: Powers,
    lock: Lock,
    record: Mutex<HostRecord>,
    listener: Listener,
}

impl fmt::Debug for Chronicle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chronicle").field("record", &self.record).finish_non_exhaustive()
    }
}

impl Chronicle {
    /// Begins with the first record of this process.
    ///
    /// # Errors
    /// If the home can't be written.
    pub(super) fn begin(
        home: Arc<Home>,
        powers: Powers,
        lock: Lock,
        record: HostRecord,
        listener: Listener,
    ) -> Result<Chronicle, Problem> {
        let chronicle = Chronicle { home, powers, lock, record: Mutex::new(record), listener };
        chronicle.publish(&chronicle.record())?;
        Ok(chronicle)
    }

    pub(super) fn home(&self) -> &Arc<Home> {
        &self.home
    }

    pub(super) fn lock(&self) -> &Lock {
        &self.lock
    }

    pub(super) fn record(&self) -> HostRecord {
        held(&self.record).clone()
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.powers.now_ms()
    }

    /// Tells the listener something beside the record.
    pub(super) fn tell(&self, news: News<'_>) {
        (self.listener)(news);
    }

    /// Changes the record, and tells everybody.
    ///
    /// # Errors
    /// If the home can't be written; the others have been told.
    pub(super) fn change(&self, change: impl FnOnce(&mut HostRecord)) -> Result<(), Problem> {
        // Held while it is written, so that the file never goes back in time.
        let mut record = held(&self.record);
        change(&mut record);
        record.since_ms = self.powers.now_ms();
        self.publish(&record)
    }

    fn publish(&self, record: &HostRecord) -> Result<(), Problem> {
        (self.listener)(News::Record(record));
        service::tell(record);
        // Whoever has lost the lock has no word there any more: the home may be another's by now.
        match self.lock.check(&self.home) {
            Ok(()) => record.write(&self.home),
            Err(_) => Ok(()),
        }
    }
}

/// What is behind the lock is whole between any two statements, so a panic elsewhere does not spoil it.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
