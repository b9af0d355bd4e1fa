//! Times in what the host says. No story knows which they are; it only sees that they are there.

/// Whether a text begins with a time as diagnostics have it: `2026-01-02T03:04:05.678Z`.
pub fn is_time(text: &str) -> bool {
    const SHAPE: &str = "0000-00-00T00:00:00.000Z";
    let begins_so = |(wanted, found): (u8, u8)| if wanted == b'0' { found.is_ascii_digit() } else { wanted == found };
    text.len() >= SHAPE.len() && SHAPE.bytes().zip(text.bytes()).all(begins_so)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_from_what_only_looks_like_one() {
        assert!(is_time("2026-01-02T03:04:05.678Z and more"));
        assert!(!is_time("2026-01-02 03:04:05.678Z"));
        assert!(!is_time("2026"));
    }
}
