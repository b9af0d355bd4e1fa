//! The witness: a small file beside the store that says how far the store had come.
//!
//! SQLite can't tell a log that was lost from one that was never written: what is left is a good store of an earlier time. So the number of
//! the last durable commit is also written where neither a lost log nor a copy that somebody put back takes it along. It is written after
//! the commit and never synced by it, which costs a microsecond: the system keeps it when the process dies, and after a power cut it is
//! behind the store at worst, which is no loss. A store that is behind its witness has lost something, and nobody goes on with it silently.
//!
//! There are two records that are written in turn, each in a sector of its own: one that was torn leaves the other.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension};

use super::error::StoreError;

/// Its name, in the directory of the store.
pub const FILE: &str = "witness";

/// Says that these bytes are a record, of this form.
const MAGIC: &[u8; 8] = b"ocapwit1";

/// What is written of a record.
const RECORD: usize = 40;

/// From one record to the other: no disk tears what lies in different sectors at once.
const SECTOR: u64 = 512;

/// The first version of the store that counts its commits.
const COUNTING_SINCE: i64 = 4;

/// Which store it is, and how many commits of the kernel's it has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Testimony {
    identity: [u8; 16],
    commits: u64,
}

/// Counts commits, and bears witness to them.
#[derive(Debug)]
pub(super) struct Witness {
    last: Testimony,
    /// None for a store in memory.
    file: Option<(File, PathBuf)>,
}

impl Witness {
    /// For a store that was compared with what was there, and is of this version.
    ///
    /// # Errors
    /// If the file can't be made or written.
    pub(super) fn begin(connection: &Connection, store: &Path) -> Result<Witness, StoreError> {
        let last = testimony(connection, store)?.unwrap_or_default();
        let path = beside(store);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600);
        let io = |error: io::Error| unwritable(&path, &error);
        let file = options.open(&path).map_err(io)?;
        let witness = Witness { last, file: Some((file, path.clone())) };
        // Both: whatever they said before, of whichever store, was heard.
        witness.write(0)?;
        witness.write(1)?;
        witness.sync()?;
        Ok(witness)
    }

    /// For a store in memory: it counts, and nobody is told.
    pub(super) fn of_memory(connection: &Connection, store: &Path) -> Result<Witness, StoreError> {
        let last = testimony(connection, store)?.unwrap_or_default();
        Ok(Witness { last, file: None })
    }

    /// The number of the commit that comes next.
    pub(super) fn next(&self) -> u64 {
        self.last.commits + 1
    }

    /// The commit of this number is durable.
    ///
    /// # Errors
    /// If the file can't be written: then a loss of this commit could not be seen.
    pub(super) fn saw(&mut self, commits: u64) -> Result<(), StoreError> {
        self.last.commits = commits;
        self.write(commits % 2)
    }

    /// What was seen is seen also after a power cut.
    ///
    /// # Errors
    /// If the disk refuses.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        let Some((file, path)) = &self.file else { return Ok(()) };
        file.sync_data().map_err(|error| unwritable(path, &error))
    }

    fn write(&self, place: u64) -> Result<(), StoreError> {
        let Some((file, path)) = &self.file else { return Ok(()) };
        file.write_all_at(&encode(self.last), place * SECTOR).map_err(|error| unwritable(path, &error))
    }
}

/// Compares a store of this version, 0 if it is empty, with what the witness beside it says. No witness, or one that can't be understood,
/// says nothing. Nothing is changed.
///
/// # Errors
/// `Behind`, `Exchanged` or `Gone`, if something of the store was lost.
pub(super) fn compare(connection: &Connection, version: i64, store: &Path) -> Result<(), StoreError> {
    let Some(witnessed) = read(store)? else { return Ok(()) };
    let path = store.to_owned();
    if version == 0 {
        return Err(StoreError::Gone { path, witnessed: witnessed.commits });
    }
    if version < COUNTING_SINCE {
        return Err(StoreError::Exchanged { path });
    }
    let Some(found) = testimony(connection, store)? else { return Ok(()) };
    if found.identity != witnessed.identity {
        return Err(StoreError::Exchanged { path });
    }
    match witnessed.commits.checked_sub(found.commits) {
        None | Some(0) => Ok(()),
        Some(by) => Err(StoreError::Behind { path, by, found: found.commits }),
    }
}

/// The same where there is no file of a store at all.
///
/// # Errors
/// `Gone` if there was one.
pub(super) fn compare_with_nothing(store: &Path) -> Result<(), StoreError> {
    match read(store)? {
        None => Ok(()),
        Some(Testimony { commits, .. }) => Err(StoreError::Gone { path: store.to_owned(), witnessed: commits }),
    }
}

/// Lets the witness go, so that the next start goes on with the store as it is.
///
/// # Errors
/// If it can't be removed.
pub fn dismiss(store: &Path) -> Result<(), StoreError> {
    let path = beside(store);
    let removed = match fs::remove_file(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    };
    let directory = path.parent().unwrap_or(Path::new("."));
    removed.and_then(|()| File::open(directory)?.sync_all()).map_err(|error| unwritable(&path, &error))
}

fn beside(store: &Path) -> PathBuf {
    store.with_file_name(FILE)
}

fn unwritable(path: &Path, error: &io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { path: path.to_owned() },
        _ => StoreError::Io { path: path.to_owned(), reason: error.to_string() },
    }
}

/// Which store it is, if its version knows.
pub(super) fn identity(connection: &Connection, version: i64, store: &Path) -> Result<Option<[u8; 16]>, StoreError> {
    let found = if version < COUNTING_SINCE { None } else { testimony(connection, store)? };
    Ok(found.map(|found| found.identity).filter(|identity| *identity != [0; 16]))
}

/// What a store says of itself; nothing where it lacks a row, which whoever reads its rows will name.
fn testimony(connection: &Connection, store: &Path) -> Result<Option<Testimony>, StoreError> {
    let sql = "SELECT meta.identity, counters.commits FROM meta, counters";
    let of = |row: &rusqlite::Row<'_>| {
        let (identity, commits): (Option<[u8; 16]>, i64) = (row.get(0)?, row.get(1)?);
        Ok(Testimony { identity: identity.unwrap_or_default(), commits: commits.cast_unsigned() })
    };
    connection.query_row(sql, (), of).optional().map_err(|error| StoreError::of_sql(store, &error))
}

/// The latest record, if there is one that is whole.
fn read(store: &Path) -> Result<Option<Testimony>, StoreError> {
    let path = beside(store);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unwritable(&path, &error)),
    };
    let at = |place: u64| decode(bytes.get((place * SECTOR) as usize..)?.get(..RECORD)?);
    Ok([at(0), at(1)].into_iter().flatten().max_by_key(|record| record.commits))
}

fn encode(Testimony { identity, commits }: Testimony) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    record[..8].copy_from_slice(MAGIC);
    record[8..24].copy_from_slice(&identity);
    record[24..32].copy_from_slice(&commits.to_le_bytes());
    let sum = checksum(&record[..32]);
    record[32..].copy_from_slice(&sum.to_le_bytes());
    record
}

/// `None` for whatever [`encode`] would not have made.
fn decode(record: &[u8]) -> Option<Testimony> {
    let identity = record.get(8..24)?.try_into().ok()?;
    let commits = u64::from_le_bytes(record.get(24..32)?.try_into().ok()?);
    let testimony = Testimony { identity, commits };
    (encode(testimony) == record).then_some(testimony)
}

/// FNV-1a, as for markers: enough to tell a record from bytes that came there by accident.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_was_changed_in_any_bit_is_no_testimony_and_the_other_one_stands() {
        let home = tempfile::tempdir().expect("a temporary directory");
        let store = home.path().join("store");
        let of = |commits| Testimony { identity: [7; 16], commits };
        let file = |first: &[u8], second: &[u8]| {
            let gap = vec![0; SECTOR as usize - first.len()];
            fs::write(beside(&store), [first, &gap, second].concat()).expect("written");
            read(&store).expect("a file")
        };
        assert_eq!(read(&store), Ok(None), "no file says nothing");
        let (good, later) = (encode(of(5)), encode(of(6)));
        assert_eq!(file(&good, &later), Some(of(6)));
        assert_eq!(file(&later, &good), Some(of(6)));
        for bit in 0..RECORD * 8 {
            let mut torn = later;
            torn[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(file(&good, &torn), Some(of(5)), "bit {bit}");
            assert_eq!(file(&torn, &torn), None, "bit {bit}");
        }
        assert_eq!(file(&good, &later[..20]), Some(of(5)));
        fs::write(beside(&store), "").expect("written");
        assert_eq!(read(&store), Ok(None));
    }
}
