//! A look at a store that no host has open, with nothing in it changed: not its rows, not its version, not its log.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ocap_kernel::{Counters, State};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, Result};

use super::error::StoreError;
use super::load::Reading;
use super::{checkpoint, rows, settings, version, witness};

/// What a look at a store has shown.
#[derive(Debug)]
pub struct Inspected {
    /// The last commit, as this host would read it.
    pub state: State,
    /// What is broken beneath the rows, which rows of single owners are damaged, and what was lost of it.
    pub damage: Vec<StoreError>,
    /// The version that the file has.
    pub version: i64,
}

/// Looks at every page, every row and its sum, every vat's store, and at the witness. `None` if there is no store yet. The caller has locked the home.
///
/// # Errors
/// As [`super::Store::open`], with the first bad row; damage that keeps rows from being read, too.
pub fn inspect(path: &Path) -> Result<Option<Inspected>, StoreError> {
    let inspected = at_rest(path, |connection, version| {
        let lost = witness::compare(connection, version, path).err();
        prepare(connection, version).map_err(|error| StoreError::of_sql(path, &error))?;
        let mut inspected = look(connection, path, version)?;
        inspected.damage.extend(lost);
        Ok(inspected)
    })?;
    if inspected.is_none() {
        witness::compare_with_nothing(path)?;
    }
    Ok(inspected)
}

/// What of a store that no host has open was lost, as its witness says.
///
/// # Errors
/// As [`super::Store::open`], and `Gone` if there is nothing left.
pub fn lost(path: &Path) -> Result<Option<StoreError>, StoreError> {
    let compared = at_rest(path, |connection, version| Ok(witness::compare(connection, version, path).err()))?;
    match compared {
        Some(lost) => Ok(lost),
        None => witness::compare_with_nothing(path).map(|()| None),
    }
}

/// The version of a store that this host would take to its own version when it opens it.
///
/// # Errors
/// As [`super::Store::open`].
pub fn older_version(path: &Path) -> Result<Option<i64>, StoreError> {
    let found = at_rest(path, |_, version| Ok(version))?;
    Ok(found.filter(|version| *version < version::STEPS.len() as i64))
}

/// What tells a store from all others but its own copies; `None` if there is no store, or it is too old to have that.
///
/// # Errors
/// As [`super::Store::open`].
pub fn identity(path: &Path) -> Result<Option<[u8; 16]>, StoreError> {
    at_rest(path, |connection, version| witness::identity(connection, version, path)).map(Option::flatten)
}

/// Sees that no number below these is given by a store that no host has open.
///
/// # Errors
/// If it can't be written.
pub fn raise(path: &Path, least: &Counters) -> Result<(), StoreError> {
    let of_sql = |error| StoreError::of_sql(path, &error);
    let connection = settings::connect(path)?;
    let found = version::identify(&connection, version::STEPS.len() as i64, path)?;
    settings::harden(&connection).map_err(of_sql)?;
    settings::make_durable(&connection, path)?;
    // The next start writes the row, and what it adds up to.
    let forget_sum = if found < version::SUMMING_SINCE { "" } else { ", sum = NULL" };
    let sql = "UPDATE counters SET subcluster = max(subcluster, ?1), vat = max(vat, ?2), object = max(object, ?3), \
               promise = max(promise, ?4), message = max(message, ?5), boot = max(boot, ?6)";
    let Counters { subcluster, vat, object, promise, message, boot } = *least;
    let numbers = [subcluster, vat, object, promise, message, boot].map(u64::cast_signed);
    connection.execute(&format!("{sql}{forget_sum}"), numbers).map_err(of_sql)?;
    checkpoint::truncate(&connection).map_err(of_sql)?;
    close(connection).map_err(of_sql)
}

/// Does something with a store and the version that it has; `None` if there is none.
pub(super) fn at_rest<T>(
    path: &Path,
    with: impl FnOnce(&Connection, i64) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    // To connect makes the file.
    if !path.exists() {
        return Ok(None);
    }
    let had_log = log_of(path).exists();
    let of_sql = |error| StoreError::of_sql(path, &error);
    let connection = settings::connect(path)?;
    let found = version::identify(&connection, version::STEPS.len() as i64, path)?;
    let done = if found == 0 { Ok(None) } else { with(&connection, found).map(Some) };
    if !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK").map_err(of_sql)?;
    }
    if !had_log {
        // What this connection made, it takes with it; a log that was there stays as it is.
        close(connection).map_err(of_sql)?;
    }
    done
}

/// Closes a connection and removes its log, which has nothing in it.
fn close(connection: Connection) -> Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    connection.close().map_err(|(_, error)| error)
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

fn look(connection: &Connection, path: &Path, version: i64) -> Result<Inspected, StoreError> {
    let mut damage = version::integrity_check(connection, path)?;
    let reading = Reading { connection, path };
    let state = reading.state()?;
    damage.extend(state.damaged.iter().map(|message| StoreError::RowDamaged {
        path: path.to_owned(),
        table: rows::QUEUE.table,
        row: format!("id {}", message.0),
    }));
    for (vat, _) in state.vats.iter().filter(|(_, row)| row.status.is_living()) {
        damage.extend(reading.flaws(*vat)?);
    }
    Ok(Inspected { state, damage, version })
}
