//! Reading: all rows at open, a vat's store a page at a time. A bad row stops the reading and is named.

use std::ops::ControlFlow;
use std::path::Path;

use ocap_kernel::{Counters, Payload, Slot, State, VatId};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params, Row};

use super::columns::{Columns, Flaw};
use super::error::StoreError;
use super::rows::{self, Query, Whole};

/// All that a vat keeps, in key order.
pub type VatEntries = Vec<(Vec<u8>, Payload<Slot>)>;

/// Where a page ends, whatever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageSize {
    /// Entries.
    pub entries: usize,
    /// Bytes of keys and bodies; the entry that exceeds it is the last one.
    pub bytes: usize,
}

/// A stretch of what a vat keeps.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VatPage {
    /// All its entries.
    pub entries: VatEntries,
    /// Where the next page begins; `None` if there is no more.
    pub next: Option<Vec<u8>>,
}

/// What is known of a vat's store when it wakes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Waking {
    /// The beginning.
    pub first: VatPage,
    /// If that was not all: how much there is, and what each entry mentions that mentions anything.
    pub rest: Option<(VatSize, Vec<Vec<Slot>>)>,
}

/// How much a vat keeps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VatSize {
    /// Entries.
    pub entries: u64,
    /// Bytes of their keys and bodies. What they mention is not in it.
    pub bytes: u64,
}

/// The most flaws of one vat's store that are named.
const FLAWS_MAX: usize = 20;

/// Where rows are read.
pub(super) struct Reading<'c> {
    pub(super) connection: &'c Connection,
    pub(super) path: &'c Path,
}

impl Reading<'_> {
    /// The last commit.
    pub(super) fn state(&self) -> Result<State, StoreError> {
        let (mut queue, mut damaged) = (Vec::new(), Vec::new());
        for (id, (queued, whole)) in self.table(&rows::QUEUE, (), rows::queued)? {
            if whole == Whole::No {
                damaged.push(id);
            }
            queue.push((id, queued));
        }
        Ok(State {
            counters: self.counters()?,
            subclusters: self.table(&rows::SUBCLUSTERS, (), rows::subcluster)?,
            vats: self.table(&rows::VATS, (), rows::vat)?,
            progress: self.table(&rows::PROGRESS, (), rows::progress)?,
            objects: self.table(&rows::OBJECTS, (), rows::object)?,
            promises: self.table(&rows::PROMISES, (), rows::promise)?,
            clist: self.table(&rows::CLIST, (), rows::clist)?,
            queue,
            damaged,
            holds: self.table(&rows::HOLDS, (), rows::hold)?,
            suspicions: self.table(&rows::SUSPICIONS, (), rows::suspicion)?,
            dead_letters: self.table(&rows::DEAD_LETTERS, (), rows::dead_letter)?,
            holdings: self.table(&rows::HOLDINGS, (), rows::holding)?,
        })
    }

    /// One vat's store from a key on.
    pub(super) fn vat_page(&self, vat: VatId, from: &[u8], size: PageSize) -> Result<VatPage, StoreError> {
        let mut page = VatPage::default();
        let (mut bytes, mut flaw) = (0, None);
        self.each(&rows::VAT_STORE, (vat.0.cast_signed(), from), rows::entry, |entry| {
            let is_full = page.entries.len() == size.entries || bytes > size.bytes;
            match entry {
                Ok((key, _)) if is_full => page.next = Some(key),
                Ok((key, value)) => {
                    bytes += key.len() + value.body.len();
                    page.entries.push((key, value));
                    return ControlFlow::Continue(());
                }
                Err(found) => flaw = Some(found),
            }
            ControlFlow::Break(())
        })?;
        flaw.map_or(Ok(page), Err)
    }

    /// One vat's store, if it is small, or what has to be known of it.
    pub(super) fn waking(&self, vat: VatId, size: PageSize) -> Result<Waking, StoreError> {
        let first = self.vat_page(vat, &[], size)?;
        let rest = match first.next {
            None => None,
            Some(_) => {
                let parse = |row: &mut Columns<'_>| rows::holding(row).map(|(_, slots)| slots);
                Some((self.vat_size(vat)?, self.table(&rows::MENTIONS, (vat.0.cast_signed(),), parse)?))
            }
        };
        Ok(Waking { first, rest })
    }

    /// How much one vat keeps.
    pub(super) fn vat_size(&self, vat: VatId) -> Result<VatSize, StoreError> {
        let found = self.table(&rows::VAT_SIZE, (vat.0.cast_signed(),), rows::vat_size)?.pop();
        Ok(found.unwrap_or_default())
    }

    /// What is wrong with a vat's store, row by row.
    pub(super) fn flaws(&self, vat: VatId) -> Result<Vec<StoreError>, StoreError> {
        let mut flaws = Vec::new();
        self.each(&rows::VAT_STORE, (vat.0.cast_signed(), [].as_slice()), rows::entry, |entry| {
            flaws.extend(entry.err());
            if flaws.len() < FLAWS_MAX { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(flaws)
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
        let (mut parsed, mut flaw) = (Vec::new(), None);
        self.each(query, parameters, parse, |row| match row {
            Ok(row) => {
                parsed.push(row);
                ControlFlow::Continue(())
            }
            Err(found) => {
                flaw = Some(found);
                ControlFlow::Break(())
            }
        })?;
        flaw.map_or(Ok(parsed), Err)
    }

    /// Shows `take` the rows, or what is wrong with them, until it has enough.
    fn each<T>(
        &self,
        query: &Query,
        parameters: impl Params,
        parse: impl Fn(&mut Columns<'_>) -> Result<T, Flaw>,
        mut take: impl FnMut(Result<T, StoreError>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let of_sql = |error| StoreError::of_sql(self.path, &error);
        let mut statement = self.connection.prepare_cached(query.sql).map_err(of_sql)?;
        let mut found = statement.query(parameters).map_err(of_sql)?;
        while let Some(row) = found.next().map_err(of_sql)? {
            let parsed = parse(&mut Columns::of(query.table, row));
            let parsed = parsed.map_err(|flaw| {
                let (path, table, row) = (self.path.to_owned(), query.table, name(query, row));
                match flaw {
                    Flaw::Form(reason) => StoreError::Corrupt { path, table, row, reason },
                    Flaw::Sum => StoreError::RowDamaged { path, table, row },
                }
            });
            if take(parsed).is_break() {
                break;
            }
        }
        Ok(())
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
