//! A look at a store that no host has open, with nothing in it changed: not its rows, not its version, not its log.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ocap_kernel::State;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, Result};

use super::error::StoreError;
use super::load::Reading;
use super::{settings, version};

/// What a look at a store has shown.
#[derive(Debug)]
pub struct Inspected {
    /// The last commit, as this host would read it.
    pub state: State,
    /// What is broken beneath the rows.
    pub damage: Vec<StoreError>,
}

/// Looks at every page, every row and every vat's store. `None` if there is no store yet. The caller has locked the home.
///
/// # Errors
/// As [`super::Store::open`], with the first bad row; damage that keeps rows from being read, too.
pub fn inspect(path: &Path) -> Result<Option<Inspected>, StoreError> {
    // To connect makes the file.
    if !path.exists() {
        return Ok(None);
    }
    let had_log = log_of(path).exists();
    let of_sql = |error| StoreError::of_sql(path, &error);
    let connection = settings::connect(path)?;
    let found = version::identify(&connection, version::STEPS.len() as i64, path)?;
    let inspected = if found == 0 {
        Ok(None)
    } else {
        prepare(&connection, found).map_err(of_sql)?;
        look(&connection, path).map(Some)
    };
    if !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK").map_err(of_sql)?;
    }
    if !had_log {
        // What this connection made, it takes with it; a log that was there stays as it is.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false).map_err(of_sql)?;
    }
    inspected
}

fn log_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push("-wal");
    PathBuf::from(name)
}

/// An older store is read as what it will become, in a transaction that is taken back and never reaches the disk.
fn prepare(connection: &Connection, found: i64) -> Result<()> {
    settings::harden(connection)?;
    connection.pragma_update(None, "cache_spill", false)?;
    connection.execute_batch("BEGIN IMMEDIATE")?;
    version::missing(found, &version::STEPS).try_for_each(|(_, step)| connection.execute_batch(step))
}

fn look(connection: &Connection, path: &Path) -> Result<Inspected, StoreError> {
    let damage = version::integrity_check(connection, path)?;
    let reading = Reading { connection, path };
    let state = reading.state()?;
    for (vat, row) in &state.vats {
        if row.status.is_living() {
            reading.vat_store(*vat)?;
        }
    }
    Ok(Inspected { state, damage })
}
