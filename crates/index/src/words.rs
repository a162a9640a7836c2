//! The numbers and flags that the index keeps for a message, each as a type
//! of its own.

use std::fmt;

/// Declares an id of an index row: a positive 63-bit number made by
/// [`mail::IdSource`].
macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(i64);

        impl $name {
            /// From the number that SQL keeps.
            #[must_use]
            pub const fn new(number: i64) -> Self {
                Self(number)
            }

            /// The number that SQL keeps.
            #[must_use]
            pub const fn number(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

row_id!(
    /// An account in the index: the owner of a Maildir.
    AccountId
);
row_id!(
    /// A folder of an account.
    MailboxId
);
row_id!(
    /// One copy of a refused message.
    QuarantineId
);

/// The unique identifier of a message in its folder (RFC 3501 §2.3.1.1).
/// Never zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Uid(std::num::NonZeroU32);

impl Uid {
    /// A UID, unless the number is zero.
    #[must_use]
    pub fn new(number: u32) -> Option<Self> {
        std::num::NonZeroU32::new(number).map(Self)
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// From a column: nothing where the number is no UID.
    pub(crate) fn from_sql(number: i64) -> Option<Self> {
        u32::try_from(number).ok().and_then(Self::new)
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Changes when the UIDs of a folder begin anew (RFC 3501 §2.3.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UidValidity(pub u32);

impl fmt::Display for UidValidity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The number of a change in a folder (RFC 7162 §3.1), at most 2^63 - 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct ModSeq(pub u64);

impl ModSeq {
    pub(crate) fn from_sql(number: i64) -> Self {
        Self(u64::try_from(number).unwrap_or_default())
    }

    pub(crate) fn to_sql(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }
}

impl fmt::Display for ModSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The system flags of a message (RFC 3501 §2.3.2) as a set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Flags(u8);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// `\Draft`, `D` in a file name.
    pub const DRAFT: Self = Self(1);
    /// `\Flagged`, `F` in a file name.
    pub const FLAGGED: Self = Self(2);
    /// Passed on (`$Forwarded`), `P` in a file name.
    pub const PASSED: Self = Self(4);
    /// `\Answered`, `R` in a file name.
    pub const ANSWERED: Self = Self(8);
    /// `\Seen`, `S` in a file name.
    pub const SEEN: Self = Self(16);
    /// `\Deleted`, `T` in a file name.
    pub const DELETED: Self = Self(32);
    /// Every flag that there is.
    pub const ALL: Self = Self(63);

    /// The flags of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These without the others.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether all of the others are in here.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether no flag is set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// As bits, the way SQL keeps them.
    #[must_use]
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// From bits; unknown ones are dropped.
    #[must_use]
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// What the letters of a file name say.
    #[must_use]
    pub fn of_letters(letters: uidlist::Flags) -> Self {
        meaning_of(letters).0
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = "DFPRST";
        let set = letters.chars().enumerate().filter(|(bit, _)| self.0 & (1 << bit) != 0);
        write!(f, "Flags({})", set.map(|(_, letter)| letter).collect::<String>())
    }
}

/// Which keywords of its folder's list a message has: bit n stands for the
/// n-th.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct KeywordSet(u64);

impl KeywordSet {
    /// The most keywords that one folder can have.
    pub const MAX: usize = 60;
    const MASK: u64 = (1 << Self::MAX) - 1;

    /// From bits; those behind the 60th are dropped.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits & Self::MASK)
    }

    /// As bits.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The keywords of both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// These without the others.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the n-th keyword is in here.
    #[must_use]
    pub const fn has(self, n: usize) -> bool {
        n < Self::MAX && self.0 & (1 << n) != 0
    }

    /// The positions of the keywords in here, ascending.
    pub fn positions(self) -> impl Iterator<Item = usize> {
        (0..Self::MAX).filter(move |n| self.has(*n))
    }
}

/// A keyword, a flag that users invent (`atom` of RFC 3501 §9): 1 to 64
/// printable ASCII characters without specials. Compared without regard to
/// case.
#[derive(Clone, Eq)]
pub struct Keyword(Box<str>);

impl Keyword {
    /// The longest keyword that is taken, in characters.
    pub const MAX_LEN: usize = 64;

    /// A keyword, where the text is an atom of permitted length.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let good = (1..=Self::MAX_LEN).contains(&text.len())
            && text.bytes().all(|b| (33..127).contains(&b) && !b"(){%*\"\\]".contains(&b));
        good.then(|| Self(text.into()))
    }

    /// As it was first written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl PartialEq for Keyword {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl std::hash::Hash for Keyword {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_ascii_lowercase().hash(state);
    }
}

impl fmt::Display for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Keyword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Keyword({})", self.0)
    }
}

/// When a message arrived (INTERNALDATE, RFC 3501 §2.3.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct InternalDate {
    /// Seconds since 1970 in UTC.
    pub secs: i64,
    /// The zone it is shown in, in minutes east of UTC.
    pub offset_minutes: i16,
}

/// One message as a session sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Its number in the folder.
    pub uid: Uid,
    /// The last change of its flags, or its arrival.
    pub modseq: ModSeq,
    /// System flags.
    pub flags: Flags,
    /// Keywords, as positions in the folder's list.
    pub keywords: KeywordSet,
    /// Bytes of the file (LF line ends).
    pub size: u64,
    /// Bytes on the wire (CRLF line ends): RFC822.SIZE.
    pub wsize: u64,
    /// INTERNALDATE.
    pub internal_date: InternalDate,
}

/// What a folder is for (RFC 6154 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpecialUse {
    /// `\Archive`.
    Archive,
    /// `\Drafts`.
    Drafts,
    /// `\Junk`.
    Junk,
    /// `\Sent`.
    Sent,
    /// `\Trash`.
    Trash,
}

impl SpecialUse {
    /// The attribute as IMAP writes it.
    #[must_use]
    pub fn attribute(self) -> &'static str {
        match self {
            Self::Archive => "\\Archive",
            Self::Drafts => "\\Drafts",
            Self::Junk => "\\Junk",
            Self::Sent => "\\Sent",
            Self::Trash => "\\Trash",
        }
    }

    /// The attribute's meaning, in any case.
    #[must_use]
    pub fn parse(attribute: &str) -> Option<Self> {
        [Self::Archive, Self::Drafts, Self::Junk, Self::Sent, Self::Trash]
            .into_iter()
            .find(|use_| use_.attribute().eq_ignore_ascii_case(attribute))
    }
}

/// The pairs of a system flag and its letter in a file name.
const LETTERS: [(Flags, uidlist::Flags); 6] = [
    (Flags::DRAFT, uidlist::Flags::DRAFT),
    (Flags::FLAGGED, uidlist::Flags::FLAGGED),
    (Flags::PASSED, uidlist::Flags::PASSED),
    (Flags::ANSWERED, uidlist::Flags::REPLIED),
    (Flags::SEEN, uidlist::Flags::SEEN),
    (Flags::DELETED, uidlist::Flags::TRASHED),
];

/// The letters that a file name should have for these flags and keywords; the
/// first 26 keywords of a folder have letters.
#[must_use]
pub fn letters_of(flags: Flags, keywords: KeywordSet) -> uidlist::Flags {
    let system = LETTERS.iter().filter(|(flag, _)| flags.has(*flag)).map(|(_, letter)| *letter);
    let words = keywords.positions().filter_map(|n| uidlist::Flags::keyword(u8::try_from(n).ok()?));
    system.chain(words).fold(uidlist::Flags::NONE, uidlist::Flags::with)
}

/// What the letters of a file name mean.
#[must_use]
pub fn meaning_of(letters: uidlist::Flags) -> (Flags, KeywordSet) {
    let flags = LETTERS.iter().filter(|(_, letter)| letters.contains(*letter));
    let bits = letters.keywords().fold(0, |bits, n| bits | 1_u64 << n);
    (flags.fold(Flags::NONE, |set, (flag, _)| set.with(*flag)), KeywordSet::from_bits(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_a_set() {
        let both = Flags::SEEN.with(Flags::DELETED);
        assert!(both.has(Flags::SEEN) && !both.has(Flags::DRAFT));
        assert_eq!(both.without(Flags::SEEN), Flags::DELETED);
        assert_eq!(Flags::from_bits(255), Flags::ALL);
        assert_eq!(format!("{both:?}"), "Flags(ST)");
    }

    #[test]
    fn keywords_are_atoms() {
        for good in ["$Junk", "NonJunk", "a"] {
            assert_eq!(Keyword::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "a b", "a\r", "\\Seen", "a(", "ä", &"k".repeat(65)] {
            assert!(Keyword::new(bad).is_none(), "{bad:?}");
        }
        assert_eq!(Keyword::new("$junk"), Keyword::new("$Junk"));
    }

    #[test]
    fn letters_mean_what_they_say() {
        let (flags, words) = (Flags::SEEN.with(Flags::PASSED), KeywordSet::from_bits(1 | 1 << 25 | 1 << 26));
        assert_eq!(letters_of(flags, words).letters(), "PSaz");
        assert_eq!(meaning_of(letters_of(flags, words)), (flags, KeywordSet::from_bits(1 | 1 << 25)));
        assert_eq!(meaning_of(uidlist::Flags::parse(b"XYZ")), (Flags::NONE, KeywordSet::default()));
    }

    #[test]
    fn special_uses_read_back() {
        assert_eq!(SpecialUse::parse("\\junk"), Some(SpecialUse::Junk));
        assert_eq!(SpecialUse::parse("\\All"), None);
    }

    #[test]
    fn a_uid_is_never_zero() {
        assert!(Uid::new(0).is_none() && Uid::from_sql(-1).is_none());
        assert_eq!(Uid::from_sql(7), Uid::new(7));
    }
}
