//! The write-ahead log's way into the database file.

use rusqlite::{Connection, Error, ErrorCode, Result, ffi};

/// So much log is moved after a batch even when the next one waits: 4 MiB keeps the next start short.
pub(super) const PAGES_LONG: u64 = (4 << 20) / 4096;

/// At so much log the writer stops: 64 MiB that could not be moved mean that nothing moves any more.
pub(super) const PAGES_MAX: u64 = (64 << 20) / 4096;

/// How many pages the log has that the database file has not; 0 in memory.
pub(super) fn backlog(connection: &Connection) -> Result<u64> {
    run(connection, "PRAGMA wal_checkpoint(NOOP)").map(|result| result.backlog)
}

/// Moves what can be moved without making anybody wait. Returns the backlog that is left.
pub(super) fn passive(connection: &Connection) -> Result<u64> {
    run(connection, "PRAGMA wal_checkpoint(PASSIVE)").map(|result| result.backlog)
}

/// Moves everything, syncs the file and empties the log. After a start this rewrites all that the log holds, which is what is needed if the
/// last host stopped because a sync failed.
pub(super) fn truncate(connection: &Connection) -> Result<()> {
    let result = run(connection, "PRAGMA wal_checkpoint(TRUNCATE)")?;
    if result.blocked || result.backlog > 0 {
        let busy = ffi::Error { code: ErrorCode::DatabaseBusy, extended_code: ffi::SQLITE_BUSY };
        return Err(Error::SqliteFailure(busy, Some("the log could not be moved".to_owned())));
    }
    Ok(())
}

struct Checkpoint {
    blocked: bool,
    backlog: u64,
}

fn run(connection: &Connection, sql: &str) -> Result<Checkpoint> {
    connection.prepare_cached(sql)?.query_row((), |row| {
        let (busy, in_log, moved): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        // Both are -1 in memory.
        Ok(Checkpoint { blocked: busy != 0, backlog: u64::try_from(in_log - moved).unwrap_or(0) })
    })
}
