//! What somebody who mistyped a word probably meant.

/// The nearest of the known words, if one is near enough.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let most = 1 + word.chars().count() / 4;
    let near = known.into_iter().map(|known| (distance(&word, known), known)).filter(|(steps, _)| *steps <= most);
    near.min_by_key(|(steps, _)| *steps).map(|(_, known)| known)
}

/// Insertions, removals, changes and swaps of neighbours between two words.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().take(64).collect(), right.chars().take(64).collect());
    let mut rows = vec![(0..=right.len()).collect::<Vec<usize>>()];
    for (i, l) in left.iter().enumerate() {
        let above = &rows[i];
        let mut row = vec![i + 1];
        for (j, r) in right.iter().enumerate() {
            let mut steps = (above[j] + usize::from(l != r)).min(above[j + 1] + 1).min(row[j] + 1);
            let swapped = i > 0 && j > 0 && left[i - 1] == *r && *l == right[j - 1];
            if swapped {
                steps = steps.min(rows[i - 1][j - 1] + 1);
            }
            row.push(steps);
        }
        rows.push(row);
    }
    rows.last().and_then(|row| row.last()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_words() {
        let known = ["hostname", "user", "data", "max_message", "max_recipients"];
        let cases = [
            ("hostnam", Some("hostname")),
            ("Hostname", Some("hostname")),
            ("usre", Some("user")),
            ("max_mesage", Some("max_message")),
            ("max-message", Some("max_message")),
            ("maxrecipients", Some("max_recipients")),
            ("dta", Some("data")),
            ("colour", None),
            ("", None),
        ];
        for (word, expected) in cases {
            assert_eq!(nearest(word, known), expected, "{word}");
        }
    }

    #[test]
    fn distances() {
        let cases = [("", "", 0), ("a", "", 1), ("ab", "ba", 1), ("abc", "abd", 1), ("kitten", "sitting", 3)];
        for (left, right, steps) in cases {
            assert_eq!((distance(left, right), distance(right, left)), (steps, steps), "{left} {right}");
        }
        assert!(distance(&"x".repeat(100_000), &"y".repeat(100_000)) <= 64);
    }
}
