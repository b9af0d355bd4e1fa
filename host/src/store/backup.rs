//! A copy of the whole store by SQLite's own means, also while it is written: what is committed meanwhile is in the copy too.
//!
//! SQLite carries a write of the very connection that is copied into the copy, so a copy that is finished is the last commit.

use std::path::Path;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, Error, ErrorCode, OpenFlags, Result, ffi};

use super::error::StoreError;
use super::inspect::at_rest;
use super::settings;

/// What is copied before somebody else may have the store: 1 MiB, about a millisecond.
const PAGES_PER_SLICE: i32 = 256;

/// Copies a store that no host has open, and changes nothing in it. `None` if there is none.
///
/// # Errors
/// If it can't be read, or the copy can't be written.
pub fn copy(path: &Path, to: &Path) -> Result<Option<()>, StoreError> {
    at_rest(path, |connection, _| {
        settings::harden(connection).map_err(|error| StoreError::of_sql(path, &error))?;
        copy_all(connection, to, || Ok::<(), StoreError>(()))
    })
}

/// Copies everything; between two slices `others` may use the connection, or end it all.
///
/// # Errors
/// If the copy can't be written, or what `others` said.
pub(super) fn copy_all<E: From<StoreError>>(
    from: &Connection,
    to: &Path,
    mut others: impl FnMut() -> Result<(), E>,
) -> Result<(), E> {
    let of_sql = |error| StoreError::of_sql(to, &error);
    let mut target = target(to)?;
    {
        let copying = Backup::new(from, &mut target).map_err(of_sql)?;
        loop {
            match copying.step(PAGES_PER_SLICE).map_err(of_sql)? {
                StepResult::Done => break,
                StepResult::More => others()?,
                // Neither side has another user.
                _ => return Err(of_sql(locked()).into()),
            }
        }
    }
    target.close().map_err(|(_, error)| of_sql(error)).map_err(E::from)
}

/// A new file, for its owner alone. It is worth nothing before it is finished, so it needs no journal.
fn target(path: &Path) -> Result<Connection, StoreError> {
    let of_sql = |error| StoreError::of_sql(path, &error);
    settings::make_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(of_sql)?;
    let set = || {
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        connection.pragma_update_and_check(None, "journal_mode", "OFF", |_| Ok(()))?;
        // The end of the copy is synced: what is called finished is on the disk.
        connection.pragma_update(None, "synchronous", "FULL")
    };
    set().map_err(of_sql)?;
    Ok(connection)
}

fn locked() -> Error {
    let busy = ffi::Error { code: ErrorCode::DatabaseBusy, extended_code: ffi::SQLITE_BUSY };
    Error::SqliteFailure(busy, Some("the copy stands still".to_owned()))
}
