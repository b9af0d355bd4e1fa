//! What the host calls its own objects. A name is all that is kept of a service or a timer, so it says everything that is needed to
//! serve it again after a restart.
//!
//! | name | object |
//! |---|---|
//! | `service/SUBCLUSTER/timer` | a service, as a grant of one subcluster |
//! | `timer/SUBCLUSTER/after/DEADLINE` | a promised answer, due at milliseconds since 1970 |
//! | `timer/SUBCLUSTER/at/DEADLINE` | the same, which follows the time of day while the host runs |
//! | `timer/SUBCLUSTER/once/DEADLINE` | what ticks once, if it is still held, and is over; due at milliseconds since 1970 |
//! | `timer/SUBCLUSTER/every/PERIOD/BEGUN` | what ticks each so many milliseconds, counted from when it was made |

use std::fmt;

use super::table::Service;
use crate::declaration::Standing;

/// One of this room's objects, read from its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Name {
    /// A service.
    Service {
        /// Whose grant it is.
        subcluster: String,
        /// Which.
        service: Service,
    },
    /// A timer.
    Timer(TimerName),
}

/// A timer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimerName {
    /// Whose service made it.
    pub subcluster: String,
    /// What it waits for.
    pub kind: Kind,
}

/// What a timer waits for. Times are milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// So much time from then on, whatever happens to the time of day while the host runs.
    After {
        /// When that is over, as far as could be known.
        deadline_ms: u64,
    },
    /// A time of day.
    At {
        /// Which.
        deadline_ms: u64,
    },
    /// The same span as `After`, told to somebody, unless nobody holds the timer by then.
    Once {
        /// When that is over, as far as could be known.
        deadline_ms: u64,
    },
    /// Again and again.
    Every {
        /// From one tick to the next.
        period_ms: u64,
        /// The first is one period later.
        begun_ms: u64,
    },
}

impl Name {
    /// The object of that name; `None` if it is none of this room's.
    pub fn parse(name: &str) -> Option<Name> {
        let parts: Vec<&str> = name.split('/').collect();
        let number = |text: &str| text.parse::<u64>().ok();
        let timer = |subcluster: &str, kind| Some(Name::Timer(TimerName { subcluster: subcluster.to_owned(), kind }));
        match parts.as_slice() {
            ["service", subcluster, service] => {
                // Whether it may have it was decided when it was launched.
                let service = Service::named(service, Standing::System)?;
                Some(Name::Service { subcluster: (*subcluster).to_owned(), service })
            }
            ["timer", subcluster, "after", deadline] => {
                timer(subcluster, Kind::After { deadline_ms: number(deadline)? })
            }
            ["timer", subcluster, "at", deadline] => timer(subcluster, Kind::At { deadline_ms: number(deadline)? }),
            ["timer", subcluster, "once", deadline] => timer(subcluster, Kind::Once { deadline_ms: number(deadline)? }),
            ["timer", subcluster, "every", period, begun] => {
                let period_ms = number(period).filter(|period| *period > 0)?;
                timer(subcluster, Kind::Every { period_ms, begun_ms: number(begun)? })
            }
            _ => None,
        }
    }

    /// The name of the object of a service, by the name that it has in `uses`.
    pub fn of_service(subcluster: &str, service: &str) -> String {
        format!("service/{subcluster}/{service}")
    }

    /// The subcluster with which the object ends.
    pub fn subcluster(&self) -> &str {
        match self {
            Name::Service { subcluster, .. } | Name::Timer(TimerName { subcluster, .. }) => subcluster,
        }
    }
}

impl fmt::Display for TimerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TimerName { subcluster, kind } = self;
        match kind {
            Kind::After { deadline_ms } => write!(f, "timer/{subcluster}/after/{deadline_ms}"),
            Kind::At { deadline_ms } => write!(f, "timer/{subcluster}/at/{deadline_ms}"),
            Kind::Once { deadline_ms } => write!(f, "timer/{subcluster}/once/{deadline_ms}"),
            Kind::Every { period_ms, begun_ms } => write!(f, "timer/{subcluster}/every/{period_ms}/{begun_ms}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timer_is_known_again_by_its_name() {
        for kind in [
            Kind::After { deadline_ms: 5 },
            Kind::At { deadline_ms: 1_700_000_000_000 },
            Kind::Once { deadline_ms: 5 },
            Kind::Every { period_ms: 100, begun_ms: 7 },
        ] {
            let timer = TimerName { subcluster: "alarm-2".to_owned(), kind };
            assert_eq!(Name::parse(&timer.to_string()), Some(Name::Timer(timer)));
        }
    }

    #[test]
    fn a_service_is_known_by_its_name_and_other_objects_are_none_of_this_rooms() {
        let name = Name::parse(&Name::of_service("alarm", "timer")).expect("a service");
        assert_eq!(name, Name::Service { subcluster: "alarm".to_owned(), service: Service::Timer });
        assert_eq!(name.subcluster(), "alarm");
        for other in
            ["channel/a/b", "pin/lamp", "service/a/none", "timer/a/every/0/7", "timer/a/at/x", "timer/a/at", ""]
        {
            assert_eq!(Name::parse(other), None, "{other}");
        }
    }
}
