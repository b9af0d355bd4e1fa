//! The next version of counter: it takes over the state of the first, can count down, and never passes a limit.

use ocap_guest_sdk::prelude::*;

/// No count is larger.
const LIMIT: u64 = 1_000;

/// As in the first version: what that one wrote, this one reads.
#[derive(Durable, Default)]
struct Counter {
    count: u64,
}

#[object]
impl Counter {
    /// A count that this version can't go on with keeps it from taking over.
    #[started]
    fn take_over(this: This<Self>, _context: &Context) -> Result<()> {
        match this.read(|counter| counter.count) {
            count if count > LIMIT => Err(Error::new("too-large", format!("{count} is more than {LIMIT}"))),
            _ => Ok(()),
        }
    }

    fn increment(&mut self, by: u64) -> u64 {
        self.count = self.count.saturating_add(by).min(LIMIT);
        self.count
    }

    fn decrement(&mut self, by: u64) -> u64 {
        self.count = self.count.saturating_sub(by);
        self.count
    }

    fn get(&self) -> u64 {
        self.count
    }

    /// The component that this incarnation took over from.
    fn upgraded_from(&self) -> Option<String> {
        context().upgraded_from().map(str::to_owned)
    }
}

vat!(Counter);
