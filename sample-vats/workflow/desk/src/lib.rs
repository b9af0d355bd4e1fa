//! Answers when somebody has decided, be it days later: the right to answer is kept like anything else.

use ocap_guest_sdk::prelude::*;

/// Who waits, by what was asked.
#[derive(Durable, Default)]
struct Desk {
    waiting: Map<String, Resolver<Value>>,
}

#[object]
impl Desk {
    fn ask(&mut self, what: String) -> Promise<Value> {
        let (answer, resolver) = promise();
        self.waiting.insert(what, resolver);
        answer
    }

    /// What is still open.
    fn open(&self) -> Vec<String> {
        self.waiting.keys().collect()
    }

    /// Decides, and so answers.
    fn decide(&mut self, what: String, answer: Value) -> Result<()> {
        self.take(&what)?.fulfill(&answer);
        Ok(())
    }

    fn refuse(&mut self, what: String, why: String) -> Result<()> {
        self.take(&what)?.fail(Error::new("refused", why));
        Ok(())
    }
}

impl Desk {
    fn take(&mut self, what: &str) -> Result<Resolver<Value>> {
        self.waiting.remove(what).ok_or_else(|| Error::new("not-asked", format!("nobody waits for `{what}`")))
    }
}

vat!(Desk);
