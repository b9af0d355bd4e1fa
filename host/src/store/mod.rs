//! The store: the kernel's last commit on disk, in one SQLite file. The only SQL of the host.
//!
//! Its rule: what [`Store::write`] reported as done survives `kill -9` and a power cut, all of a commit or nothing, and in order; what it
//! reads back is parsed and never trusted. After the first error it does nothing more. It knows the kernel's rows and not what they mean;
//! it knows no wasm and no async.
//!
//! The store opens its file by path, which SQLite needs; nothing else in the host may open it.

mod backup;
mod changes;
mod checkpoint;
mod codec;
mod columns;
mod error;
mod forget;
mod inspect;
mod load;
mod origin;
mod rows;
mod settings;
mod sum;
#[cfg(test)]
mod tests;
mod version;
pub mod witness;
mod words;
mod writer;

use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::thread;

use ocap_kernel::{Commit, State, VatId};
use rusqlite::Connection;

pub use backup::copy;
pub use error::StoreError;
pub use inspect::{Inspected, identity, inspect, lost, older_version, raise};
pub use load::{PageSize, VatEntries, VatPage, VatSize, Waking};

use load::Reading;
use witness::Witness;
use writer::{Request, Writer};

/// An open store. Its one connection belongs to a thread of its own; this is the way there.
///
/// Dropped without [`close`](Store::close) it writes what was handed over, in the background, and leaves the file as a crash would: the next
/// start looks at every page.
#[derive(Debug)]
pub struct Store {
    reader: StoreReader,
}

impl Store {
    /// Opens the database file, makes it if there is none, and reads everything back. The caller has locked the home.
    ///
    /// # Errors
    /// `NotOurs`, `TooNew` and `Busy` leave the file as it was, as do `Behind`, `Exchanged` and `Gone`; `Corrupt`, `RowDamaged` and `Damaged` leave all
    /// rows; `Io`, `Full` and `Library` as they say.
    pub fn open(path: &Path) -> Result<(Store, State), StoreError> {
        let of_sql = |error| StoreError::of_sql(path, &error);
        let mut connection = settings::connect(path)?;
        let found = version::identify(&connection, version::STEPS.len() as i64, path)?;
        if found == 0 {
            settings::shape_empty_file(&connection).map_err(of_sql)?;
        }
        settings::harden(&connection).map_err(of_sql)?;
        settings::make_durable(&connection, path)?;
        if found > 0 && !version::was_closed(&connection).map_err(of_sql)? {
            version::quick_check(&connection, path)?;
        }
        witness::compare(&connection, found, path)?;
        version::migrate(&mut connection, found, &version::STEPS).map_err(of_sql)?;
        let state = Reading { connection: &connection, path }.state()?;
        version::take_up(&connection).map_err(of_sql)?;
        checkpoint::truncate(&connection).map_err(of_sql)?;
        settings::wait_for_nobody(&connection).map_err(of_sql)?;
        let witness = Witness::begin(&connection, path)?;
        Ok((Store::start(connection, path, witness)?, state))
    }

    /// A new store in memory, for benchmarks: the same rows, and nothing survives.
    ///
    /// # Errors
    /// If SQLite or the operating system refuses.
    pub fn open_in_memory() -> Result<(Store, State), StoreError> {
        let path = Path::new(":memory:");
        let make = || {
            let mut connection = Connection::open_in_memory()?;
            settings::harden(&connection)?;
            version::migrate(&mut connection, 0, &version::STEPS)?;
            Ok(connection)
        };
        let connection = make().map_err(|error| StoreError::of_sql(path, &error))?;
        let witness = Witness::of_memory(&connection, path)?;
        Ok((Store::start(connection, path, witness)?, State::default()))
    }

    fn start(connection: Connection, path: &Path, witness: Witness) -> Result<Store, StoreError> {
        let (sender, requests) = mpsc::channel();
        let pending = forget::is_pending(&connection).map_err(|error| StoreError::of_sql(path, &error))?;
        let of = path.to_owned();
        let run = move || Writer::new(connection, of, witness, pending).run(&requests);
        // Nobody joins the thread: `close` hears from it when the file is closed, and a host that ends without closing must not wait.
        match thread::Builder::new().name("store".to_owned()).spawn(run) {
            Ok(_) => Ok(Store { reader: StoreReader { sender } }),
            Err(error) => Err(StoreError::Io { path: path.to_owned(), reason: error.to_string() }),
        }
    }

    /// Hands a commit over, as one transaction after all those before. Returns at once.
    ///
    /// `done` is called once, on the store's thread, when the disk has everything or the write failed; it must be short and must not panic.
    /// After an error the host must end without another acknowledgement: whether this commit is on the disk is not known, and every later
    /// one is answered with [`StoreError::Failed`].
    pub fn write(&self, commit: Commit, done: impl FnOnce(Result<(), StoreError>) + Send + 'static) {
        let request = Request::Write { commit: Box::new(commit), done: Box::new(done) };
        if let Err(mpsc::SendError(Request::Write { done, .. })) = self.reader.sender.send(request) {
            done(Err(StoreError::Closed));
        }
    }

    /// A handle for a worker thread.
    pub fn reader(&self) -> StoreReader {
        self.reader.clone()
    }

    /// Writes what was handed over, moves the log into the file and closes it. Readers get [`StoreError::Closed`] from then on.
    ///
    /// # Errors
    /// If a write had failed, or closing does. What was acknowledged is safe also then.
    pub fn close(self) -> Result<(), StoreError> {
        let (reply, answer) = mpsc::channel();
        self.reader.sender.send(Request::Close { reply }).map_err(|_| StoreError::Closed)?;
        answer.recv().unwrap_or(Err(StoreError::Closed))
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // Readers may live on, so the thread does not see its last sender go. After `close` nobody is there to hear it.
        drop(self.reader.sender.send(Request::Abandon));
    }
}

/// Reads for worker threads, and copies. Cheap to clone.
#[derive(Debug, Clone)]
pub struct StoreReader {
    sender: Sender<Request>,
}

impl StoreReader {
    /// What a vat keeps from a key on, as of all commits handed over before. Waits for them. Not for a vat that was forgotten: how much of
    /// its store is still there is nobody's business.
    ///
    /// # Errors
    /// `Corrupt` or `RowDamaged` with the row, or why SQLite could not read; `Failed` after a failed write; `Closed` once the store is closed.
    pub fn vat_page(&self, vat: VatId, from: Vec<u8>, size: PageSize) -> Result<VatPage, StoreError> {
        self.ask(|reply| Request::VatPage { vat, from, size, reply })
    }

    /// The first page of what a vat keeps, and what has to be known of the rest.
    ///
    /// # Errors
    /// As [`StoreReader::vat_page`].
    pub fn waking(&self, vat: VatId, size: PageSize) -> Result<Waking, StoreError> {
        self.ask(|reply| Request::Waking { vat, size, reply })
    }

    /// Copies the whole store into a file that is not there yet, a slice at a time: commits and reads go on in between and are in the copy
    /// too. Returns when it is finished, with everything that was handed over before the call.
    ///
    /// # Errors
    /// If the copy can't be written, which does the store no harm; `Failed` after a failed write; `Closed` if the store is closed first.
    pub fn copy(&self, to: &Path) -> Result<(), StoreError> {
        self.ask(|reply| Request::Copy { to: to.to_owned(), reply })
    }

    /// How much a vat keeps, as of all commits handed over before. Waits for them.
    ///
    /// # Errors
    /// As [`StoreReader::vat_page`].
    pub fn vat_size(&self, vat: VatId) -> Result<VatSize, StoreError> {
        self.ask(|reply| Request::VatSize { vat, reply })
    }

    fn ask<T>(&self, request: impl FnOnce(Sender<Result<T, StoreError>>) -> Request) -> Result<T, StoreError> {
        let (reply, answer) = mpsc::channel();
        self.sender.send(request(reply)).map_err(|_| StoreError::Closed)?;
        answer.recv().unwrap_or(Err(StoreError::Closed))
    }
}
