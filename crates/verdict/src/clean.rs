//! Makes names from signature feeds and from the configuration harmless, before
//! they stand in a header, a reply or a log.

/// Printable ASCII, without what separates the parts of the header (`;` and
/// `"`), runs of spaces made one, at most `max` characters.
pub(crate) fn word(text: &str, max: usize) -> String {
    let mut clean = String::with_capacity(text.len().min(max));
    for c in text.chars() {
        if clean.len() == max {
            break;
        }
        match c {
            ' ' | '\t' | '\r' | '\n' if clean.is_empty() || clean.ends_with(' ') => {}
            ' ' | '\t' | '\r' | '\n' => clean.push(' '),
            ';' | '"' | '\\' => clean.push('_'),
            c if c.is_ascii_graphic() => clean.push(c),
            _ => clean.push('_'),
        }
    }
    clean.truncate(clean.trim_end().len());
    clean
}

/// Printable ASCII in one line, at most `max` bytes: text for people. What is
/// too long ends at a word, with three dots.
pub(crate) fn sentence(text: &str, max: usize) -> String {
    let ascii = text.chars().map(|c| if c.is_whitespace() || c.is_control() { ' ' } else { c });
    let ascii: String = ascii.map(|c| if c.is_ascii() { c } else { '?' }).take(4 * max + 4).collect();
    let line = ascii.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    if line.len() <= max {
        return line;
    }
    let room = max.saturating_sub(3);
    let cut = line[..room].rfind(' ').filter(|at| *at > room / 2).unwrap_or(room);
    let mut short = line[..cut].trim_end_matches([' ', '.', ',']).to_owned();
    short.push_str(&"..."[..max.min(3)]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words() {
        let cases = [
            ("Win.Test.EICAR_HDB-1", "Win.Test.EICAR_HDB-1"),
            ("a\r\nBcc: evil@example.org", "a Bcc: evil@example.org"),
            ("  a ;\t b\"c\\ ", "a _ b_c_"),
            ("völlig", "v_llig"),
            ("\u{0}\u{7f}", "__"),
            ("", ""),
        ];
        for (given, clean) in cases {
            assert_eq!(word(given, 100), clean, "{given:?}");
        }
        assert_eq!(word("abc def", 4), "abc");
    }

    #[test]
    fn sentences() {
        assert_eq!(sentence(" Two\r\n  words ", 100), "Two words");
        assert_eq!(sentence("The quick brown fox", 15), "The quick...");
        assert_eq!(sentence("Unteilbareswort", 10), "Unteilb...");
        assert_eq!(sentence("schön", 10), "sch?n");
        assert_eq!(sentence("long", 2), "..");
    }

    proptest! {
        #[test]
        fn bounded_and_printable(text in "\\PC{0,60}|[\\x00-\\x20]{0,20}", max in 0_usize..40) {
            for clean in [word(&text, max), sentence(&text, max)] {
                prop_assert!(clean.len() <= max);
                prop_assert!(clean.bytes().all(|b| (32..127).contains(&b)));
            }
            prop_assert!(!word(&text, max).contains([';', '"']));
        }
    }
}
