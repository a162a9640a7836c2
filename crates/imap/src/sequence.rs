//! Sets of message numbers or UIDs (RFC 3501 §9, `sequence-set`).

use std::ops::RangeInclusive;

/// A number of a set, or `*`, the largest one in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Number {
    /// A number from 1 on.
    Value(u32),
    /// `*`.
    Last,
}

/// Ranges, as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SequenceSet(Vec<(Number, Number)>);

impl SequenceSet {
    /// From ranges in any order; a single number is a range of one.
    #[must_use]
    pub fn new(ranges: Vec<(Number, Number)>) -> Self {
        Self(ranges)
    }

    /// Reads `2,4:7,9,12:*`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        text.split(',').map(range).collect::<Option<Vec<_>>>().map(Self)
    }

    /// The ranges in ascending order, none touching another, `*` being
    /// `last`. A set of a hundred thousand pieces costs one sorting.
    #[must_use]
    pub fn ranges(&self, last: u32) -> Vec<RangeInclusive<u32>> {
        let number = |n: Number| match n {
            Number::Value(value) => value,
            Number::Last => last,
        };
        let mut pairs: Vec<(u32, u32)> = self.0.iter().map(|(a, b)| (number(*a), number(*b))).collect();
        for pair in &mut pairs {
            *pair = (pair.0.min(pair.1), pair.0.max(pair.1));
        }
        pairs.sort_unstable();
        let mut merged: Vec<RangeInclusive<u32>> = Vec::new();
        for (low, high) in pairs {
            match merged.last_mut() {
                Some(before) if low <= before.end().saturating_add(1) => {
                    *before = *before.start()..=high.max(*before.end());
                }
                _ => merged.push(low..=high),
            }
        }
        merged
    }
}

fn range(text: &str) -> Option<(Number, Number)> {
    match text.split_once(':') {
        Some((a, b)) => Some((number(a)?, number(b)?)),
        None => number(text).map(|n| (n, n)),
    }
}

fn number(text: &str) -> Option<Number> {
    if text == "*" {
        return Some(Number::Last);
    }
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    text.parse().ok().filter(|n| *n > 0).map(Number::Value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sets() {
        let cases: [(&str, u32, &[(u32, u32)]); 7] = [
            ("1", 9, &[(1, 1)]),
            ("3:1,2", 9, &[(1, 3)]),
            ("5,4,1:2", 9, &[(1, 2), (4, 5)]),
            ("*", 9, &[(9, 9)]),
            ("12:*", 9, &[(9, 12)]),
            ("*:*,1", 9, &[(1, 1), (9, 9)]),
            ("4294967295,1", 9, &[(1, 1), (u32::MAX, u32::MAX)]),
        ];
        for (text, last, expected) in cases {
            let got: Vec<_> =
                SequenceSet::parse(text).unwrap().ranges(last).iter().map(|r| (*r.start(), *r.end())).collect();
            assert_eq!(got, expected, "{text}");
        }
        for bad in ["", "0", "1,", "1:", "a", "1:2:3", "+1", "4294967296"] {
            assert_eq!(SequenceSet::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn ranges_hold_what_was_written(pairs in proptest::collection::vec((1u32..40, 1u32..40), 1..12)) {
            let set = SequenceSet::new(pairs.iter().map(|(a, b)| (Number::Value(*a), Number::Value(*b))).collect());
            let ranges = set.ranges(40);
            for n in 1..=40 {
                let wanted = pairs.iter().any(|(a, b)| (*a.min(b)..=*a.max(b)).contains(&n));
                prop_assert_eq!(ranges.iter().any(|r| r.contains(&n)), wanted);
            }
            prop_assert!(ranges.windows(2).all(|w| *w[0].end() + 1 < *w[1].start()));
        }
    }
}
