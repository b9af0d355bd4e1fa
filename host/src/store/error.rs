//! What can go wrong with the store: the house's failures, for people. A vat never hears of them.

use std::path::{Path, PathBuf};

use miette::Diagnostic;
use rusqlite::ErrorCode;

use crate::problem::Problem;

use super::rows;

/// Why the store could not be opened, read or written. After any error of a write the host must end: what the disk has is then known
/// only to the next [`open`](super::Store::open) (design section 4, "the house's").
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Diagnostic)]
pub enum StoreError {
    /// A row is not one that the host writes.
    #[error("the store has a bad row: table `{table}`, row {row}: {reason}")]
    #[diagnostic(
        code(ocap::store::corrupt),
        help("keep a copy of the home and put a backup in its place; `ocap-host --home DIR run` starts from nothing")
    )]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// Which table.
        table: &'static str,
        /// Which row, by its key as far as that can be read.
        row: String,
        /// The column and what is wrong with it.
        reason: String,
    },
    /// A row is not what was written: its sum says so.
    #[error("a row of the store is damaged: table `{table}`, row {row}")]
    #[diagnostic(
        code(ocap::store::row_damaged),
        help("check the disk, keep a copy of the home and put back a backup: `ocap-host db restore BACKUP`")
    )]
    RowDamaged {
        /// The database file.
        path: PathBuf,
        /// Which table.
        table: &'static str,
        /// Which row, by its key.
        row: String,
    },
    /// The file is broken beneath its rows.
    #[error("the store is damaged: {reason}")]
    #[diagnostic(
        code(ocap::store::damaged),
        help(
            "check the disk, keep a copy of the home and put a backup in its place; `ocap-host --home DIR run` starts from nothing"
        )
    )]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What SQLite found.
        reason: String,
    },
    /// A later host wrote it, in a way that this one does not know. Nothing was changed.
    #[error("the store is of version {found}, written by ocap-host {written_by}; this host knows version {known}")]
    #[diagnostic(code(ocap::store::too_new), help("run ocap-host {written_by} or a later one on this home"))]
    TooNew {
        /// The database file.
        path: PathBuf,
        /// The version of its schema.
        found: i64,
        /// The latest version that this host knows.
        known: i64,
        /// The version of the host that last wrote it, escaped.
        written_by: String,
    },
    /// Some other file has the store's name. Nothing was changed.
    #[error("this file is not a store of ocap-host: {reason}")]
    #[diagnostic(code(ocap::store::not_ours), help("move it away, or name another home with `--home`"))]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// How that was seen.
        reason: String,
    },
    /// Another program has the database open, although the home's lock is ours.
    #[error("another program has the store open")]
    #[diagnostic(
        code(ocap::store::busy),
        help(
            "close the program that has it open (`fuser` names it) and start again; copy a store only while its host is stopped"
        )
    )]
    Busy {
        /// The database file.
        path: PathBuf,
    },
    /// Commits that were durable are not in it any more: its log was lost or cut, or an older copy was put in its place. Nothing was changed.
    #[error("the store is behind its witness by {by} commits: it was at {}, and is at {found}", found + by)]
    #[diagnostic(
        code(ocap::store::behind),
        help(
            "put back what was moved away, the store and `store-wal` together, or `ocap-host db restore` a backup; to go on without what is lost: `ocap-host db accept`"
        )
    )]
    Behind {
        /// The database file.
        path: PathBuf,
        /// How many commits are lost.
        by: u64,
        /// How many it has.
        found: u64,
    },
    /// It is not the one that was written here last. Nothing was changed.
    #[error("the store is not the one that was written here last")]
    #[diagnostic(
        code(ocap::store::exchanged),
        help(
            "put back the store that was here, or `ocap-host db restore` a backup; to go on with this one: `ocap-host db accept`"
        )
    )]
    Exchanged {
        /// The database file.
        path: PathBuf,
    },
    /// There was one, and there is none any more. Nothing was changed.
    #[error("the store is gone: it was at {witnessed} commits")]
    #[diagnostic(
        code(ocap::store::gone),
        help("put it back, or `ocap-host db restore` a backup; to begin with nothing: `ocap-host reset`")
    )]
    Gone {
        /// Where it was.
        path: PathBuf,
        /// How many commits it had.
        witnessed: u64,
    },
    /// No room on the disk.
    #[error("the disk of the store is full; nothing unsaved was acknowledged")]
    #[diagnostic(code(ocap::store::full), help("free some space, then `ocap-host run`"))]
    Full {
        /// The database file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("the store can't be read or written: {reason}")]
    #[diagnostic(
        code(ocap::store::io),
        help(
            "check that the home exists and is yours, and that its disk is healthy, local and writable; then `ocap-host run`"
        )
    )]
    Io {
        /// The database file.
        path: PathBuf,
        /// In the words of the operating system or SQLite.
        reason: String,
    },
    /// The kernel handed over a row that the database refuses. A bug of the host.
    #[error("the store refused a row: {reason}")]
    #[diagnostic(
        code(ocap::store::refused),
        help("this is a bug of ocap-host: please report it; `ocap-host run` goes on from the last commit")
    )]
    Refused {
        /// The database file.
        path: PathBuf,
        /// The rule that the row breaks.
        reason: String,
    },
    /// The SQLite that this host was linked with is older than 3.51.3 and can damage a store.
    #[error("SQLite {found} is too old: before 3.51.3 it can damage a database")]
    #[diagnostic(code(ocap::store::library), help("use an ocap-host that was built with its own SQLite"))]
    Library {
        /// Its version.
        found: &'static str,
    },
    /// A write failed before this one; nothing since then was written or acknowledged.
    #[error("the store failed before and takes nothing more")]
    #[diagnostic(code(ocap::store::failed), help("the first failure says why; mend it, then `ocap-host run`"))]
    Failed,
    /// The store is closed.
    #[error("the store is closed")]
    #[diagnostic(code(ocap::store::closed))]
    Closed,
}

impl StoreError {
    /// An error of SQLite, told apart as far as people can do different things about it.
    pub(super) fn of_sql(path: &Path, error: &rusqlite::Error) -> StoreError {
        let path = path.to_owned();
        let reason = error.to_string();
        if matches!(error, rusqlite::Error::ToSqlConversionFailure(_)) {
            return StoreError::Refused { path, reason };
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => StoreError::Full { path },
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StoreError::Busy { path },
            Some(ErrorCode::NotADatabase) => {
                StoreError::NotOurs { path, reason: "it is no SQLite database".to_owned() }
            }
            Some(ErrorCode::DatabaseCorrupt) => StoreError::Damaged { path, reason },
            Some(ErrorCode::ConstraintViolation | ErrorCode::TooBig) => StoreError::Refused { path, reason },
            _ => StoreError::Io { path, reason },
        }
    }

    /// Whether nothing is wrong but something that one vat keeps: all others can be served.
    pub fn is_of_one_vat(&self) -> bool {
        let (StoreError::Corrupt { table, .. } | StoreError::RowDamaged { table, .. }) = self else { return false };
        *table == rows::VAT_STORE.table
    }

    fn path(&self) -> Option<&Path> {
        match self {
            StoreError::Corrupt { path, .. }
            | StoreError::RowDamaged { path, .. }
            | StoreError::Damaged { path, .. }
            | StoreError::TooNew { path, .. }
            | StoreError::NotOurs { path, .. }
            | StoreError::Busy { path }
            | StoreError::Behind { path, .. }
            | StoreError::Exchanged { path }
            | StoreError::Gone { path, .. }
            | StoreError::Full { path }
            | StoreError::Io { path, .. }
            | StoreError::Refused { path, .. } => Some(path),
            StoreError::Library { .. } | StoreError::Failed | StoreError::Closed => None,
        }
    }
}

impl From<&StoreError> for Problem {
    fn from(error: &StoreError) -> Problem {
        let code = error.code().map_or_else(String::new, |code| code.to_string());
        let mut problem = Problem::new(code, error.to_string());
        problem.help = error.help().map(|help| help.to_string());
        match error.path() {
            Some(path) => problem.at_path(path.display(), path.display()),
            None => problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_of_the_store_is_told_with_its_code_its_path_and_what_mends_it() {
        let problem = Problem::from(&StoreError::Full { path: "/home/of/ocap/store.sqlite".into() });
        assert_eq!(problem.code, "ocap::store::full");
        assert_eq!(problem.path_resolved.as_deref(), Some("/home/of/ocap/store.sqlite"));
        assert_eq!(problem.help.as_deref(), Some("free some space, then `ocap-host run`"));
    }

    #[test]
    fn what_people_can_do_something_about_is_told_apart() {
        let told = |code| {
            let error = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
            Problem::from(&StoreError::of_sql(Path::new("s"), &error)).code
        };
        assert_eq!(told(rusqlite::ffi::SQLITE_FULL), "ocap::store::full");
        assert_eq!(told(rusqlite::ffi::SQLITE_BUSY), "ocap::store::busy");
        assert_eq!(told(rusqlite::ffi::SQLITE_IOERR_FSYNC), "ocap::store::io");
        assert_eq!(told(rusqlite::ffi::SQLITE_READONLY), "ocap::store::io");
        assert_eq!(told(rusqlite::ffi::SQLITE_CORRUPT), "ocap::store::damaged");
        assert_eq!(told(rusqlite::ffi::SQLITE_NOTADB), "ocap::store::not_ours");
        assert_eq!(told(rusqlite::ffi::SQLITE_CONSTRAINT_CHECK), "ocap::store::refused");
    }
}
