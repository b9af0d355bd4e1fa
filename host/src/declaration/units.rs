//! Sizes and times with their units: `64MiB`, `1s`.
//!
//! A unit is always written, and a value has one meaning: a number without one is refused, and so is `MB`, which some read as a
//! thousand thousands.

use std::time::Duration;

use super::read::Item;
use crate::problem::{Problem, printable};

/// Units of size, largest first, with their bytes.
const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Units of time, largest first, with their milliseconds.
const TIMES: [(&str, u64); 3] = [("min", 60_000), ("s", 1_000), ("ms", 1)];

/// A size in bytes, above 0.
pub(super) fn bytes(item: &Item<'_>) -> Result<u64, Problem> {
    amount(item, &SIZES, "64MiB")
}

/// A time above 0.
pub(super) fn time(item: &Item<'_>) -> Result<Duration, Problem> {
    amount(item, &TIMES, "500ms").map(Duration::from_millis)
}

/// The shortest exact form of a size.
pub(super) fn show_bytes(bytes: u64) -> String {
    show(bytes, &SIZES)
}

/// The shortest form of a time, exact to the millisecond.
pub(super) fn show_time(time: Duration) -> String {
    show(u64::try_from(time.as_millis()).unwrap_or(u64::MAX), &TIMES)
}

fn amount(item: &Item<'_>, units: &[(&str, u64)], example: &str) -> Result<u64, Problem> {
    let names: Vec<_> = units.iter().map(|(name, _)| *name).collect();
    let help = format!("a whole number above 0 and one of {}, for example \"{example}\"", names.join(", "));
    let malformed = |found: &str| {
        let message = format!("`{}` can not be `{}`", item.key, printable(found));
        item.problem("unit_malformed", message, "a number with its unit is wanted").with_help(help.clone())
    };
    let Some(text) = item.value().as_str() else { return Err(malformed(item.value().type_str())) };
    parse(text, units).ok_or_else(|| malformed(text))
}

fn parse(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start_matches(' '))?;
    number.parse::<u64>().ok()?.checked_mul(*factor).filter(|amount| *amount > 0)
}

fn show(amount: u64, units: &[(&str, u64)]) -> String {
    let exact = units.iter().find(|(_, factor)| amount.is_multiple_of(*factor));
    exact.map_or_else(|| amount.to_string(), |(name, factor)| format!("{}{name}", amount / factor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_number_and_a_binary_unit() {
        assert_eq!(parse("64MiB", &SIZES), Some(64 << 20));
        assert_eq!(parse("1 GiB", &SIZES), Some(1 << 30));
        assert_eq!(parse("512B", &SIZES), Some(512));
        for wrong in
            ["", "64", "MiB", "64MB", "64mib", "0KiB", "-1KiB", "1.5GiB", "64MiB ", "18446744073709551615KiB", "६MiB"]
        {
            assert_eq!(parse(wrong, &SIZES), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_shown_is_the_shortest_exact_form_and_can_be_read_again() {
        for (text, shown) in [("64MiB", "64MiB"), ("65536KiB", "64MiB"), ("1500B", "1500B"), ("1024GiB", "1024GiB")] {
            let size = parse(text, &SIZES).expect("a size");
            assert_eq!(show_bytes(size), shown);
            assert_eq!(parse(shown, &SIZES), Some(size));
        }
        assert_eq!(show_time(Duration::from_millis(1000)), "1s");
        assert_eq!(show_time(Duration::from_millis(90_000)), "90s");
        assert_eq!(show_time(Duration::from_millis(250)), "250ms");
    }
}
