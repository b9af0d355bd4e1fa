//! What is counted of a store, whether its entries are in memory or not.

use std::collections::BTreeMap;

use ocap_kernel::{Payload, Slot};

use super::Entries;
use crate::limits::STORED_CAP_BYTES;

/// What is known of a store without reading all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Totals {
    /// Entries.
    pub entries: u64,
    /// Bytes of their keys and bodies.
    pub bytes: u64,
    /// Capabilities in them.
    pub caps: u64,
    /// How often each slot is mentioned in them; never 0.
    pub mentions: BTreeMap<Slot, u64>,
}

impl Totals {
    /// Of a store that was not: how many entries and bytes there are, and what is mentioned, as often as it is.
    pub fn new(entries: u64, bytes: u64, mentioned: impl IntoIterator<Item = Slot>) -> Totals {
        let mut totals = Totals { entries, bytes, ..Totals::default() };
        for slot in mentioned {
            totals.mention(slot);
        }
        totals
    }

    /// Of a store that was read as a whole.
    pub fn of(entries: &Entries) -> Totals {
        let mut totals = Totals::default();
        for (key, value) in entries {
            totals.gain(key, value);
        }
        totals
    }

    /// What counts against the limit, in bytes.
    pub(super) fn weight(&self) -> u64 {
        self.bytes + STORED_CAP_BYTES * self.caps
    }

    pub(super) fn gain(&mut self, key: &[u8], value: &Payload<Slot>) {
        self.entries += 1;
        self.bytes += (key.len() + value.body.len()) as u64;
        for &slot in &value.caps {
            self.mention(slot);
        }
    }

    fn mention(&mut self, slot: Slot) {
        self.caps += 1;
        *self.mentions.entry(slot).or_insert(0) += 1;
    }

    pub(super) fn lose(&mut self, key: &[u8], value: &Payload<Slot>) {
        self.entries -= 1;
        self.bytes -= (key.len() + value.body.len()) as u64;
        self.caps -= value.caps.len() as u64;
        for slot in &value.caps {
            let count = self.mentions.get_mut(slot).expect("every mention in an entry is counted");
            *count -= 1;
            if *count == 0 {
                self.mentions.remove(slot);
            }
        }
    }
}

/// What an entry counts against the limit, in bytes.
pub(super) fn weight(key: &[u8], value: &Payload<Slot>) -> u64 {
    (key.len() + value.body.len()) as u64 + STORED_CAP_BYTES * value.caps.len() as u64
}
