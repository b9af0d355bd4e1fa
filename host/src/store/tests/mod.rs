//! The store from outside: through a file, a crash, a damaged row.

mod damage;
mod forget;
mod kill;
mod life;
mod migration;
mod migration_kill;
mod model;
mod random;
mod sums;

use std::path::PathBuf;
use std::sync::mpsc;

use ocap_kernel::{Commit, State, VatId};
use tempfile::TempDir;

use super::{PageSize, Store, StoreError, StoreReader, VatEntries};

/// A home for one store, gone at the end of the test.
struct Home(TempDir);

impl Home {
    fn new() -> Home {
        Home(tempfile::tempdir().expect("a temporary directory"))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("store.sqlite")
    }

    fn open(&self) -> (Store, State) {
        Store::open(&self.path()).expect("the store opens")
    }

    fn refusal(&self) -> StoreError {
        Store::open(&self.path()).expect_err("the store must not open")
    }

    /// The file as another program sees it, while no store has it open.
    fn tamper(&self, sql: &str) {
        let connection = rusqlite::Connection::open(self.path()).expect("the file opens");
        connection.execute_batch("PRAGMA ignore_check_constraints = 1").expect("a known pragma");
        connection.execute_batch(sql).expect("the statement is good");
    }
}

/// Writes and waits for the disk.
fn write(store: &Store, commit: Commit) -> Result<(), StoreError> {
    let (sender, done) = mpsc::channel();
    store.write(commit, move |result| sender.send(result).expect("the test waits"));
    done.recv().expect("`done` is always called")
}

/// Everything that a vat keeps, read in small pages.
fn vat_store(reader: &StoreReader, vat: VatId) -> Result<VatEntries, StoreError> {
    let (mut entries, mut next) = (Vec::new(), Some(Vec::new()));
    while let Some(from) = next {
        let page = reader.vat_page(vat, from, PageSize { entries: 2, bytes: 1_000 })?;
        entries.extend(page.entries);
        next = page.next;
    }
    Ok(entries)
}

/// Drops the store as a crash would and waits until its thread has let go of the file.
fn abandon(store: Store) {
    let reader = store.reader();
    drop(store);
    while vat_store(&reader, VatId(0)) != Err(StoreError::Closed) {}
}
