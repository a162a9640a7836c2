//! The letters behind `:2,` in a file name: system flags in upper case,
//! keywords `a` to `z` in lower case.

use std::fmt;

/// A set of flag letters, kept as 52 bits: `A` to `Z` are bits 0 to 25, `a` to
/// `z` are bits 26 to 51.
///
/// Letters that have no meaning here are kept too, so that a rename of ours
/// does not take away what another program wrote.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Flags(u64);

/// The bits that a letter can have.
const ALL: u64 = (1 << 52) - 1;

impl Flags {
    /// No letter.
    pub const NONE: Self = Self(0);
    /// `D`: `\Draft`.
    pub const DRAFT: Self = Self::letter_const(b'D');
    /// `F`: `\Flagged`.
    pub const FLAGGED: Self = Self::letter_const(b'F');
    /// `P`: passed on, bounced or forwarded; the keyword `$Forwarded`.
    pub const PASSED: Self = Self::letter_const(b'P');
    /// `R`: `\Answered`.
    pub const REPLIED: Self = Self::letter_const(b'R');
    /// `S`: `\Seen`.
    pub const SEEN: Self = Self::letter_const(b'S');
    /// `T`: `\Deleted`.
    pub const TRASHED: Self = Self::letter_const(b'T');
    /// The IMAP keyword that [`Flags::PASSED`] stands for.
    pub const PASSED_KEYWORD: &'static str = "$Forwarded";

    /// Reads letters; octets that are no letter are skipped.
    #[must_use]
    pub fn parse(letters: &[u8]) -> Self {
        letters.iter().filter_map(|letter| Self::letter(*letter)).fold(Self::NONE, Self::with)
    }

    /// The set with this letter alone; `None` if it is no ASCII letter.
    #[must_use]
    pub fn letter(letter: u8) -> Option<Self> {
        letter.is_ascii_alphabetic().then(|| Self::letter_const(letter))
    }

    /// The keyword with this number in the folder's keyword file, 0 to 25.
    #[must_use]
    pub fn keyword(index: u8) -> Option<Self> {
        (index < 26).then(|| Self(1 << (26 + index)))
    }

    /// From bits as [`Flags::bits`] gives them; others are dropped.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self(bits & ALL)
    }

    /// The bits, for storing.
    #[must_use]
    pub fn bits(self) -> u64 {
        self.0
    }

    /// Both sets together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// This set without the other.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of the other are in this set.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is no letter.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The numbers of the keywords in the set, ascending, 0 to 25.
    pub fn keywords(self) -> impl Iterator<Item = u8> {
        (0..26).filter(move |index| self.0 & (1 << (26 + index)) != 0)
    }

    /// The letters in ASCII order, as Maildir demands.
    #[must_use]
    pub fn letters(self) -> String {
        (0..52_u8).filter(|bit| self.0 & (1 << bit) != 0).map(letter_of).collect()
    }

    /// Only for ASCII letters.
    const fn letter_const(letter: u8) -> Self {
        if letter.is_ascii_uppercase() { Self(1 << (letter - b'A')) } else { Self(1 << (26 + letter - b'a')) }
    }
}

fn letter_of(bit: u8) -> char {
    char::from(if bit < 26 { b'A' + bit } else { b'a' + bit - 26 })
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.letters())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn letters_are_sorted_and_unique() {
        let cases: [(&[u8], &str); 6] =
            [(b"", ""), (b"SRFDPT", "DFPRST"), (b"baSaS", "Sab"), (b"zA", "Az"), (b"S\xff,1 S\0", "S"), (b"SX", "SX")];
        for (given, letters) in cases {
            assert_eq!(Flags::parse(given).letters(), letters);
        }
    }

    #[test]
    fn sets() {
        let both = Flags::SEEN.with(Flags::keyword(2).unwrap());
        assert_eq!(both.letters(), "Sc");
        assert!(both.contains(Flags::SEEN) && !Flags::SEEN.contains(both));
        assert_eq!(both.without(Flags::SEEN).keywords().collect::<Vec<_>>(), [2]);
        assert_eq!(Flags::keyword(26), None);
        assert_eq!(Flags::letter(b'1'), None);
        assert!(Flags::NONE.is_empty() && !both.is_empty());
    }

    proptest! {
        #[test]
        fn bits_and_letters_read_back(bits: u64) {
            let flags = Flags::from_bits(bits);
            prop_assert_eq!(Flags::from_bits(flags.bits()), flags);
            let letters = flags.letters();
            prop_assert_eq!(Flags::parse(letters.as_bytes()), flags);
            prop_assert!(letters.as_bytes().windows(2).all(|w| w[0] < w[1]));
        }
    }
}
