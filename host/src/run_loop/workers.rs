//! Threads that run vats. One takes a crank with everything it needs, and gives everything back.

use std::sync::mpsc::{self, Sender};
use std::thread;
use std::time::Duration;

use ocap_kernel::{Crank, CrankId, VatId};

use crate::engine::{CrankTime, Delivered, Instance};
use crate::store::{StoreError, StoreReader};

use super::markers::Markers;
use super::{Event, VatCode, below};

/// A crank on its way to a worker.
pub(super) struct Job {
    pub(super) crank: Crank,
    pub(super) now: CrankTime,
    pub(super) place: Place,
}

/// Where the vat is.
pub(super) enum Place {
    /// Here.
    Here(Box<Instance>),
    /// Not in memory: made from its code, and from what the store holds.
    ToBeMade(Box<VatCode>),
}

/// A crank that is over.
pub(super) struct Finished {
    pub(super) worker: usize,
    pub(super) vat: VatId,
    pub(super) crank: CrankId,
    /// The vat and what it did, unless the store could not be read.
    pub(super) outcome: Result<(Instance, Delivered), StoreError>,
}

/// The workers, and which of them are free.
pub(super) struct Workers {
    jobs: Vec<Sender<Job>>,
    free: Vec<usize>,
    /// What each is at.
    under_way: Vec<Option<UnderWay>>,
}

/// A crank that a worker is at.
#[derive(Debug, Clone, Copy)]
pub(super) struct UnderWay {
    pub(super) vat: VatId,
    /// The crank's time when it was handed out.
    pub(super) since: Duration,
}

impl Workers {
    /// Starts the threads. They end when this is dropped and their job is done.
    pub(super) fn start(
        count: usize,
        at_work: fn(),
        markers: &Markers,
        reader: StoreReader,
        events: &Sender<Event>,
    ) -> std::io::Result<Workers> {
        let mut jobs = Vec::new();
        for worker in 0..count.max(1) {
            let (sender, receiver) = mpsc::channel::<Job>();
            let (reader, events, marker) = (reader.clone(), events.clone(), markers.of_worker(worker));
            thread::Builder::new().name(format!("vats-{worker}")).spawn(move || {
                let _alarm = Alarm(events.clone());
                at_work();
                for job in receiver {
                    let (vat, crank) = (job.crank.vat, job.crank.id);
                    marker.mark(vat, job.crank.message, job.crank.company);
                    let outcome = run(job, &reader, &events);
                    marker.wipe();
                    let finished = Finished { worker, vat, crank, outcome };
                    if events.send(Event::Finished(Box::new(finished))).is_err() {
                        return;
                    }
                }
            })?;
            jobs.push(sender);
        }
        let free = (0..jobs.len()).collect();
        let under_way = vec![None; jobs.len()];
        Ok(Workers { jobs, free, under_way })
    }

    pub(super) fn has_free(&self) -> bool {
        !self.free.is_empty()
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.jobs.len()
    }

    /// How many are at work.
    pub(super) fn busy(&self) -> usize {
        self.jobs.len() - self.free.len()
    }

    pub(super) fn all_free(&self) -> bool {
        self.free.len() == self.jobs.len()
    }

    /// Hands a job to a free worker.
    pub(super) fn give(&mut self, job: Job) {
        let worker = self.free.pop().expect("a crank begins only when a worker is free");
        self.under_way[worker] = Some(UnderWay { vat: job.crank.vat, since: job.now.monotonic });
        self.jobs[worker].send(job).expect("a worker lives as long as the loop");
    }

    pub(super) fn is_free_again(&mut self, worker: usize) {
        self.under_way[worker] = None;
        self.free.push(worker);
    }

    /// What those are at that are at work.
    pub(super) fn under_way(&self) -> impl Iterator<Item = UnderWay> + '_ {
        self.under_way.iter().flatten().copied()
    }
}

/// Tells the loop of a panic of this thread.
struct Alarm(Sender<Event>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking() {
            // A loop that is gone has nobody left to tell.
            let _ = self.0.send(Event::WorkerDied);
        }
    }
}

fn run(job: Job, reader: &StoreReader, events: &Sender<Event>) -> Result<(Instance, Delivered), StoreError> {
    let mut instance = match job.place {
        Place::Here(instance) => *instance,
        Place::ToBeMade(vat) => {
            let store = below::open(reader, job.crank.vat, events, vat.limits.store_bytes)?;
            Instance::new(vat.identity, vat.code, vat.limits, store)
        }
    };
    let delivered = instance.deliver(&job.crank, job.now);
    Ok((instance, delivered))
}
