//! Times for people: a moment of the day as `2026-11-29 13:14:18 UTC`.

use crate::daemon::requests::Moment;

/// A moment in words: `boot 2, 2026-11-29 13:14:18 UTC`.
pub(super) fn words(moment: Moment) -> String {
    match moment.ms {
        Some(ms) => format!("boot {}, {}", moment.boot, utc(ms)),
        None => format!("boot {}", moment.boot),
    }
}

/// Milliseconds since 1970 as a date and a time of day, to the second.
fn utc(ms: u64) -> String {
    let seconds = ms / 1_000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

/// The date so many days after 1 January 1970. It counts in years from 1 March, so that the leap day is the last one, and in whole
/// cycles of 400 years, which all have 146,097 days.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (cycle, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let from_march = (5 * day + 2) / 153;
    let day = day - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (cycle * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_in_utc_to_the_second() {
        let told = |ms| words(Moment { boot: 3, ms: Some(ms) });
        assert_eq!(told(0), "boot 3, 1970-01-01 00:00:00 UTC");
        assert_eq!(told(951_782_399_999), "boot 3, 2000-02-28 23:59:59 UTC");
        assert_eq!(told(951_782_400_000), "boot 3, 2000-02-29 00:00:00 UTC");
        assert_eq!(told(1_795_958_058_123), "boot 3, 2026-11-29 13:14:18 UTC");
        assert_eq!(told(4_107_542_400_000), "boot 3, 2100-03-01 00:00:00 UTC");
    }

    #[test]
    fn a_time_that_was_not_known_is_not_made_up() {
        assert_eq!(words(Moment { boot: 1, ms: None }), "boot 1");
    }
}
