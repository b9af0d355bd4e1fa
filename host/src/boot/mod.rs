//! Boot: from a home to a host that serves (design section 7).
//!
//! `lock -> log -> control socket -> store -> kernel -> channels -> components -> ready`. Up to the kernel a fault ends the boot with its
//! diagnostic; from there on a fault is its owner's alone: a channel is down, a vat is quarantined, everything else runs. No guest
//! code runs before every channel is open.

pub mod backup;
mod calls;
mod caps;
mod channels;
mod circles;
mod code;
mod damaged;
mod dead_letters;
pub mod doctor;
mod ends;
mod errands;
mod graph;
mod heal;
mod hibernate;
mod house;
mod inspect;
mod keyed;
mod launch;
mod metrics;
mod news;
mod pins;
mod preview;
pub mod prune;
mod ps;
mod quarantine;
mod reasons;
mod remedies;
mod repair;
mod report;
pub mod reset;
mod restart;
mod revoke;
mod serve;
mod services;
pub mod settings;
mod suspects;
mod system;
mod telemetry;
#[cfg(test)]
mod tests;
mod upgrade;
mod ways;

use std::path::Path;
use std::sync::Arc;

use ocap_kernel::{Corrupt, Kernel, VatId, VatStatus};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, yield_now};

use crate::daemon::events::Events;
use crate::daemon::home::STORE;
use crate::daemon::log::{self, Form};
use crate::daemon::requests::{Detail, LaunchBody};
use crate::daemon::{
    Daemon, Ending, Home, Listener, RunEnd, RunOptions, Signals, background, filesystem, give_way, processes,
};
use crate::io::{FromIo, Io};
use crate::problem::Problem;
use crate::run_loop::{self, Budget, Parts, Spawned};
use crate::services::{Errand, FromServices, Services};
use crate::store::Store;

use house::House;
use launch::Wish;
use serve::Running;

/// Threads for vats beside one for each processor. A delivery may compute for as long as its limit says, and the others are to be served
/// meanwhile, also when there are as many such vats as processors.
const SPARE_WORKERS: usize = 2;

/// How long the last traces may take to be sent.
const LAST_TRACES: std::time::Duration = std::time::Duration::from_secs(2);

/// Runs a host until it is told to end. `listener` hears how far it comes.
///
/// # Errors
/// Why it could not start or go on. The log and the status file say it too.
pub fn run(options: RunOptions, listener: Listener) -> Result<RunEnd, Problem> {
    let home = Home::make(&options.home, options.powers)?;
    filesystem::check(&home, options.file_systems, &processes(options.powers)?)?;
    let mut daemon = Daemon::begin(home, options.powers, listener)?;
    let begun = log::start(daemon.home(), options.format).and_then(|log| Ok((log, runtime()?)));
    let (log, runtime) = match begun {
        Ok(begun) => begun,
        Err(problem) => {
            daemon.last_words(&problem);
            return Err(problem);
        }
    };
    if options.format == Form::Silent {
        background::forget_stderr_of_the_last(daemon.home());
    }
    let _last_lines = log.last_lines();
    daemon.tell_of_the_last();
    let events = Events::new(log, options.powers);
    runtime.block_on(async {
        match run_to_the_end(&mut daemon, &options, &events).await {
            Ok(end) => {
                daemon.end().await?;
                Ok(end)
            }
            Err(problem) => {
                daemon.fail(&problem).await;
                Err(problem)
            }
        }
    })
}

fn runtime() -> Result<Runtime, Problem> {
    Runtime::new().map_err(|error| no_threads(&error))
}

fn no_threads(error: &std::io::Error) -> Problem {
    Problem::new("ocap::boot::no_threads", "the host gets no threads from the system")
        .because(error)
        .with_help("raise the limits of this user's processes, open files and memory (`ulimit -u`, `-n`, `-v`)")
}

async fn run_to_the_end(daemon: &mut Daemon, options: &RunOptions, events: &Events) -> Result<RunEnd, Problem> {
    let mut signals = Signals::catch()?;
    daemon.listen(events)?;
    let stop = daemon.stop_asked();
    // A person may lose patience with a slow boot: what was begun is left as a crash would leave it.
    let Up { house, io, services, errands, spawned, sending } = tokio::select! {
        brought_up = bring_up(daemon, options, events) => brought_up?,
        ending = serve::asked_to_end(&mut signals, stop.as_deref()) => return Ok(RunEnd { ending, degraded: false }),
    };
    // From here on it may be asked; what it is asked to launch can be the first thing there is.
    tokio::spawn(errands::run_all(house.clone(), services, errands));
    let mut running = Running::new(house, io, spawned.ended);
    let ending = launch_and_serve(daemon, options, &mut running, &mut signals).await;
    let stopping = daemon.stopping();
    let degraded = running.wind_down().await;
    if let Some(sending) = sending {
        // A collector that does not answer must not keep the host from its end.
        drop(tokio::time::timeout(LAST_TRACES, sending).await);
    }
    // The first fault is the one to tell: those after it follow from it.
    let ending = ending?;
    stopping?;
    Ok(RunEnd { ending, degraded: degraded? })
}

async fn launch_and_serve(
    daemon: &mut Daemon,
    options: &RunOptions,
    running: &mut Running,
    signals: &mut Signals,
) -> Result<Ending, Problem> {
    let house = running.house().clone();
    let stop = daemon.stop_asked();
    news::tell_boot(&house).await?;
    daemon.step("launch what is new")?;
    tokio::select! {
        launched = launch_all(&house, options) => launched?,
        ending = serve::asked_to_end(signals, stop.as_deref()) => return Ok(ending),
    }
    let (sender, requests) = mpsc::channel(64);
    let boot = house.act(|run_loop, _| run_loop.kernel().boot()).await?;
    let inventory = report::full(&house, Detail::Brief).await?;
    daemon.ready(&report::ready(&inventory, daemon.home(), boot), sender)?;
    running.serve(requests, signals, stop.as_deref(), &daemon.heart()).await
}

async fn launch_all(house: &Arc<House>, options: &RunOptions) -> Result<(), Problem> {
    system::launch_all(house, options.if_changed).await;
    for file in &options.files {
        let path = options.powers.absolute(file).map_err(|error| {
            Problem::new("ocap::declaration::unreadable", format!("{} names no file", file.display())).because(&error)
        })?;
        let written = Some(file.to_string_lossy().into_owned());
        let body = LaunchBody { path, written, if_changed: options.if_changed };
        launch::launch(house, Wish::of_user(body)).await?;
    }
    Ok(())
}

struct Up {
    house: Arc<House>,
    io: Arc<Io>,
    services: Services,
    errands: mpsc::UnboundedReceiver<Errand>,
    spawned: Spawned,
    /// Traces on their way.
    sending: Option<JoinHandle<()>>,
}

/// Everything between the lock and the first vat. It yields after each step and each vat, so that a wish to end is heard.
async fn bring_up(daemon: &mut Daemon, options: &RunOptions, events: &Events) -> Result<Up, Problem> {
    let home = daemon.home().clone();
    daemon.step("open the store")?;
    backup::go_on_with_restore(&home)?;
    backup::before_migration(&home, options.powers)?;
    let (store, state) = Store::open(&home.path_of(STORE)).map_err(|fault| Problem::from(&fault))?;
    daemon.step("load the kernel")?;
    let damaged = damaged::of(&state);
    let mut kernel = Kernel::load(state).map_err(|corrupt| contradiction(&home.path_of(STORE), &corrupt))?;
    let house = Arc::new(House::furnish(&home, options.powers, events.clone())?);
    damaged::tell(&kernel, &house, &damaged);
    let workers = std::thread::available_parallelism().map_or(2, usize::from) + SPARE_WORKERS;
    let markers = suspects::hear(&mut kernel, &store, &house, workers)?;
    yield_now().await;
    system::end_unconfigured(&mut kernel, &house);
    *house::locked(&house.keyed) = keyed::KeyedCalls::of(&kernel);
    daemon.step("open the channels")?;
    let (to_loop, from_io) = mpsc::unbounded_channel::<FromIo>();
    let io = Arc::new(Io::new(tokio::runtime::Handle::current(), house.time_of_day(), to_loop));
    channels::open_all(&kernel, &house, &io);
    let (to_loop, from_services) = mpsc::unbounded_channel::<FromServices>();
    let (to_desk, errands) = mpsc::unbounded_channel();
    let services = Services::start(tokio::runtime::Handle::current(), house.service_clock(), to_loop, to_desk);
    services::restore_all(&kernel, &services);
    services::finish_calls_of_last_boot(&mut kernel, &services, &io);
    yield_now().await;
    daemon.step("check the components")?;
    let code::Prepared { codes, fallbacks } = code::prepare_all(&mut kernel, &house).await;
    wake_eager(&mut kernel, &house);
    let (spans, sending) = telemetry::start(&house).map(|sending| (sending.spans, sending.task)).unzip();
    let (accuser, reader) = (house.clone(), store.reader());
    let parts = Parts {
        kernel,
        store,
        codes,
        fallbacks,
        budget: Budget { vats: house.config.memory.awake_vats, bytes: house.config.memory.heap_bytes },
        io: io.clone(),
        services: services.clone(),
        clock: house.clock(),
        spans,
        workers,
        at_work: give_way,
        markers,
        accuse: Box::new(move |kernel, vat, charge| reasons::accuse(kernel, &accuser, vat, charge)),
        witness: news::witness(house.events.clone()),
        digest_of: code::digest_of,
    };
    let spawned = run_loop::start(parts, from_io, from_services).map_err(|error| no_threads(&error))?;
    house.connect(spawned.handle.clone(), reader);
    Ok(Up { house, io, services, errands, spawned, sending })
}

/// The store's rows are good one by one and can't all be true.
fn contradiction(store: &Path, corrupt: &Corrupt) -> Problem {
    Problem::new("ocap::store::contradiction", format!("the store contradicts itself: {corrupt}"))
        .at_path(STORE, store.display())
        .with_help("restore the home from a backup, and keep the damaged one for a report")
}

/// Vats that are declared `start = "eager"` get a heap at once; the rest with their first delivery.
fn wake_eager(kernel: &mut Kernel, house: &House) {
    let eager: Vec<VatId> = kernel
        .vats()
        .filter(|vat| vat.row.status == VatStatus::Active && house.is_eager(kernel, vat.row))
        .map(|vat| vat.id)
        .collect();
    for vat in eager {
        kernel.wake(vat);
    }
}
