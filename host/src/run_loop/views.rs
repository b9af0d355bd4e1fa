//! What operators may see of the loop, beside the kernel. Nothing here changes anything.

use std::time::Duration;

use ocap_kernel::VatId;

use crate::engine::{CrankTime, Limits};
use crate::store::StoreReader;

use super::{Fault, Meter, RunLoop, Totals};

impl RunLoop {
    /// What a vat has done since the boot; nothing yet where `None`.
    pub fn meter(&self, vat: VatId) -> Option<&Meter> {
        self.meters.of(vat)
    }

    /// Why the last crank of a vat that was undone was undone, if one was since the boot. In words, for operators.
    pub fn last_fault(&self, vat: VatId) -> Option<&Fault> {
        self.meters.of(vat)?.fault.as_ref()
    }

    /// What all vats and the loop itself have done since the boot.
    pub fn totals(&self) -> &Totals {
        &self.meters.totals
    }

    /// The vats that are in a crank, and for how long they have been.
    pub fn under_way(&self) -> impl Iterator<Item = (VatId, Duration)> + '_ {
        let now = self.now().monotonic;
        self.workers.under_way().map(move |crank| (crank.vat, now.saturating_sub(crank.since)))
    }

    /// How many threads run vats.
    pub fn workers(&self) -> usize {
        self.workers.count()
    }

    /// What the engine lets a vat use; `None` for one whose code could not be made ready.
    pub fn limits(&self, vat: VatId) -> Option<Limits> {
        Some(self.codes.get(&vat)?.limits)
    }

    /// How many bytes the vats between two cranks take, as the budget counts them.
    pub fn bytes_awake(&self) -> u64 {
        self.awake.bytes()
    }

    /// The time.
    pub fn now(&self) -> CrankTime {
        (self.clock)()
    }

    /// The store, to be read away from the loop.
    pub fn store_reader(&self) -> StoreReader {
        self.store.reader()
    }
}
