//! Many seeds on all cores. A failure says how to repeat it.

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::events::SOMETIMES;
use super::run::{Events, World};

/// Seeds of a run of the default length.
const SEEDS: u64 = 6_400;

/// Which seeds are tried: `SIM_SEED=42` that one, `SIM_SEEDS=20000` so many.
pub struct Seeds {
    first: u64,
    count: u64,
    is_default: bool,
}

/// What came of all seeds.
pub struct Summary {
    pub cranks: u64,
    seeds: u64,
    seconds: f64,
    events: Events,
}

thread_local! {
    /// Cranks of the seed that this thread plays.
    static CRANKS: Cell<u64> = const { Cell::new(0) };
}

/// One seed from its launch to its end.
pub fn play(seed: u64) -> World {
    let mut world = World::new(seed);
    while world.cranks < world.options.cranks {
        world.step();
        world.check_it_moves();
        CRANKS.set(world.cranks);
    }
    world.finish();
    world
}

impl Seeds {
    pub fn from_environment() -> Seeds {
        let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().expect("a number of seeds"));
        match (number("SIM_SEED"), number("SIM_SEEDS")) {
            (Some(seed), _) => Seeds { first: seed, count: 1, is_default: false },
            (None, Some(count)) => Seeds { first: 0, count, is_default: false },
            (None, None) => Seeds { first: 0, count: SEEDS, is_default: true },
        }
    }

    pub fn is_default(&self) -> bool {
        self.is_default
    }

    /// Plays all seeds, or until one fails.
    pub fn run(&self, play: impl Fn(u64) -> World + Sync) -> Summary {
        let begun = Instant::now();
        let next = AtomicU64::new(self.first);
        let end = self.first + self.count;
        let summary = Mutex::new(Summary { cranks: 0, seeds: 0, seconds: 0.0, events: Events::new() });
        let failure: Mutex<Option<(u64, String)>> = Mutex::new(None);
        let worker = || loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= end {
                return;
            }
            match catch_unwind(AssertUnwindSafe(|| play(seed))) {
                Ok(world) => summary.lock().expect("no panic").add(&world),
                Err(cause) => {
                    next.store(end, Ordering::Relaxed);
                    let failed = format!("after {} cranks: {}", CRANKS.get(), message_of(cause.as_ref()));
                    let mut failure = failure.lock().expect("no panic");
                    if failure.as_ref().is_none_or(|(other, _)| seed < *other) {
                        *failure = Some((seed, failed));
                    }
                }
            }
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            (0..cores).for_each(|_| drop(scope.spawn(worker)));
        });
        let mut summary = summary.into_inner().expect("no panic");
        summary.seconds = begun.elapsed().as_secs_f64();
        if let Some((seed, failed)) = failure.into_inner().expect("no panic") {
            panic!("seed {seed} fails {failed}\n{summary}\nrepeat it: just sim {seed}");
        }
        summary
    }
}

fn message_of(cause: &(dyn std::any::Any + Send)) -> String {
    let text = cause.downcast_ref::<String>().cloned();
    text.or_else(|| cause.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}

impl Summary {
    fn add(&mut self, world: &World) {
        self.seeds += 1;
        self.cranks += world.cranks;
        for (event, count) in &world.events {
            *self.events.entry(event).or_insert(0) += count;
        }
    }

    /// What should have happened sometimes and never did.
    pub fn never(&self) -> Vec<&'static str> {
        SOMETIMES.iter().copied().filter(|event| !self.events.contains_key(event)).collect()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} cranks of {} seeds in {:.1} s", self.cranks, self.seeds, self.seconds)?;
        self.events.iter().try_for_each(|(event, count)| writeln!(f, "{count:>10} {event}"))
    }
}
