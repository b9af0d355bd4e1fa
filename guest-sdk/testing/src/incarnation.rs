//! One incarnation of a vat, on a thread of its own: what the SDK keeps in thread-locals is its heap.
//!
//! Only one such thread runs at a time, and the test waits for it, so the order of everything is the test's. A thread whose incarnation
//! has ended is never ended itself: a heap goes without a destructor being run, as a component's does.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use ocap_guest_sdk::bindings::{Broken, play};
use ocap_kernel::{Crank, Delivery, Outcome};
use ocap_worker::VatStore;

use crate::code::Native;
use crate::hands::Hands;
use crate::log::{Level, LogLine};
use crate::machine::{Birth, Delivered, Machine};

/// How long a crank may take before the test gives up. Far more than any takes, so that a machine that is busy is no reason.
const PATIENCE: Duration = Duration::from_secs(120);
/// Bytes of a vat's store: the default of a declaration.
pub(crate) const STORE_BYTES: u64 = 256 << 20;

/// A delivery, and its time.
struct Order {
    crank: Crank,
    now: Duration,
}

/// A thread that has the heap.
pub(crate) struct Incarnation {
    orders: Sender<Order>,
    ended: Receiver<Delivered>,
}

thread_local! {
    static IS_VAT: Cell<bool> = const { Cell::new(false) };
    /// What the last panic on this thread said, and where.
    static PANIC: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

impl Incarnation {
    pub(crate) fn new(code: Native, birth: Birth) -> Incarnation {
        hear_panics();
        let (orders, inbox) = channel::<Order>();
        let (outbox, ended) = channel();
        let live = move || {
            IS_VAT.set(true);
            let hands = Hands::new(&birth);
            play(Some(Box::new(hands.clone())));
            let mut store = VatStore::whole(birth.store.clone(), STORE_BYTES);
            while let Ok(order) = inbox.recv() {
                let delivered;
                (store, delivered) = crank(&hands, &order, store, code, &birth);
                if outbox.send(delivered).is_err() {
                    break;
                }
            }
            rest_for_ever();
        };
        std::thread::Builder::new().spawn(live).expect("a thread for a vat");
        Incarnation { orders, ended }
    }
}

impl Machine for Incarnation {
    fn deliver(&mut self, crank: &Crank, now: Duration) -> Option<Delivered> {
        self.orders.send(Order { crank: crank.clone(), now }).expect("the thread of a vat waits for orders");
        match self.ended.recv_timeout(PATIENCE) {
            Ok(ended) => Some(ended),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => panic!("a bug of ocap-guest-testing: the thread of a vat ended"),
        }
    }
}

/// Parks the thread, so that nothing in its thread-locals is ever dropped.
pub(crate) fn rest_for_ever() -> ! {
    loop {
        std::thread::park();
    }
}

fn crank(hands: &Hands, order: &Order, store: VatStore, code: Native, birth: &Birth) -> (VatStore, Delivered) {
    hands.begin(&order.crank, store, order.now);
    let call = catch_unwind(AssertUnwindSafe(|| hands.deliver(&order.crank.delivery, code, birth)));
    let outcome = match call {
        Ok(Ok(Ok(()))) => Outcome::Done,
        Ok(Ok(Err(text))) => Outcome::StartFailed(text),
        Ok(Err(Broken(rule))) => Outcome::Trapped(rule),
        Err(panic) => Outcome::Trapped(last_words(hands, &*panic)),
    };
    hands.end(outcome)
}

/// Why the code unwound. A panic is noted in the vat's log, as the SDK does in a component.
fn last_words(hands: &Hands, panic: &(dyn Any + Send)) -> String {
    if let Some(Broken(rule)) = panic.downcast_ref() {
        return rule.clone();
    }
    let (message, at) = PANIC.take().unwrap_or_else(|| ("a panic without words".to_owned(), String::new()));
    let text = format!("panicked at {at}: {message}");
    hands.note(LogLine { level: Level::Error, message, fields: vec![("at".to_owned(), at)] });
    text
}

/// Keeps the panics of vats off the test's own output.
fn hear_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let others = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !IS_VAT.get() {
                return others(panic);
            }
            let message = panic.payload_as_str().unwrap_or("panic").to_owned();
            let at = panic.location().map(ToString::to_string).unwrap_or_default();
            PANIC.set(Some((message, at)));
        }));
    });
}

/// What a delivery is, in a word, for whoever waits for it.
pub(crate) fn name_of(delivery: &Delivery) -> &str {
    match delivery {
        Delivery::Start(_) => "its start",
        Delivery::Message { method, .. } => method,
        Delivery::Settled(_) => "what follows from an answer",
        Delivery::Dropped(_) => "a drop",
    }
}
