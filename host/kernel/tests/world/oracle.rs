//! The oracle of order: messages sent on one reference arrive in the order they were sent, whoever sent them (kernel-rules A).
//!
//! Every message carries its number as its body. Numbers are given in the order in which cranks finish.

use std::collections::BTreeMap;

use ocap_kernel::*;

/// Only these carry numbers of their own; an answer may repeat the body of another message.
const NUMBERED: [&str; 3] = ["x", "y", "poke"];

#[derive(Default, Clone)]
pub struct Oracle {
    pub next: u64,
    sent_on: BTreeMap<u64, Kref>,
    /// The last number that arrived of those sent on each reference.
    arrived: BTreeMap<Kref, u64>,
    committed: BTreeMap<Kref, u64>,
}

impl Oracle {
    pub fn number(&mut self) -> Body {
        self.next += 1;
        Body::from(self.next.to_be_bytes())
    }

    pub fn sent(&mut self, body: &Body, on: Kref) {
        if let Some(number) = number_of(body) {
            self.sent_on.insert(number, on);
        }
    }

    /// A message has been taken from its queue for good.
    pub fn arrived(&mut self, method: &str, body: &Body) {
        let Some(number) = number_of(body).filter(|_| NUMBERED.contains(&method)) else { return };
        let Some(on) = self.sent_on.get(&number) else { return };
        let before = self.arrived.insert(*on, number);
        assert!(before.is_none_or(|before| before < number), "on {on}, {number} arrives after {before:?}");
    }

    pub fn commit(&mut self) {
        self.committed = self.arrived.clone();
    }

    pub fn crash(&mut self) {
        self.arrived = self.committed.clone();
    }
}

fn number_of(body: &Body) -> Option<u64> {
    Some(u64::from_be_bytes(body.as_ref().try_into().ok()?))
}
