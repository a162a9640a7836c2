//! `dovecot-keywords`: which keyword each letter `a` to `z` means in a folder.
//!
//! One line for each: `<number> <keyword>`, numbers from 0 (letter `a`).

use crate::Flags;
use crate::base_name::number;

/// How many letters there are.
const LETTERS: usize = 26;
/// The longest keyword that is kept.
const MAX_KEYWORD_OCTETS: usize = 255;

/// The keywords of a folder by letter.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keywords([Option<Box<str>>; LETTERS]);

impl Keywords {
    /// Reads the file. Lines that say nothing usable are skipped: losing one
    /// keyword is better than losing all. The first line for a number counts.
    #[must_use]
    pub fn parse(text: &[u8]) -> Self {
        let mut keywords = Self::default();
        for line in text.split(|b| *b == b'\n').take(LETTERS * 100) {
            let Some((index, word)) = entry(line) else { continue };
            if keywords.index_of(word).is_none() && keywords.0[index].is_none() {
                keywords.0[index] = Some(word.into());
            }
        }
        keywords
    }

    /// Writes the file.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        for (index, word) in self.0.iter().enumerate() {
            if let Some(word) = word {
                text.push_str(&format!("{index} {word}\n"));
            }
        }
        text
    }

    /// The keyword of a number.
    #[must_use]
    pub fn get(&self, index: u8) -> Option<&str> {
        self.0.get(usize::from(index))?.as_deref()
    }

    /// The letter of a keyword (compared without regard to case, RFC 9051
    /// §2.3.2).
    #[must_use]
    pub fn flag(&self, keyword: &str) -> Option<Flags> {
        Flags::keyword(u8::try_from(self.index_of(keyword)?).ok()?)
    }

    /// The letter of a keyword, given to it now if it had none. `None` when all
    /// 26 are given out or the word is no keyword: it then lives in the index
    /// alone.
    pub fn assign(&mut self, keyword: &str) -> Option<Flags> {
        if self.index_of(keyword).is_none() && is_keyword(keyword) {
            let free = self.0.iter().position(Option::is_none)?;
            self.0[free] = Some(keyword.into());
        }
        self.flag(keyword)
    }

    /// The keywords that a set of flags holds, `P` and unknown letters apart.
    pub fn names(&self, flags: Flags) -> impl Iterator<Item = &str> {
        flags.keywords().filter_map(|index| self.get(index))
    }

    fn index_of(&self, keyword: &str) -> Option<usize> {
        self.0.iter().position(|word| word.as_deref().is_some_and(|word| word.eq_ignore_ascii_case(keyword)))
    }
}

fn entry(line: &[u8]) -> Option<(usize, &str)> {
    let line = std::str::from_utf8(line).ok()?;
    let (index, word) = line.split_once(' ')?;
    let index: usize = number(index.as_bytes())?;
    (index < LETTERS && is_keyword(word)).then_some((index, word))
}

/// `flag-keyword = atom` (RFC 9051 §9).
fn is_keyword(word: &str) -> bool {
    let atom = |b: u8| b.is_ascii_graphic() && !b"(){%*\"\\]".contains(&b);
    !word.is_empty() && word.len() <= MAX_KEYWORD_OCTETS && word.bytes().all(atom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn read_and_written() {
        let keywords = Keywords::parse(b"0 $Junk\n2 work\n");
        assert_eq!(keywords.render(), "0 $Junk\n2 work\n");
        assert_eq!((keywords.get(0), keywords.get(1), keywords.get(99)), (Some("$Junk"), None, None));
        assert_eq!(keywords.flag("$JUNK"), Flags::keyword(0));
        assert_eq!(keywords.names(Flags::parse(b"Sabc")).collect::<Vec<_>>(), ["$Junk", "work"]);
    }

    #[test]
    fn unusable_lines_are_skipped() {
        let text = b"0 a\n0 b\n1 A\n26 c\n-1 d\nx\n3 two words\n4 \xff\n5 \\Seen\n 6 e\n7 ok";
        assert_eq!(Keywords::parse(text).render(), "0 a\n7 ok\n");
    }

    #[test]
    fn letters_run_out() {
        let mut keywords = Keywords::default();
        for n in 0..26 {
            assert_eq!(keywords.assign(&format!("k{n}")), Flags::keyword(n));
        }
        assert_eq!(keywords.assign("k26"), None);
        assert_eq!(keywords.assign("K3"), Flags::keyword(3));
        assert_eq!(Keywords::default().assign("two words"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(text in proptest::collection::vec(proptest::sample::select(b"0123 \nab$\\\xff".to_vec()), 0..60)) {
            let keywords = Keywords::parse(&text);
            prop_assert_eq!(Keywords::parse(keywords.render().as_bytes()), keywords);
        }
    }
}
