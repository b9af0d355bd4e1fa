//! The one thread that owns the connection: takes requests in order, one transaction for each commit, and moves the log when it has time.
//!
//! Its rule: after the first error it writes and reads nothing more, because memory and disk may differ from then on.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use ocap_kernel::{Commit, VatId};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};

use super::checkpoint::{self, PAGES_LONG, PAGES_MAX};
use super::error::StoreError;
use super::load::{PageSize, Reading, VatPage, VatSize, Waking};
use super::witness::Witness;
use super::{backup, changes, forget, version};

/// So long without a request counts as idle. Shorter, and a checkpoint would stand between two calls of one conversation.
const IDLE: Duration = Duration::from_millis(200);

/// So long without a request before some of what ended vats kept is removed: a conversation with the host does not feel it.
const PAUSE: Duration = Duration::from_millis(10);

/// A host that never pauses still removes something after so many commits.
const COMMITS_PER_SLICE_MAX: u32 = 64;

/// The most free pages that closing gives back to the disk: 64 MiB, some tenths of a second. The rest is used again.
const FREED_PAGES_MAX: i64 = 16_384;

/// Told how a write went.
pub(super) type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// What the writer is asked for.
pub(super) enum Request {
    Write { commit: Box<Commit>, done: Done },
    VatPage { vat: VatId, from: Vec<u8>, size: PageSize, reply: Sender<Result<VatPage, StoreError>> },
    Waking { vat: VatId, size: PageSize, reply: Sender<Result<Waking, StoreError>> },
    Copy { to: PathBuf, reply: Sender<Result<(), StoreError>> },
    VatSize { vat: VatId, reply: Sender<Result<VatSize, StoreError>> },
    Close { reply: Sender<Result<(), StoreError>> },
    Abandon,
}

/// What ends the serving.
enum End {
    Close(Sender<Result<(), StoreError>>),
    Abandon,
}

/// Why a copy was not finished.
enum Unfinished {
    Failed(StoreError),
    Ended(End),
}

impl From<StoreError> for Unfinished {
    fn from(error: StoreError) -> Unfinished {
        Unfinished::Failed(error)
    }
}

/// The most requests that are done between two slices of a copy: a host that never pauses has its copy all the same.
const REQUESTS_PER_SLICE_MAX: usize = 64;

pub(super) struct Writer {
    /// Shared with a copy that is being made.
    connection: Rc<Connection>,
    /// Copies that were asked for while another was made.
    postponed: VecDeque<Request>,
    path: PathBuf,
    witness: Witness,
    failed: bool,
    /// The failure, until somebody was told: it may have come while nobody asked for anything.
    untold: Option<StoreError>,
    /// Pages of the log that the database file has not.
    backlog: u64,
    /// Whether entries of ended vats are left to be removed, and how many commits were written since some were.
    forgetting: bool,
    commits_since_slice: u32,
}

impl Writer {
    /// `forgetting`: whether entries of ended vats are left.
    pub(super) fn new(connection: Connection, path: PathBuf, witness: Witness, forgetting: bool) -> Writer {
        Writer {
            connection: Rc::new(connection),
            postponed: VecDeque::new(),
            path,
            witness,
            failed: false,
            untold: None,
            backlog: 0,
            forgetting,
            commits_since_slice: 0,
        }
    }

    /// Serves until it is told to end or nobody is left to ask.
    pub(super) fn run(mut self, requests: &Receiver<Request>) {
        while let Some(request) = self.next(requests) {
            match self.serve(request, requests) {
                ControlFlow::Continue(()) => {}
                // Whoever asked may have gone; then nobody minds.
                ControlFlow::Break(End::Close(reply)) => return drop(reply.send(self.close())),
                ControlFlow::Break(End::Abandon) => return,
            }
        }
    }

    fn serve(&mut self, request: Request, requests: &Receiver<Request>) -> ControlFlow<End> {
        match request {
            Request::Write { commit, done } => {
                let owed = Owed(Some(done));
                owed.pay(self.write(&commit));
                self.measure_log();
            }
            Request::VatPage { vat, from, size, reply } => {
                drop(reply.send(self.read(|reading| reading.vat_page(vat, &from, size))));
            }
            Request::Waking { vat, size, reply } => drop(reply.send(self.read(|reading| reading.waking(vat, size)))),
            Request::VatSize { vat, reply } => drop(reply.send(self.read(|reading| reading.vat_size(vat)))),
            Request::Copy { to, reply } => match self.copy(&to, requests) {
                Ok(()) => drop(reply.send(Ok(()))),
                Err(Unfinished::Failed(error)) => drop(reply.send(Err(error))),
                Err(Unfinished::Ended(end)) => return ControlFlow::Break(end),
            },
            Request::Close { reply } => return ControlFlow::Break(End::Close(reply)),
            Request::Abandon => return ControlFlow::Break(End::Abandon),
        }
        ControlFlow::Continue(())
    }

    /// An error of it says nothing about the store: the copy may lie on another disk.
    fn copy(&mut self, to: &Path, requests: &Receiver<Request>) -> Result<(), Unfinished> {
        self.check()?;
        let connection = self.connection.clone();
        backup::copy_all(&connection, to, || {
            for request in requests.try_iter().take(REQUESTS_PER_SLICE_MAX) {
                match request {
                    copy @ Request::Copy { .. } => self.postponed.push_back(copy),
                    other => match self.serve(other, requests) {
                        ControlFlow::Continue(()) => {}
                        ControlFlow::Break(end) => return Err(Unfinished::Ended(end)),
                    },
                }
            }
            // What could not be written is not in the copy either.
            self.check().map_err(Unfinished::Failed)
        })
    }

    /// The next request; meanwhile, if none comes for a while, what ended vats kept is removed, and then the log is moved.
    fn next(&mut self, requests: &Receiver<Request>) -> Option<Request> {
        if let Some(postponed) = self.postponed.pop_front() {
            return Some(postponed);
        }
        while self.forgetting && !self.failed {
            if self.commits_since_slice < COMMITS_PER_SLICE_MAX {
                match requests.recv_timeout(PAUSE) {
                    Ok(request) => return Some(request),
                    Err(RecvTimeoutError::Disconnected) => return None,
                    Err(RecvTimeoutError::Timeout) => {}
                }
            }
            self.forget_some();
        }
        if self.backlog > 0 && !self.failed {
            match requests.recv_timeout(IDLE) {
                Ok(request) => return Some(request),
                Err(RecvTimeoutError::Disconnected) => return None,
                Err(RecvTimeoutError::Timeout) => self.move_log(),
            }
        }
        requests.recv().ok()
    }

    fn write(&mut self, commit: &Commit) -> Result<(), StoreError> {
        self.check()?;
        self.forgetting |= !commit.forgotten.is_empty();
        self.commits_since_slice = self.commits_since_slice.saturating_add(1);
        let number = self.witness.next();
        self.transact(commit, number).map_err(|error| self.fail(&error))?;
        self.witness.saw(number).inspect_err(|_| self.failed = true)
    }

    fn forget_some(&mut self) {
        self.commits_since_slice = 0;
        match forget::remove_some(&self.connection) {
            Ok(more) => self.forgetting = more,
            // Nothing was removed, and nothing that was acknowledged is in danger: the next start goes on.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) => self.forgetting = false,
            Err(error) => self.fail_untold(&error),
        }
        self.measure_log();
    }

    /// An error on the way rolls back. An error of COMMIT itself is ambiguous: the rows may be there after the next start.
    fn transact(&mut self, commit: &Commit, number: u64) -> rusqlite::Result<()> {
        let transaction = Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)?;
        changes::apply(&transaction, commit, number)?;
        transaction.commit()
    }

    fn read<T>(&mut self, read: impl FnOnce(Reading<'_>) -> Result<T, StoreError>) -> Result<T, StoreError> {
        self.check()?;
        read(Reading { connection: &self.connection, path: &self.path })
    }

    fn measure_log(&mut self) {
        if self.failed {
            return;
        }
        match checkpoint::backlog(&self.connection) {
            Ok(backlog) => self.backlog = backlog,
            Err(error) => self.fail_untold(&error),
        }
        if self.backlog > PAGES_LONG {
            self.move_log();
        }
    }

    /// On a full disk the commits stay in the log, up to the cap. Any other error may be a failed sync, after which a second try could seem
    /// to succeed without having written anything: so there is none.
    fn move_log(&mut self) {
        match checkpoint::passive(&self.connection) {
            Ok(backlog) => self.backlog = backlog,
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DiskFull) && self.backlog < PAGES_MAX => {}
            Err(error) => self.fail_untold(&error),
        }
        if let Err(error) = self.witness.sync() {
            self.failed = true;
            self.untold.get_or_insert(error);
        }
    }

    fn fail_untold(&mut self, error: &rusqlite::Error) {
        self.untold = Some(self.fail(error));
    }

    fn fail(&mut self, error: &rusqlite::Error) -> StoreError {
        self.failed = true;
        StoreError::of_sql(&self.path, error)
    }

    /// What failed, once; then that it did.
    fn check(&mut self) -> Result<(), StoreError> {
        if self.failed { Err(self.untold.take().unwrap_or(StoreError::Failed)) } else { Ok(()) }
    }

    fn close(mut self) -> Result<(), StoreError> {
        self.check()?;
        let Writer { connection, path, witness, .. } = self;
        let connection = Rc::into_inner(connection).expect("no copy is being made");
        put_down(connection).map_err(|error| StoreError::of_sql(&path, &error))?;
        witness.sync()
    }
}

/// An answer that somebody waits for. A panic in the midst of the write pays it too: with the word that it failed.
struct Owed(Option<Done>);

impl Owed {
    fn pay(mut self, outcome: Result<(), StoreError>) {
        if let Some(done) = self.0.take() {
            done(outcome);
        }
    }
}

impl Drop for Owed {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            done(Err(StoreError::Failed));
        }
    }
}

fn put_down(connection: Connection) -> rusqlite::Result<()> {
    connection.execute_batch("PRAGMA optimize")?;
    let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({FREED_PAGES_MAX})"))?;
    let mut freed = vacuum.query(())?;
    while freed.next()?.is_some() {}
    drop(freed);
    drop(vacuum);
    version::put_down(&connection)?;
    checkpoint::truncate(&connection)?;
    // The log is empty: now closing may remove it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    connection.close().map_err(|(_, error)| error)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn whoever_waits_for_a_write_hears_also_of_one_that_panics() {
        let (sender, heard) = mpsc::channel();
        let owed = Owed(Some(Box::new(move |outcome| sender.send(outcome).expect("somebody waits"))));
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _owed = owed;
            panic!("in the midst of it");
        }));
        assert!(panicked.is_err());
        assert!(matches!(heard.recv(), Ok(Err(StoreError::Failed))));
    }
}
