//! The stores of vats that have ended, removed some entries at a time: however much a vat kept, no commit waits for long.
//!
//! A commit only notes the vat in `forgotten`. From then on its entries are never read, and the writer removes them between commits until
//! none is left; a host that is killed in between goes on at its next start.

use ocap_kernel::VatId;
use rusqlite::{Connection, Result, Transaction, TransactionBehavior, params};

/// The most entries that one transaction removes.
const ENTRIES_MAX: i64 = 1_000;

/// The most bytes of bodies, and one entry beyond them: each page that is freed has to be read and written.
const BYTES_MAX: i64 = 4 << 20;

/// Notes vats whose entries are to go, inside the transaction that the caller has begun.
pub(super) fn note(connection: &Connection, vats: &[VatId]) -> Result<()> {
    let mut statement = connection.prepare_cached("INSERT OR IGNORE INTO forgotten VALUES (?1)")?;
    vats.iter().try_for_each(|vat| statement.execute([vat.0.cast_signed()]).map(drop))
}

/// Whether something is left to be removed.
pub(super) fn is_pending(connection: &Connection) -> Result<bool> {
    connection.prepare_cached("SELECT EXISTS (SELECT 1 FROM forgotten)")?.query_row((), |row| row.get(0))
}

/// Removes some entries, vat by vat, in a transaction of its own, and the note of each vat with the last of them. Returns whether more may be
/// left.
pub(super) fn remove_some(connection: &Connection) -> Result<bool> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let mut left = Left { entries: ENTRIES_MAX, bytes: BYTES_MAX };
    while left.entries > 0
        && left.bytes > 0
        && let Some(vat) = first_noted(&transaction)?
    {
        if let Some(last) = left.take_of(&transaction, vat)? {
            let sql = "DELETE FROM vat_store WHERE vat = ?1 AND key <= ?2";
            transaction.prepare_cached(sql)?.execute(params![vat, last])?;
        }
        let sql = "DELETE FROM forgotten WHERE vat = ?1 AND NOT EXISTS (SELECT 1 FROM vat_store WHERE vat = ?1)";
        transaction.prepare_cached(sql)?.execute([vat])?;
    }
    transaction.commit()?;
    is_pending(connection)
}

fn first_noted(connection: &Connection) -> Result<Option<i64>> {
    connection.prepare_cached("SELECT min(vat) FROM forgotten")?.query_row((), |row| row.get(0))
}

/// What one transaction may still remove.
struct Left {
    entries: i64,
    bytes: i64,
}

impl Left {
    /// Takes as many of a vat's entries as there is room for, and returns the key of the last. Only sizes are read, not the bodies.
    fn take_of(&mut self, connection: &Connection, vat: i64) -> Result<Option<Vec<u8>>> {
        // The first entry goes whatever its size: what counts is what went before.
        let sql = "SELECT max(key), count(*), coalesce(sum(size), 0) FROM \
                   (SELECT key, size, sum(size) OVER (ORDER BY key) - size AS before \
                    FROM (SELECT key, length(body) AS size FROM vat_store WHERE vat = ?1 ORDER BY key LIMIT ?2)) \
                   WHERE before < ?3";
        let (last, entries, bytes) =
            connection.prepare_cached(sql)?.query_row(params![vat, self.entries, self.bytes], |row| {
                Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
            })?;
        // A vat without any costs as much as one with one: its note.
        self.entries -= entries.max(1);
        self.bytes -= bytes;
        Ok(last)
    }
}
