//! The loop itself: hear, act, hand out cranks, hand over commits.

use std::sync::mpsc::TryRecvError;
use std::time::{Duration, Instant};

use crate::store::StoreError;

use super::effects::Effect;
use super::{Batch, Event, RunLoop, VatCode};

/// While cranks still run, a batch waits at most so long for more of them before it is handed to the store.
const GATHER_MAX: Duration = Duration::from_millis(2);

/// A batch is handed over at this many cranks: more would not make a crank cheaper (performance.md), only later.
const CRANKS_PER_BATCH_MAX: usize = 1_000;

/// After so long without anything to do the kernel looks for promises that nobody can settle, and vats for which there is no room leave
/// memory if they could not before.
const IDLE_BEFORE_TIDYING: Duration = Duration::from_millis(20);

/// When the loop ends, cranks that run may go on for so long. One that needs longer is cut as if the process had died in it: nothing of it
/// has happened, and its message is delivered again after the next start.
const CRANKS_END_WITHIN: Duration = Duration::from_millis(1_500);

impl RunLoop {
    pub(super) fn run(mut self) -> Result<(), StoreError> {
        self.tell_time();
        self.begin_cranks();
        self.hand_over_if_due();
        while self.failure.is_none() && !self.has_ended() {
            let event = self.wait();
            self.tell_time();
            match event {
                Some(event) => self.hear(event),
                None => self.tidy_up_if_due(),
            }
            self.hear_all_there_is();
            self.go_on_with_endings();
            self.wake_the_rested();
            self.cut_cranks_if_due();
            self.begin_cranks();
            self.hand_over_if_due();
        }
        match self.failure {
            Some(failure) => Err(failure),
            None => self.store.close(),
        }
    }

    /// The next event; `None` when none came before something else was due.
    fn wait(&mut self) -> Option<Event> {
        match self.due() {
            _ if self.has_endings() => self.events.try_recv().ok(),
            None => self.events.recv().ok(),
            Some(due) => self.events.recv_timeout(due.saturating_duration_since(Instant::now())).ok(),
        }
    }

    /// When something is to be done though nothing happens.
    fn due(&self) -> Option<Instant> {
        let commit = self.gathering.filter(|_| self.in_flight.is_empty()).map(|since| since + GATHER_MAX);
        [commit, self.rests.next(), self.tidying_due(), self.cut_due()].into_iter().flatten().min()
    }

    fn cut_due(&self) -> Option<Instant> {
        let due = !self.cut && !self.workers.all_free();
        self.stopping.filter(|_| due).map(|since| since + CRANKS_END_WITHIN)
    }

    fn cut_cranks_if_due(&mut self) {
        if self.cut_due().is_none_or(|due| due > Instant::now()) {
            return;
        }
        self.cut = true;
        let longest = self.codes.values().max_by_key(|code| code.limits.crank);
        if let Some(VatCode { code, limits, .. }) = longest {
            code.let_time_pass(limits.crank);
        }
    }

    fn tidying_due(&self) -> Option<Instant> {
        let idle = self.gathering.is_none() && self.workers.all_free();
        (idle && !self.tidied).then(|| self.last_change + IDLE_BEFORE_TIDYING)
    }

    /// Vats that have ended let go of their rows a slice a turn, so that the others go on meanwhile. What is left at a stop is done after
    /// the next start.
    fn has_endings(&self) -> bool {
        self.kernel.has_ending() && self.stopping.is_none()
    }

    fn go_on_with_endings(&mut self) {
        if self.has_endings() {
            self.kernel.end_slice();
            self.changed();
        }
    }

    /// In each turn: a flood of events is no reason to let a vat wait longer than it has to.
    fn wake_the_rested(&mut self) {
        while self.rests.next().is_some()
            && let Some(vat) = self.rests.over(Instant::now())
        {
            self.kernel.rested(vat);
        }
    }

    fn tidy_up_if_due(&mut self) {
        if self.tidying_due().is_none_or(|due| due > Instant::now()) {
            return;
        }
        self.tidied = true;
        if self.kernel.promises() > 0 {
            self.kernel.sweep();
            self.gathering = Some(Instant::now());
        }
        self.make_room_at_leisure();
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
                let batch = self.in_flight.pop_front().expect("a batch is in flight until it is committed");
                self.meters.totals.commit_micros.add_time(batch.handed.elapsed());
                self.release(batch.effects);
            }
            Event::Committed(Err(failure)) => self.failure = Some(failure),
            // Dropped with its reply: whoever asked hears that the host stops.
            Event::Io(_) | Event::Services(_) | Event::Act(_) if self.stopping.is_some() => {}
            Event::Io(event) => {
                self.hear_io(event);
                self.changed();
            }
            Event::Services(event) => {
                self.hear_services(event);
                self.changed();
            }
            Event::Act(act) => {
                act(self);
                self.changed();
            }
            // Whoever asked may have gone.
            Event::Beat(reply) => drop(reply.send(())),
            Event::Unreadable(vat, failure) => self.could_not_read(vat, failure),
            Event::WorkerDied => panic!("a worker panicked"),
            Event::Stop => {
                self.stopping.get_or_insert_with(Instant::now);
            }
        }
        if !self.awaited.is_empty() {
            self.look_for_starts();
        }
    }

    pub(super) fn changed(&mut self) {
        self.last_change = Instant::now();
        self.tidied = false;
        self.gathering.get_or_insert(self.last_change);
    }

    /// Hands the batch over when nothing more will come soon, when it is large, or when it has waited long enough. While one batch is
    /// being written, the next one gathers.
    fn hand_over_if_due(&mut self) {
        let Some(since) = self.gathering else { return };
        let quiet = self.nothing_comes_soon();
        let full = self.cranks_gathered >= CRANKS_PER_BATCH_MAX;
        if self.in_flight.is_empty() && (quiet || full || since.elapsed() >= GATHER_MAX) {
            self.hand_over();
        }
    }

    /// Whether no crank runs, or only such as have run for longer than a batch waits: nobody knows when those end.
    fn nothing_comes_soon(&self) -> bool {
        let now = self.last_time.monotonic;
        self.workers.under_way().all(|crank| now.saturating_sub(crank.since) > GATHER_MAX)
    }

    pub(super) fn hand_over(&mut self) {
        if self.gathering.take().is_none() {
            return;
        }
        let cranks = std::mem::take(&mut self.cranks_gathered);
        self.handed += 1;
        self.wrote.clear();
        let commit = self.kernel.take_commit();
        self.tell_of_dead_letters(&commit);
        let mut effects = std::mem::take(&mut self.effects);
        effects.splice(0..0, self.kernel.take_outputs().into_iter().map(Effect::Output));
        if commit.is_empty() && self.in_flight.is_empty() {
            return self.release(effects);
        }
        self.meters.totals.commit_cranks.add(cranks as u64);
        self.in_flight.push_back(Batch { effects, handed: Instant::now() });
        let sender = self.sender.clone();
        self.store.write(commit, move |result| {
            // A loop that is gone has nobody left to tell.
            let _ = sender.send(Event::Committed(result));
        });
    }

    /// The number of the last batch that is durable, and of the one that holds everything up to now.
    pub(super) fn batches(&self) -> (u64, u64) {
        (self.handed - self.in_flight.len() as u64, self.handed + u64::from(self.gathering.is_some()))
    }

    fn has_ended(&self) -> bool {
        self.stopping.is_some() && self.workers.all_free() && self.in_flight.is_empty() && self.gathering.is_none()
    }
}
