//! What runs a vat's code: here a thread with the code itself, elsewhere whatever else can (`ocap-engine-testing`: components).

use std::time::Duration;

use ocap_kernel::{Body, Boot, Crank, Payload, Report, Slot, VatId};

use crate::log::LogLine;

/// Code that vats can be launched with, and be upgraded to.
pub trait Code {
    /// What the next code's first incarnation is told that it was upgraded from.
    fn name(&self) -> String;

    /// Begins an incarnation: the machine's first delivery is its start.
    fn begin(&self, birth: Birth) -> Box<dyn Machine>;
}

/// What an incarnation begins with, beside its code.
#[derive(Debug, Clone)]
pub struct Birth {
    /// Which vat it is.
    pub vat: VatId,
    /// Its name.
    pub name: String,
    /// Its parameters.
    pub parameters: Body,
    /// The code of the incarnation before, if it was another.
    pub upgraded_from: Option<String>,
    /// What the kernel knows.
    pub boot: Boot,
    /// What all random of the test comes from.
    pub seed: u64,
    /// What the vat has stored.
    pub store: Vec<(Vec<u8>, Payload<Slot>)>,
}

/// One incarnation. A delivery that does not end well is its last.
pub trait Machine {
    /// Lets the vat have a delivery at a time since 1970. `None`: it does not come back.
    fn deliver(&mut self, crank: &Crank, now: Duration) -> Option<Delivered>;
}

/// What came of a delivery.
#[derive(Debug)]
pub struct Delivered {
    /// For the kernel.
    pub report: Report,
    /// What the vat said meanwhile, also if the delivery failed.
    pub log: Vec<LogLine>,
}
