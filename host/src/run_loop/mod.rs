//! The run loop: one thread that owns the kernel and turns inputs into cranks, cranks into commits, and commits into outputs.
//!
//! Its rule: nothing is let out before the commit that caused it (design section 6). What happens while one commit is being written
//! gathers for the next. It knows no SQL, no wasm and no socket; those rooms answer over its one queue.

mod awake;
mod below;
mod cranks;
mod effects;
mod hibernation;
mod inputs;
pub mod markers;
mod meters;
mod news;
mod rests;
mod solo;
mod starts;
mod trace;
mod turn;
mod views;
mod workers;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use ocap_kernel::{AskId, Kernel, Kref, Payload, Refusal, Resolution, VatId};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

use crate::engine::{Code, CrankTime, Identity, Limits};
use crate::io::{FromIo, Io};
use crate::services::{FromServices, Services};
use crate::store::{Store, StoreError};

pub use awake::{Budget, Hibernation};
pub use hibernation::Departed;
pub use meters::{Fault, Histogram, Meter, Totals};
pub use news::News;
pub use starts::Started;
pub use trace::{Span, Spans, What};

use awake::Awake;
use effects::Effect;
use markers::Markers;
use meters::Meters;
use rests::Rests;
use solo::Solo;
use starts::Awaited;
use trace::Traces;
use workers::{Finished, Workers};

/// What a vat needs to be given a heap.
#[derive(Clone)]
pub struct VatCode {
    /// Its component, compiled.
    pub code: Code,
    /// What it may use.
    pub limits: Limits,
    /// What does not change from one incarnation to the next.
    pub identity: Identity,
    /// Whether it leaves memory by itself.
    pub hibernation: Hibernation,
    /// Its name for people: `matcher/index`.
    pub label: String,
}

/// Why a vat is to go into quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charge<'a> {
    /// It failed by its own doing. The cause is in the engine's or the kernel's words.
    Failed(&'a str),
    /// The code that it had before an upgrade is to take its place again, and is not at hand.
    NoCode,
    /// Something that it keeps is damaged.
    Damaged(&'a StoreError),
}

/// Turns the reason of a quarantine into a diagnostic.
pub type Accuse = Box<dyn Fn(&Kernel, VatId, Charge<'_>) -> Vec<u8> + Send>;

/// Hears what happens, when it is durable: to whom, by its name for people, and what. On the loop's thread.
pub type Witness = Box<dyn Fn(&str, News) + Send>;

/// The time: since 1970, and since some fixed moment.
pub type Clock = Arc<dyn Fn() -> CrankTime + Send + Sync>;

/// What the loop is made of.
pub struct Parts {
    /// Loaded and audited.
    pub kernel: Kernel,
    /// Where commits go.
    pub store: Store,
    /// Code of every vat that is served.
    pub codes: BTreeMap<VatId, VatCode>,
    /// Of vats whose code is on trial, the code before, as far as it could be had.
    pub fallbacks: BTreeMap<VatId, VatCode>,
    /// How much of the host's memory vats may take.
    pub budget: Budget,
    /// Channels, already open.
    pub io: Arc<Io>,
    /// Services and timers, already restored.
    pub services: Services,
    /// The time of day.
    pub clock: Clock,
    /// Names the fault of a vat that failed by its own doing.
    pub accuse: Accuse,
    /// Hears what happens.
    pub witness: Witness,
    /// What new code is told of the code before, of which the kernel kept this record: its component's digest.
    pub digest_of: fn(&[u8]) -> Option<String>,
    /// Where traces go, if they go anywhere.
    pub spans: Option<Spans>,
    /// Threads that run vats; at least 1.
    pub workers: usize,
    /// What each of them does before its first vat.
    pub at_work: fn(),
    /// Where the workers note what they are at; one place for each.
    pub markers: Markers,
}

/// Everything the loop hears.
enum Event {
    /// A channel has something to say.
    Io(FromIo),
    /// A service has something to say.
    Services(FromServices),
    /// An act of an operator, on the loop's own thread.
    Act(Act),
    /// A crank is over.
    Finished(Box<Finished>),
    /// The oldest batch that was handed over is durable, or the store failed.
    Committed(Result<(), StoreError>),
    /// Say that it was heard.
    Beat(oneshot::Sender<()>),
    /// A vat in a crank could not read its store.
    Unreadable(VatId, StoreError),
    /// A worker panicked: what it was at is lost, and nobody will say so.
    WorkerDied,
    /// Finish what runs, write everything, end.
    Stop,
}

type Act = Box<dyn FnOnce(&mut RunLoop) + Send>;

/// The way to a running loop. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    events: Sender<Event>,
}

/// The loop has ended: nothing more is taken.
#[derive(Debug, thiserror::Error)]
#[error("the host is stopping")]
pub struct Stopping;

/// The loop's whole state; acts of operators see it between two events.
pub struct RunLoop {
    kernel: Kernel,
    store: Store,
    io: Arc<Io>,
    services: Services,
    clock: Clock,
    accuse: Accuse,
    witness: Witness,
    digest_of: fn(&[u8]) -> Option<String>,
    events: Receiver<Event>,
    sender: Sender<Event>,
    workers: Workers,
    codes: BTreeMap<VatId, VatCode>,
    /// The code before, of vats whose code is on trial.
    fallbacks: BTreeMap<VatId, VatCode>,
    budget: Budget,
    /// Vats in memory that are not in a crank.
    awake: Awake,
    /// Vats that wrote to their stores since the last batch was handed over.
    wrote: BTreeSet<VatId>,
    /// Vats that wait a while after traps.
    rests: Rests,
    /// The delivery that has to run alone.
    solo: Solo,
    /// Vats that are being told that they start.
    starting: BTreeSet<VatId>,
    asks: BTreeMap<AskId, oneshot::Sender<Resolution<Kref>>>,
    /// Who waits for starts.
    awaited: Vec<Awaited>,
    meters: Meters,
    traces: Option<Traces>,
    /// What waits for the next commit, and since when there is something to commit.
    effects: Vec<Effect>,
    gathering: Option<Instant>,
    cranks_gathered: usize,
    /// The batches that were handed to the store.
    in_flight: VecDeque<Batch>,
    /// How many batches were handed over in this run.
    handed: u64,
    last_time: CrankTime,
    /// When something was done last, and whether what is done after a while of nothing was done since.
    last_change: Instant,
    tidied: bool,
    /// Since when it ends.
    stopping: Option<Instant>,
    /// Whether cranks that took too long for that were cut.
    cut: bool,
    failure: Option<StoreError>,
}

/// What was handed to the store as one commit.
struct Batch {
    /// What waits for it.
    effects: Vec<Effect>,
    /// When it was handed over.
    handed: Instant,
}

/// A loop that was started.
pub struct Spawned {
    /// The way to it.
    pub handle: Handle,
    /// Heard when the loop has ended: with the store closed, or with the reason why it could not go on. Nothing is heard of one that
    /// panicked.
    pub ended: oneshot::Receiver<Result<(), StoreError>>,
}

/// Starts the loop. `from_io` is what channels say, `from_services` what services say.
///
/// # Errors
/// If the system gives no thread.
pub fn start(
    parts: Parts,
    from_io: UnboundedReceiver<FromIo>,
    from_services: UnboundedReceiver<FromServices>,
) -> std::io::Result<Spawned> {
    let (sender, events) = mpsc::channel();
    let workers = Workers::start(parts.workers, parts.at_work, &parts.markers, parts.store.reader(), &sender)?;
    let handle = Handle { events: sender.clone() };
    tokio::spawn(pass_on(from_io, sender.clone(), Event::Io));
    tokio::spawn(pass_on(from_services, sender.clone(), Event::Services));
    let run_loop = RunLoop {
        kernel: parts.kernel,
        store: parts.store,
        io: parts.io,
        services: parts.services,
        clock: parts.clock,
        accuse: parts.accuse,
        witness: parts.witness,
        digest_of: parts.digest_of,
        events,
        sender,
        workers,
        codes: parts.codes,
        fallbacks: parts.fallbacks,
        budget: parts.budget,
        awake: Awake::default(),
        wrote: BTreeSet::new(),
        rests: Rests::default(),
        solo: Solo::default(),
        starting: BTreeSet::new(),
        asks: BTreeMap::new(),
        meters: Meters::default(),
        traces: parts.spans.map(Traces::new),
        awaited: Vec::new(),
        effects: Vec::new(),
        gathering: Some(Instant::now()),
        cranks_gathered: 0,
        in_flight: VecDeque::new(),
        handed: 0,
        last_time: CrankTime { wall: Duration::ZERO, monotonic: Duration::ZERO },
        last_change: Instant::now(),
        tidied: false,
        stopping: None,
        cut: false,
        failure: None,
    };
    let (tell, ended) = oneshot::channel();
    // Nobody joins the thread: a thread of tokio's that waited for it all the time would be missing where there are few.
    thread::Builder::new().name("kernel".to_owned()).spawn(move || drop(tell.send(run_loop.run())))?;
    Ok(Spawned { handle, ended })
}

/// Puts what another room says onto the loop's one queue.
async fn pass_on<T>(mut from: UnboundedReceiver<T>, to_loop: Sender<Event>, event: fn(T) -> Event) {
    while let Some(said) = from.recv().await {
        if to_loop.send(event(said)).is_err() {
            return;
        }
    }
}

impl Handle {
    /// Sends a message from the host and waits for the end of its answer, which is durable by then.
    ///
    /// # Errors
    /// If the target does not exist, or the host stops first.
    pub async fn call(
        &self,
        target: Kref,
        method: String,
        args: Payload<Kref>,
    ) -> Result<Result<Resolution<Kref>, Refusal>, Stopping> {
        match self.act(move |run_loop| run_loop.ask(target, &method, args)).await? {
            Ok(answer) => answer.await.map(Ok).map_err(|_| Stopping),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// Does something on the loop's thread between two events; the reply comes when what it caused is durable.
    ///
    /// # Errors
    /// If the host stops first.
    pub async fn act<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut RunLoop) -> T + Send + 'static,
    ) -> Result<T, Stopping> {
        let (reply, answer) = oneshot::channel();
        let act = move |run_loop: &mut RunLoop| {
            let result = act(run_loop);
            run_loop.when_durable(move || drop(reply.send(result)));
        };
        self.events.send(Event::Act(Box::new(act))).map_err(|_| Stopping)?;
        answer.await.map_err(|_| Stopping)
    }

    /// Comes back when the loop has taken notice of it, and changes nothing.
    ///
    /// # Errors
    /// If the loop has ended.
    pub async fn beat(&self) -> Result<(), Stopping> {
        let (reply, heard) = oneshot::channel();
        self.events.send(Event::Beat(reply)).map_err(|_| Stopping)?;
        heard.await.map_err(|_| Stopping)
    }

    /// Begins the end: what runs is finished, everything is written, channels are closed.
    pub fn stop(&self) {
        // A loop that has ended already needs no telling.
        let _ = self.events.send(Event::Stop);
    }
}
