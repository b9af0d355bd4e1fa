//! Patterns of capability programming, as objects: give away exactly as much as is meant, and for exactly as long.
//!
//! | | gives a capability that |
//! |---|---|
//! | [`Attenuated::only`] | lets some methods through and no others |
//! | [`Attenuated::as_interface`] | lets the methods of an interface through and no others |
//! | [`RateLimited::per`] | lets so many calls through in a time |
//! | [`Expiry::after`] | ends by itself |
//! | [`Cap::guard`](crate::Cap::guard) | ends when somebody revokes it |
//! | [`Membrane::around`] | ends when somebody revokes it, together with everything that was passed through it, in both directions |
//! | [`Brand::pair`] | seals values so that only the other half can open them |
//! | [`Powerbox`] | is asked for, with a reason, and granted or denied by somebody else |
//!
//! Each is a kind of durable objects, so it outlives a restart, and the vat that makes one names its kinds in `vat!`:
//!
//! ```
//! use ocap_guest_sdk::idioms::{Attenuated, RateLimited};
//! use ocap_guest_sdk::prelude::*;
//!
//! #[derive(Durable, Default)]
//! struct Diary {
//!     pages: Vec<String>,
//! }
//!
//! #[object]
//! impl Diary {
//!     fn write(&mut self, page: String) {
//!         self.pages.push(page);
//!     }
//!
//!     fn read(&self) -> Vec<String> {
//!         self.pages.clone()
//!     }
//!
//!     /// For those who may look and not write.
//!     fn reader(this: This<Self>) -> Cap {
//!         Attenuated::only(&this.cap(), ["read"])
//!     }
//! }
//!
//! vat!(Diary, Attenuated, RateLimited);
//! ```

mod attenuate;
mod expire;
mod limit;
mod membrane;
mod powerbox;
mod seal;

pub use attenuate::Attenuated;
pub use expire::Expiry;
pub use limit::RateLimited;
pub use membrane::{Facet, Membrane};
pub use powerbox::{Asking, Powerbox, Request, request};
pub use seal::{Brand, SealedBox, Sealer, Unsealer};

use crate::answer::{Outcome, Reply};
use crate::args::Args;
use crate::{Cap, Promise, Value};

/// Sends a message on as it came. The answer is the target's, and messages to it go to the target's answer.
fn pass_on(target: &Cap, method: &str, args: Args) -> Outcome {
    let answer = args.list().and_then(|args| {
        let answer: Promise<Value> = target.call(method, args.as_slice());
        Reply::new(&answer)
    });
    Outcome::Now(answer)
}
