//! The patterns of LIST and LSUB (RFC 3501 §6.3.8): `*` is anything, `%`
//! anything without a separator.

use imap::MailboxName;
use imap::response::{Code, Reply};
use mailbox::{FolderName, SEPARATOR};
use mime::Understands;

/// Longer than any name; the work of a match is its length times the name's, so
/// a whole list is gone through where that may take its time.
const MAX_CHARS: usize = 500;

/// A reference and a pattern put together.
#[derive(Debug)]
pub(super) struct Pattern(Vec<char>);

impl Pattern {
    pub(super) fn new(reference: &MailboxName, pattern: &MailboxName, by: Understands) -> Result<Self, Reply> {
        let mut chars: Vec<char> = Vec::new();
        for c in reference.meant(by).chars().chain(pattern.meant(by).chars()) {
            // Two stars match what one matches.
            if !(c == '*' && chars.last() == Some(&'*')) {
                chars.push(c);
            }
            if chars.len() > MAX_CHARS {
                return Err(Reply::no("The pattern is too long").with(Code::Limit));
            }
        }
        Ok(Self(chars))
    }

    /// `INBOX` is matched in any case.
    pub(super) fn fits(&self, name: &FolderName) -> bool {
        if matches(&self.0, name.as_str()) {
            return true;
        }
        name.is_inbox() && {
            let upper: Vec<char> = self.0.iter().map(char::to_ascii_uppercase).collect();
            matches(&upper, name.as_str())
        }
    }
}

/// Which prefixes of the pattern match what was read so far, one bit each: no
/// backtracking, whatever the pattern.
fn matches(pattern: &[char], name: &str) -> bool {
    let mut alive = vec![false; pattern.len() + 1];
    alive[0] = true;
    skip_wildcards(pattern, &mut alive);
    for c in name.chars() {
        let mut next = vec![false; pattern.len() + 1];
        for (at, wanted) in pattern.iter().enumerate().filter(|(at, _)| alive[*at]) {
            match wanted {
                '*' => next[at] = true,
                '%' => next[at] |= c != SEPARATOR,
                literal => next[at + 1] |= *literal == c,
            }
        }
        skip_wildcards(pattern, &mut next);
        alive = next;
    }
    alive[pattern.len()]
}

fn skip_wildcards(pattern: &[char], alive: &mut [bool]) {
    for (at, c) in pattern.iter().enumerate() {
        if alive[at] && matches!(c, '*' | '%') {
            alive[at + 1] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(reference: &str, pattern: &str) -> Result<Pattern, Reply> {
        let name = |text: &str| MailboxName::from_sent(text.as_bytes()).unwrap();
        Pattern::new(&name(reference), &name(pattern), Understands::Ascii)
    }

    #[test]
    fn patterns() {
        for (reference, text, name, expected) in [
            ("", "*", "A.B", true),
            ("", "%", "A.B", false),
            ("", "%", "A", true),
            ("A.", "%", "A.B", true),
            ("", "A%", "A", true),
            ("", "%.B", "A.B", true),
            ("", "*B*", "A.BC.D", true),
            ("", "inbox", "INBOX", true),
            ("", "inb%", "INBOX", true),
            ("", "a", "A", false),
            ("", "", "A", false),
            ("", "%%*%", "A.B", true),
        ] {
            let name = FolderName::parse(name).unwrap();
            assert_eq!(pattern(reference, text).unwrap().fits(&name), expected, "{reference}{text}");
        }
        assert!(pattern("", &"%*".repeat(400)).is_err());
        let hostile = pattern("", &("*a".repeat(200) + "b")).unwrap();
        assert!(!hostile.fits(&FolderName::parse(&"a".repeat(200)).unwrap()));
    }
}
