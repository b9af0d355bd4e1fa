//! Keeps capabilities for others, by names, and uses them when asked to.

use std::collections::BTreeMap;

use ocap_guest_sdk::prelude::*;

/// What was given into its keeping.
#[derive(Durable, Default)]
pub struct Courier {
    kept: BTreeMap<String, Cap>,
}

#[object]
impl Courier {
    fn keep(&mut self, name: String, cap: Cap) {
        self.kept.insert(name, cap);
    }

    fn forget(&mut self, name: String) -> bool {
        self.kept.remove(&name).is_some()
    }

    /// Gives what it keeps under a name to another courier that it keeps, which keeps it under the same name.
    fn hand_on(&self, name: String, to: String) -> Result<Promise<()>> {
        Ok(self.kept(&to)?.call("keep", (&name, self.kept(&name)?)))
    }

    /// Calls a method of what it keeps, and answers what it is answered, be it an error.
    async fn ask(this: This<Self>, name: String, method: String) -> Result<Value> {
        this.read(|state| state.kept(&name))?.call(&method, ()).await
    }

    /// A new letter, of which the courier keeps nothing.
    fn write(&self, text: String) -> Cap {
        This::durable(Letter { text }).cap()
    }
}

impl Courier {
    fn kept(&self, name: &str) -> Result<Cap> {
        self.kept.get(name).cloned().ok_or_else(|| Error::new("not-kept", format!("nothing is kept as `{name}`")))
    }
}

/// Lasts as long as somebody has it.
#[derive(Durable, Default)]
struct Letter {
    text: String,
}

#[object]
impl Letter {
    fn read(&self) -> String {
        self.text.clone()
    }
}

vat!(Courier, Letter);
