//! Amounts as people read them: at most four characters and a unit.

/// Bytes: `512B`, `1.1MiB`, `64MiB`.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes}B");
    }
    let (mut tenths, mut unit) = (u128::from(bytes) * 10 / 1024, 0);
    while tenths >= 10 * 1024 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    decimal(tenths) + UNITS[unit]
}

/// A time span in its largest unit, from milliseconds: `250ms`, `1.5s`, `12min`, `3.2h`, `4.1d`.
pub(super) fn span(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms}ms"),
        1_000..60_000 => decimal(u128::from(ms) / 100) + "s",
        60_000..3_600_000 => decimal(u128::from(ms) / 6_000) + "min",
        3_600_000..86_400_000 => decimal(u128::from(ms) / 360_000) + "h",
        _ => decimal(u128::from(ms) / 8_640_000) + "d",
    }
}

/// Tenths with their point, where the part before it is short.
fn decimal(tenths: u128) -> String {
    match (tenths / 10, tenths % 10) {
        (whole @ 0..100, tenth @ 1..10) => format!("{whole}.{tenth}"),
        (whole, _) => whole.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_said_in_their_largest_unit() {
        let cases = [
            (0, "0B"),
            (1023, "1023B"),
            (1024, "1KiB"),
            (1536, "1.5KiB"),
            (64 << 20, "64MiB"),
            (1_153_434, "1.1MiB"),
            (u64::MAX, "16777215TiB"),
        ];
        for (amount, said) in cases {
            assert_eq!(bytes(amount), said);
        }
    }

    #[test]
    fn time_spans_are_said_in_their_largest_unit() {
        let cases =
            [(0, "0ms"), (999, "999ms"), (1_500, "1.5s"), (59_999, "59.9s"), (60_000, "1min"), (7_200_000, "2h")];
        for (ms, said) in cases {
            assert_eq!(span(ms), said);
        }
        assert_eq!(span(49 * 3_600_000), "2d");
    }
}
