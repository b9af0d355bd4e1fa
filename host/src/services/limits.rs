//! Every bound of this room.

/// The most timers of one subcluster that wait or tick at once: 10,000.
pub const TIMERS_MAX: usize = 10_000;

/// The shortest period in milliseconds: 100. Each tick is a crank and a commit.
pub const PERIOD_MIN_MS: u64 = 100;

/// The latest time that a timer can be set to, in milliseconds since 1970: the end of the year 9999.
pub const LATEST_MS: u64 = 253_402_300_799_999;

/// The longest sleep of the clock, in milliseconds: a minute. A clock that was set is noticed at the latest then.
pub(super) const LOOK_EVERY_MS: u64 = 60_000;
