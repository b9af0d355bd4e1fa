//! Keeps lamps. Who holds the house reaches every lamp; who holds a lamp reaches that one.

use std::collections::BTreeMap;

use ocap_guest_sdk::prelude::*;

/// Every lamp there is, by its name.
#[derive(Durable, Default)]
struct House {
    lamps: BTreeMap<String, Cap>,
}

#[object]
impl House {
    /// The lamp of that name. A new one is dark.
    fn lamp(&mut self, name: String) -> Result<Cap> {
        if name.is_empty() {
            return Err(Error::new("no-name", "a lamp has a name"));
        }
        let lamp = self.lamps.entry(name).or_insert_with(|| This::durable(Lamp::default()).cap());
        Ok(lamp.clone())
    }

    /// A lamp for a guest, and the right to take it back: `[lamp, revoker]`.
    fn lend(&mut self, name: String) -> Result<(Cap, Cap)> {
        Ok(self.lamp(name)?.guard())
    }

    fn names(&self) -> Vec<String> {
        self.lamps.keys().cloned().collect()
    }
}

/// One lamp.
#[derive(Durable, Default)]
struct Lamp {
    percent: u64,
}

#[object]
impl Lamp {
    fn set(&mut self, percent: u64) -> Result<u64> {
        if percent > 100 {
            return Err(Error::new("too-bright", format!("{percent} percent are more than 100")));
        }
        self.percent = percent;
        Ok(percent)
    }

    fn percent(&self) -> u64 {
        self.percent
    }
}

vat!(House, Lamp);
