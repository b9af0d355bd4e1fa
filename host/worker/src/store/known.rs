//! Which part of a store is in memory: stretches of the key space in which every entry is known, and so is every absence.

use std::collections::BTreeMap;
use std::ops::Bound;

/// Where a stretch ends: before this key, or never.
pub(super) type End = Option<Vec<u8>>;

/// Stretches that neither overlap nor touch, each from its key on to its end.
#[derive(Debug)]
pub(super) struct Known(BTreeMap<Vec<u8>, End>);

impl Known {
    /// Nothing is known.
    pub(super) fn nothing() -> Known {
        Known(BTreeMap::new())
    }

    /// Everything is.
    pub(super) fn everything() -> Known {
        Known(BTreeMap::from([(Vec::new(), None)]))
    }

    /// The end of the stretch that this key lies in, if it lies in one.
    pub(super) fn end_of(&self, key: &[u8]) -> Option<&End> {
        let (_, end) = self.0.range::<[u8], _>((Bound::Unbounded, Bound::Included(key))).next_back()?;
        reaches(end, key).then_some(end)
    }

    /// From now on everything from `from` to `end` is known.
    pub(super) fn add(&mut self, from: Vec<u8>, end: End) {
        let (mut from, mut end) = (from, end);
        let before = self.0.range::<[u8], _>((Bound::Unbounded, Bound::Included(&*from))).next_back();
        if let Some((start, until)) = before
            && touches(until, &from)
        {
            from = start.clone();
        }
        // Whatever begins inside or right at the end is taken in; the last of them may reach further.
        while let Some((start, _)) = self.0.range::<[u8], _>((Bound::Included(&*from), Bound::Unbounded)).next()
            && touches(&end, start)
        {
            let start = start.clone();
            let until = self.0.remove(&start).expect("it was just seen");
            end = match (end, until) {
                (Some(one), Some(other)) => Some(one.max(other)),
                (None, _) | (_, None) => None,
            };
        }
        self.0.insert(from, end);
    }
}

/// Whether a stretch that ends there goes beyond a key.
fn reaches(end: &End, key: &[u8]) -> bool {
    end.as_ref().is_none_or(|end| key < end.as_slice())
}

/// Whether it goes at least up to a key.
fn touches(end: &End, key: &[u8]) -> bool {
    end.as_ref().is_none_or(|end| key <= end.as_slice())
}

/// The smallest key behind this one.
pub(super) fn after(key: &[u8]) -> Vec<u8> {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(stretches: &[(&str, Option<&str>)]) -> Known {
        let mut known = Known::nothing();
        for (from, end) in stretches {
            known.add(from.as_bytes().to_vec(), end.map(|end| end.as_bytes().to_vec()));
        }
        known
    }

    fn shown(known: &Known) -> Vec<String> {
        let text = |key: &[u8]| key.escape_ascii().to_string();
        known
            .0
            .iter()
            .map(|(from, end)| format!("{}-{}", text(from), end.as_deref().map_or_else(String::new, text)))
            .collect()
    }

    #[test]
    fn stretches_that_overlap_or_touch_become_one() {
        assert_eq!(shown(&known(&[("b", Some("d")), ("f", Some("h"))])), ["b-d", "f-h"]);
        assert_eq!(shown(&known(&[("b", Some("d")), ("d", Some("f")), ("f", Some("h"))])), ["b-h"]);
        assert_eq!(shown(&known(&[("b", Some("d")), ("f", Some("h")), ("c", Some("g"))])), ["b-h"]);
        assert_eq!(shown(&known(&[("b", Some("h")), ("c", Some("d"))])), ["b-h"]);
        assert_eq!(shown(&known(&[("b", Some("d")), ("f", None), ("a", Some("z"))])), ["a-"]);
        assert_eq!(shown(&known(&[("", None), ("c", Some("d"))])), ["-"]);
    }

    #[test]
    fn a_key_is_known_from_the_start_of_a_stretch_to_before_its_end() {
        let known = known(&[("b", Some("d")), ("x", None)]);
        let ends = ["a", "b", "c\u{7f}", "d", "x", "zz"].map(|key| known.end_of(key.as_bytes()).cloned());
        let d = || Some(Some(b"d".to_vec()));
        assert_eq!(ends, [None, d(), d(), None, Some(None), Some(None)]);
        assert_eq!(Known::everything().end_of(b""), Some(&None));
        assert_eq!(Known::nothing().end_of(b""), None);
    }
}
