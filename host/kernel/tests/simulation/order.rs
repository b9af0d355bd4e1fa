//! The oracle of order: messages sent on one reference arrive in the order they were sent, whoever sent them (kernel-rules A).

use ocap_kernel::*;

use super::kept::Kept;

#[derive(Default)]
pub struct Order {
    /// The last number that arrived of those sent on each reference.
    arrived: Kept<Kref, u64>,
}

impl Order {
    /// A message has been taken from its queue for good. Numbers are given in the order in which cranks finish.
    pub fn arrived(&mut self, number: u64, on: Kref) {
        let before = self.arrived.insert(on, number);
        assert!(before.is_none_or(|before| before < number), "on {on}, {number} arrives after {before:?}");
    }

    pub fn commit(&mut self) {
        self.arrived.commit();
    }

    pub fn crash(&mut self) {
        self.arrived.crash();
    }
}
