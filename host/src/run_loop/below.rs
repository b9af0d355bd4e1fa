//! What lies below a vat's part of its store in memory: the database, a page at a time.

use std::sync::mpsc::Sender;

use ocap_kernel::VatId;
use ocap_worker::{Below, Page, Totals, VatStore};

use crate::store::{PageSize, StoreError, StoreReader, VatPage, VatSize};

use super::Event;

/// What a vat reads when it wakes. Most vats keep less, and never ask again.
const FIRST_PAGE: PageSize = PageSize { entries: 2_048, bytes: 256 << 10 };

/// What it reads then at once: one entry costs the same hop to the store's thread, and its neighbours are often next.
const PAGE: PageSize = PageSize { entries: 64, bytes: 32 << 10 };

/// A vat's store, as the database has it now.
///
/// # Errors
/// If it can't be read.
pub(super) fn open(
    reader: &StoreReader,
    vat: VatId,
    events: &Sender<Event>,
    bytes_max: u64,
) -> Result<VatStore, StoreError> {
    let waking = reader.waking(vat, FIRST_PAGE)?;
    let totals = match waking.rest {
        None => Totals::of(&waking.first.entries),
        Some((VatSize { entries, bytes }, mentions)) => Totals::new(entries, bytes, mentions.into_iter().flatten()),
    };
    let below = Database { reader: reader.clone(), vat, events: events.clone() };
    Ok(VatStore::in_part(page(waking.first), totals, Box::new(below), bytes_max))
}

#[derive(Debug)]
struct Database {
    reader: StoreReader,
    vat: VatId,
    events: Sender<Event>,
}

impl Below for Database {
    fn page(&mut self, from: &[u8]) -> Option<Page> {
        match self.reader.vat_page(self.vat, from.to_vec(), PAGE) {
            Ok(read) => Some(page(read)),
            Err(failure) => {
                // A loop that is gone has nobody left to tell.
                let _ = self.events.send(Event::Unreadable(self.vat, failure));
                None
            }
        }
    }
}

fn page(VatPage { entries, next }: VatPage) -> Page {
    Page { entries, next }
}
