//! One vat's place at the engine: its heap while it has one, its store always, and the crank as a transaction on both.
//!
//! Its rule: a crank that does not end well leaves nothing behind. The store is taken back, the heap and all that was
//! known of its handles are thrown away, and the kernel begins the next incarnation with a `Start`. It does not know
//! the kernel's references or the database.

use std::any::Any;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use ocap_kernel::{Body, Boot, Crank, Delivery, Outcome, Report, VatId};
use ocap_worker::VatStore;

use super::heap::Heap;
use super::limits::Limits;
use super::log::LogLine;
use super::{Code, trap};

/// What does not change about a vat from one incarnation to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Which vat it is.
    pub vat: VatId,
    /// Its name in its subcluster.
    pub name: String,
    /// Handed to `start`.
    pub parameters: Body,
    /// What all its random comes from. Secret, and recorded by the host.
    pub seed: [u8; 32],
    /// SHA-256 of the component of the previous incarnation, in hexadecimal, if that was other code.
    pub upgraded_from: Option<String>,
}

/// What a crank sees of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CrankTime {
    /// Since 1970.
    pub wall: Duration,
    /// Since some moment of the host's choice.
    pub monotonic: Duration,
}

/// What came of a delivery.
#[derive(Debug)]
pub struct Delivered {
    /// For the kernel.
    pub report: Report,
    /// What the vat said meanwhile, also if the crank failed.
    pub logs: Vec<LogLine>,
    /// How long it took.
    pub wall: Duration,
}

/// What a vat takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Size {
    /// Bytes of the linear memories and tables of its heap, as large as the guest made them; 0 without a heap. What the system has
    /// really given is less, because pages that nobody touched take nothing.
    pub heap_bytes: u64,
    /// Bytes of keys, values and capabilities of its store.
    pub store_bytes: u64,
    /// Entries of its store.
    pub store_entries: u64,
}

/// One vat at the engine. It moves between worker threads with its cranks.
pub struct Instance {
    identity: Identity,
    code: Code,
    limits: Limits,
    store: VatStore,
    heap: Option<Heap>,
}

impl Instance {
    /// A vat without a heap: it begins to live with its first `Start`.
    pub fn new(identity: Identity, code: Code, limits: Limits, store: VatStore) -> Instance {
        Instance { identity, code, limits, store, heap: None }
    }

    /// Whether it has a heap, and so takes deliveries other than `Start`.
    pub fn is_live(&self) -> bool {
        self.heap.is_some()
    }

    /// What it takes now.
    pub fn size(&self) -> Size {
        Size {
            heap_bytes: self.heap.as_ref().map_or(0, Heap::bytes),
            store_bytes: self.store.bytes(),
            store_entries: self.store.entries(),
        }
    }

    /// Bytes that it keeps in memory: its heap, and what it has read of its store.
    pub fn bytes(&self) -> u64 {
        self.size().heap_bytes + self.store.bytes_in_memory()
    }

    /// Tells it that all it wrote before would be read back from the database: it need not be kept in memory. To be called between two
    /// cranks.
    pub fn all_is_handed_over(&mut self) {
        self.store.all_is_below();
    }

    /// Throws the heap away; the store stays. The next delivery has to be a `Start`.
    pub fn hibernate(&mut self) {
        self.heap = None;
    }

    /// Lets the vat have a delivery and says what it did.
    pub fn deliver(&mut self, crank: &Crank, now: CrankTime) -> Delivered {
        // Only measured: what the vat sees is `now`.
        let began = Instant::now();
        debug_assert_eq!(crank.vat, self.identity.vat, "the crank of another vat");
        let (report, logs) = match &crank.delivery {
            Delivery::Start(boot) => self.start(crank, boot, now),
            Delivery::Message { .. } | Delivery::Settled(_) | Delivery::Dropped(_) => match self.heap.take() {
                Some(heap) => self.crank(crank, heap, now),
                None => (undeliverable(), Vec::new()),
            },
        };
        Delivered { report, logs, wall: began.elapsed() }
    }

    /// Begins an incarnation.
    fn start(&mut self, crank: &Crank, boot: &Boot, now: CrankTime) -> (Report, Vec<LogLine>) {
        // The old heap goes first, so that two never take memory at once.
        self.heap = None;
        let heap = Heap::new(&self.code, boot, self.identity.seed, self.limits);
        self.crank(crank, heap, now)
    }

    /// Runs one crank on a heap, which lives on only if all went well.
    fn crank(&mut self, crank: &Crank, mut heap: Heap, now: CrankTime) -> (Report, Vec<LogLine>) {
        heap.lend(mem::take(&mut self.store), crank.next_slot, now);
        let call = catch_unwind(AssertUnwindSafe(|| heap.deliver(&crank.delivery, &self.code, &self.identity)));
        let (logs, refusal) = heap.last_words();
        let (store, report) = heap.end(outcome(call, self.limits.crank, refusal));
        self.store = store;
        if report.outcome == Outcome::Done {
            self.heap = Some(heap);
        }
        (report, logs)
    }
}

/// How a call into the guest ended: what wasmtime says, within what the guest says, within what a panic says.
fn outcome(
    call: Result<wasmtime::Result<Result<(), String>>, Box<dyn Any + Send>>,
    budget: Duration,
    refusal: Option<String>,
) -> Outcome {
    match call {
        Ok(Ok(Ok(()))) => Outcome::Done,
        Ok(Ok(Err(text))) => Outcome::StartFailed(trap::describe_refusal(&text)),
        Ok(Err(error)) => Outcome::Trapped(trap::describe(&error, budget, refusal)),
        Err(panic) => Outcome::Trapped(trap::describe_panic(&*panic)),
    }
}

/// The report of a crank that the guest never saw.
fn undeliverable() -> Report {
    let outcome = Outcome::Trapped("a bug of the host: a delivery before the start".to_owned());
    Report { outcome, syscalls: Vec::new(), store: Vec::new(), taken: Vec::new(), dropped: Vec::new() }
}
