//! Does what a vat must not get away with. `alive` shows that only the crank that did it is gone.

use std::cell::RefCell;
use std::hint::black_box;

use ocap_guest_sdk::bindings::ocap::vat::kernel::{self, Answer, Lifetime, Parcel};
use ocap_guest_sdk::prelude::*;

thread_local! {
    static HOARD: RefCell<Vec<Vec<u8>>> = const { RefCell::new(Vec::new()) };
}

/// Counts what it did, in order to see what was undone.
#[derive(Durable, Default)]
struct Misbehaver {
    deeds: u64,
    refused: u64,
}

/// How it is to begin, if not well.
#[derive(Deserialize)]
struct Parameters {
    #[serde(default)]
    start: Start,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "lowercase")]
enum Start {
    #[default]
    Well,
    /// Traps at once.
    Trap,
    /// Leaves something behind that traps in a crank of its own.
    Later,
    /// Never ends, where it is the first one after an upgrade.
    Spin,
    /// Never ends, where it is not the first one.
    Again,
}

#[object]
impl Misbehaver {
    #[started]
    fn begin(this: This<Self>, context: &Context) -> Result<()> {
        match context.parameters::<Parameters>()?.start {
            Start::Well => {}
            Start::Trap => panic!("at the start"),
            Start::Later => {
                let alive = this.cap().call::<bool>("alive", ());
                spawn(async move {
                    let answer = alive.await;
                    panic!("after the start: {answer:?}");
                });
            }
            Start::Spin => {
                while context.upgraded_from().is_some() {
                    black_box(());
                }
            }
            Start::Again => {
                while context.incarnation() > 1 {
                    black_box(());
                }
            }
        }
        Ok(())
    }

    fn alive(&self) -> bool {
        true
    }

    fn itself(this: This<Self>) -> Cap {
        this.cap()
    }

    fn deeds(&self) -> u64 {
        self.deeds
    }

    /// Writes to its store and sends to itself, then traps.
    fn trap(this: This<Self>) {
        this.with(|state| state.deeds += 1);
        this.cap().send("alive", ());
        panic!("on purpose");
    }

    /// Never comes back.
    fn spin(&mut self) {
        loop {
            self.deeds = black_box(self.deeds.wrapping_add(1));
        }
    }

    /// The same, for whoever takes it for pong.
    fn hold(&mut self) {
        self.spin();
    }

    /// Takes so much memory, and keeps it.
    fn grow(&mut self, bytes: u64) -> Result<u64> {
        self.deeds += 1;
        HOARD.with_borrow_mut(|hoard| {
            hoard.push(vec![1; usize::try_from(bytes)?]);
            Ok(hoard.iter().map(|held| held.len() as u64).sum())
        })
    }

    /// Logs so many lines.
    fn flood(&self, lines: u64) {
        for line in 0..lines {
            info!(line = line, "{}", "flood ".repeat(16));
        }
    }

    /// Sends itself so many messages.
    fn storm(this: This<Self>, sends: u64) {
        let itself = this.cap();
        for _ in 0..sends {
            itself.send("alive", ());
        }
    }

    /// Sends itself one message after the other, for ever.
    fn chatter(this: This<Self>) {
        this.cap().send("chatter", ());
    }

    /// Sends itself twice as many messages each time, for ever, and counts those for which there was no room.
    fn breed(this: This<Self>) {
        for child in [this.cap().call::<()>("breed", ()), this.cap().call("breed", ())] {
            let this = this.clone();
            spawn(async move {
                if child.await.is_err_and(|error| error.name() == "mailbox-full") {
                    this.with(|state| state.refused += 1);
                }
            });
        }
    }

    fn refused(&self) -> u64 {
        self.refused
    }

    /// Keeps so many more references in its store, each in an entry of its own; `from` tells them apart.
    fn hoard(&self, from: u64, count: u64) -> Result<()> {
        for number in from..from + count {
            let (never, _) = promise::<()>();
            ocap_guest_sdk::store::put(&format!("hoard/{number}"), never.cap())?;
        }
        Ok(())
    }

    /// How many references of these its store has.
    fn hoarded(&self) -> u64 {
        ocap_guest_sdk::store::keys("hoard/", None, 1_000).len() as u64
    }

    /// Everything below, until something stops it.
    async fn forge(this: This<Self>) -> Result<String> {
        let answer = Misbehaver::forge_capability(this.clone()).await;
        if answer.is_ok() {
            return Ok("a capability out of nothing".to_owned());
        }
        Misbehaver::forge_lifetime(this.clone());
        Misbehaver::forge_resolver(this);
        Ok("everything".to_owned())
    }

    /// Mentions a capability that the message does not carry. It must be an error that is told, here by this vat itself.
    async fn forge_capability(this: This<Self>) -> Result<Value> {
        // A list of capability 7.
        let body = [0x81, 0xda, 0x4f, 0x43, 0x41, 0x50, 0x07];
        let answer = kernel::call(this.cap().handle(), "take", Parcel { body: &body, caps: &[] });
        Promise::new(Cap::new(answer)).await
    }

    fn take(&self, cap: Cap) -> Cap {
        cap
    }

    /// Sends what is not CBOR at all.
    async fn forge_body(this: This<Self>) -> Result<Value> {
        let answer = kernel::call(this.cap().handle(), "alive", Parcel { body: &[0xff, 0x00, 0x9f], caps: &[] });
        Promise::new(Cap::new(answer)).await
    }

    /// Settles what is no resolver.
    fn forge_resolver(this: This<Self>) {
        let target = kernel::expose(0, Lifetime::Durable);
        kernel::settle(target, Answer::Forward(this.cap().handle()));
    }

    /// Exposes the root for this incarnation only.
    fn forge_lifetime(_this: This<Self>) {
        drop(kernel::expose(0, Lifetime::Incarnation));
    }

    /// Sends a body of so many bytes.
    fn forge_size(this: This<Self>, bytes: u64) -> Result<()> {
        let body = vec![0; usize::try_from(bytes)?];
        kernel::send(this.cap().handle(), "alive", Parcel { body: &body, caps: &[] }, None);
        Ok(())
    }

    /// Breaks its answer with the name of an error that only the kernel may say.
    fn forge_code(&self) -> Result<()> {
        Err(Error::new("vat-terminated", "not said by the kernel"))
    }
}

vat!(Misbehaver);
