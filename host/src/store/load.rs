//! Reading: all rows at open, one vat's store when it wakes. A bad row stops the reading and is named.

use std::path::Path;

use ocap_kernel::{Counters, Payload, Slot, State, VatId};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params, Row};

use super::columns::{Columns, Flaw};
use super::error::StoreError;
use super::rows::{self, Query};

/// All that a vat keeps, in key order.
pub type VatEntries = Vec<(Vec<u8>, Payload<Slot>)>;

/// How much a vat keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VatSize {
    /// Entries.
    pub entries: u64,
    /// Bytes of their keys and bodies. What they mention is not in it.
    pub bytes: u64,
}

/// Where rows are read.
pub(super) struct Reading<'c> {
    pub(super) connection: &'c Connection,
    pub(super) path: &'c Path,
}

impl Reading<'_> {
    /// The last commit.
    pub(super) fn state(&self) -> Result<State, StoreError> {
        Ok(State {
            counters: self.counters()?,
            subclusters: self.table(&rows::SUBCLUSTERS, (), rows::subcluster)?,
            vats: self.table(&rows::VATS, (), rows::vat)?,
            progress: self.table(&rows::PROGRESS, (), rows::progress)?,
            objects: self.table(&rows::OBJECTS, (), rows::object)?,
            promises: self.table(&rows::PROMISES, (), rows::promise)?,
            clist: self.table(&rows::CLIST, (), rows::clist)?,
            queue: self.table(&rows::QUEUE, (), rows::queued)?,
            holds: self.table(&rows::HOLDS, (), rows::hold)?,
            suspicions: self.table(&rows::SUSPICIONS, (), rows::suspicion)?,
            dead_letters: self.table(&rows::DEAD_LETTERS, (), rows::dead_letter)?,
            holdings: self.table(&rows::HOLDINGS, (), rows::holding)?,
        })
    }

    /// One vat's store.
    pub(super) fn vat_store(&self, vat: VatId) -> Result<VatEntries, StoreError> {
        self.table(&rows::VAT_STORE, (vat.0.cast_signed(),), rows::entry)
    }

    /// How much one vat keeps.
    pub(super) fn vat_size(&self, vat: VatId) -> Result<VatSize, StoreError> {
        let found = self.table(&rows::VAT_SIZE, (vat.0.cast_signed(),), rows::vat_size)?.pop();
        Ok(found.unwrap_or_default())
    }

    fn counters(&self) -> Result<Counters, StoreError> {
        let found = self.table(&rows::COUNTERS, (), rows::counters)?.pop();
        found.ok_or_else(|| StoreError::Corrupt {
            path: self.path.to_owned(),
            table: "counters",
            row: "id 1".to_owned(),
            reason: "is missing".to_owned(),
        })
    }

    fn table<T>(
        &self,
        query: &Query,
        parameters: impl Params,
        parse: impl Fn(&mut Columns<'_>) -> Result<T, Flaw>,
    ) -> Result<Vec<T>, StoreError> {
        let of_sql = |error| StoreError::of_sql(self.path, &error);
        let mut statement = self.connection.prepare_cached(query.sql).map_err(of_sql)?;
        let mut found = statement.query(parameters).map_err(of_sql)?;
        let mut parsed = Vec::new();
        while let Some(row) = found.next().map_err(of_sql)? {
            parsed.push(parse(&mut Columns::of(row)).map_err(|Flaw(reason)| StoreError::Corrupt {
                path: self.path.to_owned(),
                table: query.table,
                row: name(query, row),
                reason,
            })?);
        }
        Ok(parsed)
    }
}

/// A row by its key: `vat 3, key "greeting"`. The key may be anything, so it is escaped and cut.
fn name(query: &Query, row: &Row<'_>) -> String {
    let part = |(index, column): (usize, &&str)| match row.get_ref(index) {
        Ok(ValueRef::Integer(number)) => format!("{column} {number}"),
        Ok(ValueRef::Blob(bytes) | ValueRef::Text(bytes)) => {
            format!("{column} \"{}\"", bytes[..bytes.len().min(64)].escape_ascii())
        }
        Ok(ValueRef::Real(_) | ValueRef::Null) | Err(_) => format!("{column} unreadable"),
    };
    query.keys.iter().enumerate().map(part).collect::<Vec<_>>().join(", ")
}
