//! Cranks: handed out to workers, and what becomes of them when they come back.

use ocap_kernel::{Boot, Company, Crank, CrankId, Delivery, Outcome, Report, VatId, Verdict};

use crate::engine::{CrankTime, Instance};
use crate::store::StoreError;

use super::effects::Effect;
use super::meters::Spent;
use super::news::News;
use super::solo::Others;
use super::trace::{Cause, What};
use super::workers::{Finished, Job, Place};
use super::{Charge, RunLoop};

impl RunLoop {
    pub(super) fn begin_cranks(&mut self) {
        while self.workers.has_free() && self.stopping.is_none() {
            let (durable, up_to_now) = self.batches();
            let others = if self.workers.all_free() { Others::Quiet } else { Others::Busy };
            if let Some(crank) = self.solo.take(durable, others) {
                self.give(crank);
            } else if self.solo.is_waiting() {
                return;
            } else {
                let Some(crank) = self.kernel.begin() else { return };
                match crank.company {
                    Company::Among => self.give(crank),
                    Company::Alone => self.solo.hold(crank, up_to_now),
                }
            }
        }
    }

    fn give(&mut self, crank: Crank) {
        let place = match self.awake.take(crank.vat) {
            Some(mut instance) => {
                if !self.wrote.contains(&crank.vat) {
                    instance.all_is_handed_over();
                }
                Place::Here(Box::new(instance))
            }
            None => {
                let Some(code) = self.codes.get(&crank.vat) else { return self.take_back(&crank) };
                let mut code = Box::new(code.clone());
                if let Delivery::Start(Boot { upgraded_from: Some(record), .. }) = &crank.delivery {
                    code.identity.upgraded_from = (self.digest_of)(record);
                }
                self.make_room_for_one();
                // What the vat wrote must be with the store's thread before the store is asked for it.
                if self.wrote.contains(&crank.vat) {
                    self.hand_over();
                }
                Place::ToBeMade(code)
            }
        };
        if let Delivery::Start(_) = crank.delivery {
            self.starting.insert(crank.vat);
        }
        let now = self.time();
        if let Some(traces) = &mut self.traces {
            traces.begun(&self.kernel, &crank, now.wall);
        }
        self.workers.give(Job { crank, now, place });
    }

    /// A delivery that waited to run alone, whose vat has ended or went into quarantine meanwhile: it means nothing any more.
    fn take_back(&mut self, crank: &Crank) {
        let verdict = self.kernel.finish(crank.vat, crank.id, nothing("the vat is not served any more"));
        debug_assert_eq!(verdict, Verdict::Stale, "a vat without code is not served");
        self.changed();
    }

    /// A vat's store could not be read. If what is wrong is its own, the vat alone stops: nothing of its crank happens, and its message
    /// waits.
    pub(super) fn could_not_read(&mut self, vat: VatId, failure: StoreError) {
        if !failure.is_of_one_vat() {
            self.failure = Some(failure);
            return;
        }
        // It may have ended while it read.
        if self.kernel.vat(vat).is_none() {
            return;
        }
        let label = self.label(vat);
        let reason = (self.accuse)(&self.kernel, vat, Charge::Damaged(&failure));
        self.kernel.quarantine(vat, reason.clone().into()).expect("it lives");
        self.tell_news(label, News::Quarantined { reason });
        self.blame(vat, failure.to_string());
        self.changed();
    }

    /// A vat that could not be given a heap, because its store could not be read.
    fn did_not_wake(&mut self, vat: VatId, crank: CrankId, failure: StoreError) {
        self.could_not_read(vat, failure);
        let verdict = self.kernel.finish(vat, crank, nothing("the vat's store could not be read"));
        let incarnation = self.kernel.vat(vat).map_or(0, |view| view.incarnation);
        let what = What::Crank { label: self.label(vat), vat, incarnation };
        if let Some(traces) = &mut self.traces {
            traces.finished(crank, what, &verdict, (self.clock)().wall);
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

    /// What the kernel remembers the time of has it from here: once a turn, because that is as exact as people need it.
    pub(super) fn tell_time(&mut self) {
        let since_1970 = self.time().wall.as_millis();
        self.kernel.tell_time(u64::try_from(since_1970).unwrap_or(0));
    }

    pub(super) fn finish(&mut self, finished: Finished) {
        self.workers.is_free_again(finished.worker);
        if self.cut {
            // Whatever it came to: the next start has it all before it again.
            return;
        }
        self.changed();
        self.cranks_gathered += 1;
        let (instance, delivered) = match finished.outcome {
            Ok(outcome) => outcome,
            Err(failure) => return self.did_not_wake(finished.vat, finished.crank, failure),
        };
        let label = self.label(finished.vat);
        if !delivered.logs.is_empty() {
            self.effects.push(Effect::News(label.clone(), News::said(delivered.logs)));
        }
        if !delivered.report.store.is_empty() {
            self.wrote.insert(finished.vat);
        }
        let cause = Cause::Crank(finished.crank);
        let verdict = self.traced(cause, |kernel| kernel.finish(finished.vat, finished.crank, delivered.report));
        let spent = Spent {
            vat: finished.vat,
            incarnation: self.kernel.vat(finished.vat).map(|view| view.incarnation),
            busy: delivered.wall,
            size: instance.size(),
            at: self.last_time.wall,
        };
        self.meters.spent(&spent, &verdict);
        if let Some(traces) = &mut self.traces {
            let (vat, incarnation) = (finished.vat, spent.incarnation.unwrap_or(0));
            let what = What::Crank { label: label.clone(), vat, incarnation };
            traces.finished(finished.crank, what, &verdict, (self.clock)().wall);
        }
        self.carry_out(finished.vat, label, instance, verdict);
        self.make_room();
    }

    fn carry_out(&mut self, vat: VatId, label: String, instance: Instance, verdict: Verdict) {
        match verdict {
            Verdict::Applied => {
                if let Some(view) = self.kernel.vat(vat) {
                    let incarnation = view.incarnation;
                    if self.starting.remove(&vat) {
                        self.tell_news(label, News::Started { incarnation });
                    }
                    self.pass_trial(vat);
                    self.keep(vat, instance);
                } else {
                    self.tell_news(label, News::Exited);
                    self.forget(vat);
                }
            }
            Verdict::Undone(cause) => {
                let cause = in_one_line(&cause);
                self.tell_news(label, News::Undone { cause: cause.clone() });
                self.blame(vat, cause);
                // One that lives thinks that its crank went well, and the kernel says otherwise: what it remembers of its store is wrong.
                if !instance.is_live() {
                    self.keep(vat, instance);
                }
                if let Some(traps) = self.kernel.resting(vat) {
                    self.rests.begin(vat, traps, self.last_change);
                }
            }
            Verdict::Quarantined(cause) => {
                let reason = (self.accuse)(&self.kernel, vat, Charge::Failed(&cause));
                self.kernel.quarantine(vat, reason.clone().into()).expect("a vat that was in a crank lives");
                self.tell_news(label, News::Quarantined { reason });
                self.blame(vat, in_one_line(&cause));
            }
            Verdict::RolledBack(cause) => self.roll_back(vat, label, in_one_line(&cause)),
            // Its incarnation has ended meanwhile: what it did never happened, and its memory is wrong.
            Verdict::Stale => {}
        }
    }

    /// Keeps why a crank was undone, for operators.
    pub(super) fn blame(&mut self, vat: VatId, cause: String) {
        let now = (self.clock)().wall;
        self.meters.fault(vat, cause, now);
    }

    pub(super) fn label(&self, vat: VatId) -> String {
        self.codes.get(&vat).map_or_else(|| vat.to_string(), |code| code.label.clone())
    }
}

/// What a crank came to in which nothing was done.
fn nothing(cause: &str) -> Report {
    Report {
        outcome: Outcome::Trapped(cause.to_owned()),
        syscalls: Vec::new(),
        store: Vec::new(),
        taken: Vec::new(),
        dropped: Vec::new(),
    }
}

/// A cause from the engine or the kernel, whose guest text is escaped already: the trap, then the frames it came through.
fn in_one_line(cause: &str) -> String {
    cause.lines().map(str::trim).collect::<Vec<_>>().join("; ")
}
