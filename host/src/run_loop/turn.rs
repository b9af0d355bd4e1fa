//! The loop itself: hear, act, hand out cranks, hand over commits.

use std::sync::mpsc::TryRecvError;
use std::time::{Duration, Instant};

use ocap_kernel::{VatId, Verdict};

use crate::engine::CrankTime;
use crate::store::StoreError;

use super::effects::Effect;
use super::workers::{Finished, Job, Place};
use super::{Event, RunLoop};

/// While cranks still run, a batch waits at most so long for more of them before it is handed to the store.
const GATHER_MAX: Duration = Duration::from_millis(2);

/// A batch is handed over at this many cranks: more would not make a crank cheaper (performance.md), only later.
const CRANKS_PER_BATCH_MAX: usize = 1_000;

/// After so long without anything to do the kernel looks for promises that nobody can settle.
const IDLE_BEFORE_SWEEP: Duration = Duration::from_millis(20);

impl RunLoop {
    pub(super) fn run(mut self) -> Result<(), StoreError> {
        self.begin_cranks();
        self.hand_over_if_due();
        while self.failure.is_none() && !self.has_ended() {
            match self.wait() {
                Some(event) => self.hear(event),
                None => self.idle(),
            }
            self.hear_all_there_is();
            self.begin_cranks();
            self.hand_over_if_due();
        }
        match self.failure {
            Some(failure) => Err(failure),
            None => self.store.close(),
        }
    }

    /// The next event; `None` when none came in the time after which something else is due.
    fn wait(&mut self) -> Option<Event> {
        let patience = match self.gathering {
            Some(since) if self.in_flight.is_empty() => Some(GATHER_MAX.saturating_sub(since.elapsed())),
            Some(_) => None,
            None => (!self.swept && self.workers.all_free()).then_some(IDLE_BEFORE_SWEEP),
        };
        match patience {
            None => self.events.recv().ok(),
            Some(patience) => self.events.recv_timeout(patience).ok(),
        }
    }

    fn hear_all_there_is(&mut self) {
        // Bounded, so that a flood of inputs can't keep the loop from its other duties.
        for _ in 0..CRANKS_PER_BATCH_MAX {
            match self.events.try_recv() {
                Ok(event) => self.hear(event),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => return,
            }
        }
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::Finished(finished) => self.finish(*finished),
            Event::Committed(Ok(())) => {
                let effects = self.in_flight.pop_front().expect("a batch is in flight until it is committed");
                self.release(effects);
            }
            Event::Committed(Err(failure)) => self.failure = Some(failure),
            // Dropped with its reply: whoever asked hears that the host stops.
            Event::Io(_) | Event::Act(_) if self.stopping => {}
            Event::Io(event) => {
                self.hear_io(event);
                self.changed();
            }
            Event::Act(act) => {
                act(self);
                self.changed();
            }
            Event::Stop => self.stopping = true,
        }
        if !self.first_starts.is_empty() {
            self.look_for_first_starts();
        }
    }

    fn changed(&mut self) {
        self.swept = false;
        self.gathering.get_or_insert_with(Instant::now);
    }

    fn idle(&mut self) {
        if self.gathering.is_none() && !self.swept {
            self.swept = true;
            if self.kernel.promises() > 0 {
                self.kernel.sweep();
                self.gathering = Some(Instant::now());
            }
        }
    }

    fn begin_cranks(&mut self) {
        while self.workers.has_free() && !self.stopping {
            let Some(crank) = self.kernel.begin() else { return };
            let place = match self.instances.remove(&crank.vat) {
                Some(instance) => Place::Here(Box::new(instance)),
                None => {
                    // What the vat wrote before must be with the store's thread before the store is asked for it.
                    self.hand_over();
                    let code = self.codes.get(&crank.vat).expect("a vat without code is quarantined");
                    Place::ToBeMade(Box::new(code.clone()))
                }
            };
            let now = self.time();
            self.workers.give(Job { crank, now, place });
        }
    }

    /// At least the time of every crank that was finished before (kernel-rules D).
    fn time(&mut self) -> CrankTime {
        let now = (self.clock)();
        let last = &mut self.last_time;
        last.wall = last.wall.max(now.wall);
        last.monotonic = last.monotonic.max(now.monotonic);
        *last
    }

    fn finish(&mut self, finished: Finished) {
        self.workers.is_free_again(finished.worker);
        self.changed();
        self.cranks_gathered += 1;
        let (instance, delivered) = match finished.outcome {
            Ok(outcome) => outcome,
            Err(failure) => {
                self.failure = Some(failure);
                return;
            }
        };
        let label = self.label(finished.vat);
        if !delivered.logs.is_empty() {
            self.effects.push(Effect::Said(label.clone(), delivered.logs));
        }
        match self.kernel.finish(finished.vat, finished.crank, delivered.report) {
            Verdict::Applied => {
                if self.kernel.vat(finished.vat).is_some() {
                    self.instances.insert(finished.vat, instance);
                } else {
                    self.forget(finished.vat);
                }
            }
            Verdict::Undone(cause) => {
                let cause = in_one_line(&cause);
                self.note(label, format!("a crank was undone: {cause}"));
                self.faults.insert(finished.vat, cause);
                self.instances.insert(finished.vat, instance);
            }
            Verdict::Quarantined(cause) => {
                let reason = (self.accuse)(&self.kernel, finished.vat, &cause);
                self.kernel.quarantine(finished.vat, reason.into()).expect("a vat that was in a crank lives");
                self.note(label, format!("quarantined: {}", in_one_line(&cause)));
            }
            Verdict::RolledBack(cause) => {
                self.note(label, format!("went back to the code before: {}", in_one_line(&cause)));
            }
            // Its incarnation has ended meanwhile: what it did never happened, and its memory is wrong.
            Verdict::Stale => {}
        }
    }

    fn label(&self, vat: VatId) -> String {
        self.codes.get(&vat).map_or_else(|| vat.to_string(), |code| code.label.clone())
    }

    /// Hands the batch over when nothing more will come soon, when it is large, or when it has waited long enough. While one batch is
    /// being written, the next one gathers.
    fn hand_over_if_due(&mut self) {
        let Some(since) = self.gathering else { return };
        let quiet = self.workers.all_free();
        let full = self.cranks_gathered >= CRANKS_PER_BATCH_MAX;
        if self.in_flight.is_empty() && (quiet || full || since.elapsed() >= GATHER_MAX) {
            self.hand_over();
        }
    }

    fn hand_over(&mut self) {
        if self.gathering.take().is_none() {
            return;
        }
        self.cranks_gathered = 0;
        let commit = self.kernel.take_commit();
        let mut effects = std::mem::take(&mut self.effects);
        effects.splice(0..0, self.kernel.take_outputs().into_iter().map(Effect::Output));
        if commit.is_empty() && self.in_flight.is_empty() {
            return self.release(effects);
        }
        self.in_flight.push_back(effects);
        let sender = self.sender.clone();
        self.store.write(commit, move |result| {
            // A loop that is gone has nobody left to tell.
            let _ = sender.send(Event::Committed(result));
        });
    }

    fn has_ended(&self) -> bool {
        self.stopping && self.workers.all_free() && self.in_flight.is_empty() && self.gathering.is_none()
    }
}

/// A cause from the engine or the kernel, whose guest text is escaped already: the trap, then the frames it came through.
fn in_one_line(cause: &str) -> String {
    cause.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}
