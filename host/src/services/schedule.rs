//! What is due when. Pure: the time comes in with each call.
//!
//! A timer that was set `after` a span, or that ticks, is measured with a clock that nobody can set, from when the host began to run it;
//! one that was set `at` a time follows the time of day. What was due while the host was down is due at once; ticks of that time are
//! not made up, and neither are those of a timer whose last tick has no answer yet.

use std::collections::{BTreeMap, BTreeSet};

use ocap_kernel::{Kref, ObjectId};

use super::limits::{LOOK_EVERY_MS, TIMERS_MAX};
use super::names::{Kind, TimerName};

/// The time, in milliseconds: since 1970, and since some fixed moment by a clock that nobody can set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Since 1970.
    pub wall_ms: u64,
    /// Since some fixed moment.
    pub monotonic_ms: u64,
}

/// What is to be done for a timer that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    /// It is over: its promise is fulfilled.
    Conclude(ObjectId),
    /// It ticks, and waits for the answer ([`Schedule::answered`]).
    Tick(ObjectId, Kref),
    /// It ticks for the only time, and is over.
    Ring(ObjectId, Kref),
}

/// All timers that wait.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    timers: BTreeMap<ObjectId, Timer>,
    /// When each is due next.
    moments: BTreeSet<(Moment, ObjectId)>,
    /// How many there are of each subcluster, with those that are being made.
    counts: BTreeMap<String, usize>,
}

#[derive(Debug)]
struct Timer {
    subcluster: String,
    moment: Moment,
    act: Act,
}

/// A time on one of the two clocks, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    Wall(u64),
    Monotonic(u64),
}

#[derive(Debug)]
enum Act {
    Conclude,
    Ring { target: Kref },
    Tick { period_ms: u64, target: Kref, last: Last },
}

/// What became of the last tick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Answered,
    Unanswered,
}

impl Schedule {
    /// Takes a place for one more timer of a subcluster, if it has any left. [`Schedule::give_back`] gives it back.
    pub(super) fn take_place(&mut self, subcluster: &str) -> bool {
        let count = self.counts.entry(subcluster.to_owned()).or_default();
        let has_room = *count < TIMERS_MAX;
        *count += usize::from(has_room);
        has_room
    }

    /// A timer for which a place was taken is not made, or is over.
    pub(super) fn give_back(&mut self, subcluster: &str) {
        if let Some(count) = self.counts.get_mut(subcluster) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(subcluster);
            }
        }
    }

    /// Waits for a timer that was there before the host began to run: whatever the limit, its place is its own.
    pub(super) fn restore(&mut self, object: ObjectId, name: TimerName, target: Option<Kref>, now: Now) {
        *self.counts.entry(name.subcluster.clone()).or_default() += 1;
        self.arm(object, name, target, now);
    }

    /// Waits for a timer from now on. Its place was taken.
    pub(super) fn arm(&mut self, object: ObjectId, name: TimerName, target: Option<Kref>, now: Now) {
        let TimerName { subcluster, kind } = name;
        let in_ms = |left: u64| Moment::Monotonic(now.monotonic_ms.saturating_add(left));
        let (moment, act) = match (kind, target) {
            (Kind::At { deadline_ms }, _) => (Moment::Wall(deadline_ms), Act::Conclude),
            // The millisecond that has begun is not a whole one: nobody is told too early.
            (Kind::After { deadline_ms }, _) => (in_ms(deadline_ms.saturating_sub(now.wall_ms) + 1), Act::Conclude),
            (Kind::Once { deadline_ms }, Some(target)) => {
                (in_ms(deadline_ms.saturating_sub(now.wall_ms) + 1), Act::Ring { target })
            }
            (Kind::Every { period_ms, begun_ms }, Some(target)) => {
                let left = left_of_period(period_ms, begun_ms, now.wall_ms);
                (in_ms(left), Act::Tick { period_ms, target, last: Last::Answered })
            }
            // It has nobody to tell.
            (Kind::Once { .. } | Kind::Every { .. }, None) => return self.give_back(&subcluster),
        };
        self.moments.insert((moment, object));
        self.timers.insert(object, Timer { subcluster, moment, act });
    }

    /// The timer is over; unknown ones are ignored.
    pub(super) fn forget(&mut self, object: ObjectId) {
        if let Some(timer) = self.timers.remove(&object) {
            self.moments.remove(&(timer.moment, object));
            self.give_back(&timer.subcluster);
        }
    }

    /// Whether it waits for this one.
    pub(super) fn has(&self, object: ObjectId) -> bool {
        self.timers.contains_key(&object)
    }

    /// The last tick of a timer was answered: it may tick again.
    pub(super) fn answered(&mut self, object: ObjectId) {
        if let Some(Timer { act: Act::Tick { last, .. }, .. }) = self.timers.get_mut(&object) {
            *last = Last::Answered;
        }
    }

    /// Everything that is due by now. What ticks waits for its next time, the rest is over.
    pub(super) fn take_due(&mut self, now: Now) -> Vec<Due> {
        let walls = self.moments.range(..=(Moment::Wall(now.wall_ms), ObjectId(u64::MAX)));
        let first_monotonic = (Moment::Monotonic(0), ObjectId(0));
        let monotonics =
            self.moments.range(first_monotonic..=(Moment::Monotonic(now.monotonic_ms), ObjectId(u64::MAX)));
        let objects: Vec<ObjectId> = walls.chain(monotonics).map(|(_, object)| *object).collect();
        objects.into_iter().filter_map(|object| self.fire(object, now)).collect()
    }

    fn fire(&mut self, object: ObjectId, now: Now) -> Option<Due> {
        let timer = self.timers.get_mut(&object).expect("what has a moment is a timer");
        let (Act::Tick { period_ms, target, last }, Moment::Monotonic(due_ms)) = (&mut timer.act, timer.moment) else {
            let due = match timer.act {
                Act::Ring { target } => Due::Ring(object, target),
                Act::Conclude | Act::Tick { .. } => Due::Conclude(object),
            };
            self.forget(object);
            return Some(due);
        };
        let late_ms = now.monotonic_ms - due_ms;
        let next = Moment::Monotonic(now.monotonic_ms.saturating_add(*period_ms - late_ms % *period_ms));
        self.moments.remove(&(timer.moment, object));
        self.moments.insert((next, object));
        timer.moment = next;
        let before = std::mem::replace(last, Last::Unanswered);
        (before == Last::Answered).then_some(Due::Tick(object, *target))
    }

    /// How long to sleep before something can be due, in milliseconds; `None` while nothing waits.
    pub(super) fn sleep_ms(&self, now: Now) -> Option<u64> {
        let walls = self.moments.first().map(|(moment, _)| moment);
        let monotonics = self.moments.range((Moment::Monotonic(0), ObjectId(0))..).next().map(|(moment, _)| moment);
        let left = walls.into_iter().chain(monotonics).map(|moment| match moment {
            Moment::Wall(due) => due.saturating_sub(now.wall_ms),
            Moment::Monotonic(due) => due.saturating_sub(now.monotonic_ms),
        });
        left.min().map(|left| left.min(LOOK_EVERY_MS))
    }
}

/// How much is left until the next of the times that follow each other from `begun_ms` on, in milliseconds; above 0. A clock that was
/// set back behind the beginning begins anew.
fn left_of_period(period_ms: u64, begun_ms: u64, now_ms: u64) -> u64 {
    period_ms - now_ms.saturating_sub(begun_ms) % period_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Kref = Kref::Object(ObjectId(1));
    const ONE: ObjectId = ObjectId(2);
    const TWO: ObjectId = ObjectId(3);

    fn at(wall_ms: u64, monotonic_ms: u64) -> Now {
        Now { wall_ms, monotonic_ms }
    }

    fn name(kind: Kind) -> TimerName {
        TimerName { subcluster: "a".to_owned(), kind }
    }

    fn with(timers: &[(ObjectId, Kind)], now: Now) -> Schedule {
        let mut schedule = Schedule::default();
        for (object, kind) in timers {
            schedule.restore(*object, name(*kind), Some(TARGET), now);
        }
        schedule
    }

    const EVERY: Kind = Kind::Every { period_ms: 100, begun_ms: 1_000 };

    #[test]
    fn a_timer_is_due_once_and_not_before_its_time() {
        let kinds = [(ONE, Kind::After { deadline_ms: 1_500 }), (TWO, Kind::At { deadline_ms: 1_400 })];
        let mut schedule = with(&kinds, at(1_000, 0));
        assert_eq!(schedule.sleep_ms(at(1_000, 0)), Some(400));
        assert_eq!(schedule.take_due(at(1_399, 399)), []);
        assert_eq!(schedule.take_due(at(1_400, 400)), [Due::Conclude(TWO)]);
        assert_eq!(schedule.take_due(at(1_500, 500)), [], "a millisecond that had begun does not count");
        assert_eq!(schedule.take_due(at(1_501, 501)), [Due::Conclude(ONE)]);
        assert_eq!(schedule.take_due(at(9_000, 9_000)), []);
        assert_eq!(schedule.sleep_ms(at(9_000, 9_000)), None);
        assert!(schedule.counts.is_empty());
    }

    #[test]
    fn what_was_due_while_the_host_was_down_is_due_at_once() {
        let kinds = [(ONE, Kind::After { deadline_ms: 10 }), (TWO, Kind::At { deadline_ms: 20 })];
        let mut schedule = with(&kinds, at(1_000, 0));
        assert_eq!(schedule.take_due(at(1_000, 1)), [Due::Conclude(TWO), Due::Conclude(ONE)]);
    }

    #[test]
    fn a_clock_that_is_set_moves_a_time_of_day_and_not_a_span() {
        let kinds = [(ONE, Kind::After { deadline_ms: 2_000 }), (TWO, Kind::At { deadline_ms: 2_000 })];
        let mut forward = with(&kinds, at(1_000, 0));
        assert_eq!(forward.take_due(at(3_000, 10)), [Due::Conclude(TWO)]);
        let mut back = with(&kinds, at(1_000, 0));
        assert_eq!(back.take_due(at(500, 1_001)), [Due::Conclude(ONE)]);
        assert_eq!(back.sleep_ms(at(500, 1_001)), Some(1_500));
    }

    #[test]
    fn the_clock_is_looked_at_once_a_minute() {
        let schedule = with(&[(ONE, Kind::At { deadline_ms: 100_000_000 })], at(0, 0));
        assert_eq!(schedule.sleep_ms(at(0, 0)), Some(60_000));
    }

    #[test]
    fn a_tick_comes_each_period_and_keeps_its_beat_when_it_is_late() {
        let mut schedule = with(&[(ONE, EVERY)], at(1_000, 0));
        for (late, expected) in [(100, 1), (199, 0), (205, 1), (299, 0), (300, 1)] {
            let due = schedule.take_due(at(1_000 + late, late));
            assert_eq!(due.len(), expected, "{late}");
            schedule.answered(ONE);
        }
    }

    #[test]
    fn ticks_of_a_time_in_which_nobody_looked_are_not_made_up_and_the_beat_outlives_a_restart() {
        let mut schedule = with(&[(ONE, EVERY)], at(1_000, 0));
        assert_eq!(schedule.take_due(at(1_950, 950)), [Due::Tick(ONE, TARGET)]);
        schedule.answered(ONE);
        assert_eq!(schedule.sleep_ms(at(1_950, 950)), Some(50));
        let restarted = with(&[(ONE, EVERY)], at(7_030, 5));
        assert_eq!(restarted.sleep_ms(at(7_030, 5)), Some(70));
        let clock_set_back = with(&[(ONE, EVERY)], at(3, 0));
        assert_eq!(clock_set_back.sleep_ms(at(3, 0)), Some(100));
    }

    #[test]
    fn what_ticks_once_is_due_once_and_leaves_its_place() {
        let mut schedule = with(&[(ONE, Kind::Once { deadline_ms: 1_500 })], at(1_000, 0));
        assert_eq!(schedule.take_due(at(1_500, 500)), []);
        assert_eq!(schedule.take_due(at(1_501, 501)), [Due::Ring(ONE, TARGET)]);
        assert_eq!(schedule.take_due(at(9_000, 9_000)), []);
        assert!(schedule.counts.is_empty());
    }

    #[test]
    fn at_most_one_tick_has_no_answer() {
        let mut schedule = with(&[(ONE, EVERY)], at(1_000, 0));
        assert_eq!(schedule.take_due(at(1_100, 100)), [Due::Tick(ONE, TARGET)]);
        assert_eq!(schedule.take_due(at(1_200, 200)), []);
        schedule.answered(ONE);
        assert_eq!(schedule.take_due(at(1_250, 250)), [], "what was skipped is not made up");
        assert_eq!(schedule.take_due(at(1_300, 300)), [Due::Tick(ONE, TARGET)]);
    }

    #[test]
    fn a_forgotten_timer_is_never_due_and_leaves_its_place() {
        let mut schedule = with(&[(ONE, EVERY), (TWO, EVERY)], at(1_000, 0));
        schedule.forget(ONE);
        schedule.forget(ONE);
        schedule.answered(ONE);
        assert!(!schedule.has(ONE));
        assert_eq!(schedule.take_due(at(1_100, 100)), [Due::Tick(TWO, TARGET)]);
        assert_eq!(schedule.counts["a"], 1);
    }

    #[test]
    fn a_subcluster_has_so_many_places_and_another_has_its_own() {
        let mut schedule = Schedule::default();
        assert!((0..TIMERS_MAX).all(|_| schedule.take_place("a")));
        assert!(!schedule.take_place("a"));
        assert!(schedule.take_place("b"));
        schedule.give_back("a");
        assert!(schedule.take_place("a"));
        assert!(!schedule.take_place("a"));
    }
}
