//! A powerbox: a vat asks for authority that it was not given, with a reason, and somebody who may decide grants or denies it.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::{Cap, Durable, Error, Promise, Resolver, Result, This, object, promise};

/// The side that decides: an operator's, or another vat's. Name the kinds [`Powerbox`] and [`Asking`] in
/// `vat!`.
///
/// | method | |
/// |---|---|
/// | `asking(who)` | an object that may ask, in this name: give it to whom the name belongs |
/// | `pending()` | what was asked for and not decided |
/// | `grant(id, capability)` | gives a caretaker of the capability to whoever asked |
/// | `deny(id, why)` | answers with the error `denied` |
/// | `granted()` | what was granted and not taken back |
/// | `revoke(id)` | takes back what was granted |
///
/// Who asked waits as long as it takes, also over restarts of this vat.
#[derive(Durable, Default)]
pub struct Powerbox {
    last: u64,
    pending: BTreeMap<u64, Pending>,
    granted: BTreeMap<u64, Granted>,
}

/// The side that asks. Its method `request(interface, reason)` answers the capability, whenever that is decided.
#[derive(Durable)]
pub struct Asking {
    powerbox: Cap,
    who: String,
}

/// What somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Names it.
    pub id: u64,
    /// Who asked, as whoever made the asking side says.
    pub who: String,
    /// What kind of thing is wanted. It is the asker's word.
    pub interface: String,
    /// What for. It is the asker's word.
    pub reason: String,
}

#[derive(Serialize, Deserialize)]
struct Pending {
    request: Request,
    answer: Resolver<Cap>,
}

#[derive(Serialize, Deserialize)]
struct Granted {
    request: Request,
    revoker: Cap,
}

/// Asks for a capability by the asking side of a powerbox, as a vat that was granted one does. `T` is what the answer is taken for:
/// [`Cap`], or any type that is a capability underneath.
pub fn request<T: DeserializeOwned>(asking: &Cap, interface: &str, reason: &str) -> Promise<T> {
    asking.call("request", (interface, reason))
}

#[object]
impl Powerbox {
    fn asking(this: This<Self>, who: String) -> Cap {
        This::durable(Asking { powerbox: this.cap(), who }).cap()
    }

    fn pending(&self) -> Vec<Request> {
        self.pending.values().map(|pending| pending.request.clone()).collect()
    }

    fn grant(&mut self, id: u64, capability: Cap) -> Result<()> {
        let Pending { request, answer } = self.decide(id)?;
        let (guarded, revoker) = capability.guard();
        answer.forward(&guarded);
        self.granted.insert(id, Granted { request, revoker });
        Ok(())
    }

    fn deny(&mut self, id: u64, why: String) -> Result<()> {
        self.decide(id)?.answer.fail(Error::new("denied", why));
        Ok(())
    }

    fn granted(&self) -> Vec<Request> {
        self.granted.values().map(|granted| granted.request.clone()).collect()
    }

    fn revoke(&mut self, id: u64) -> Result<()> {
        let granted = self.granted.remove(&id).ok_or_else(|| unknown(id))?;
        granted.revoker.send("revoke", ());
        Ok(())
    }
}

impl Powerbox {
    /// A new one that nobody has asked for anything.
    pub fn open() -> Cap {
        This::durable(Powerbox::default()).cap()
    }

    fn decide(&mut self, id: u64) -> Result<Pending> {
        self.pending.remove(&id).ok_or_else(|| unknown(id))
    }
}

#[object]
impl Asking {
    fn request(&self, interface: String, reason: String) -> Result<Promise<Cap>> {
        let powerbox = This::<Powerbox>::of(&self.powerbox);
        let powerbox = powerbox.ok_or_else(|| Error::new("object-gone", "the powerbox is gone"))?;
        let (wanted, answer) = promise::<Cap>();
        powerbox.with(|powerbox| {
            powerbox.last += 1;
            let request = Request { id: powerbox.last, who: self.who.clone(), interface, reason };
            powerbox.pending.insert(request.id, Pending { request, answer });
        });
        Ok(wanted)
    }
}

fn unknown(id: u64) -> Error {
    Error::new("unknown-request", format!("there is no request {id}"))
}
