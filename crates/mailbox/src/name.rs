//! The name of a folder as people see it, and the folder of the disk that
//! stands for it (Maildir++ in modified UTF-7, RFC 3501 §5.1.3).

use std::fmt;

use thiserror::Error;
use uidlist::{FolderDir, FolderError};

/// What separates the levels of a folder name, as Maildir++ has it.
pub const SEPARATOR: char = '.';

/// A folder's name in UTF-8, its levels separated by [`SEPARATOR`]. `INBOX`
/// is recognised in any case (RFC 3501 §5.1).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FolderName(Box<str>);

/// Why some text is no name of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    /// Nothing, or an empty level.
    #[error("a level of the folder name is empty")]
    EmptyLevel,
    /// A control character.
    #[error("the folder name has a control character")]
    Control,
    /// More bytes than a file name can have, or more than 16 levels.
    #[error("the folder name is too long or too deep")]
    TooLong,
}

/// The longest name in octets, below what SQL keeps.
const MAX_SHOWN: usize = 250;

impl FolderName {
    /// Reads a name as a user or a client gives it.
    ///
    /// # Errors
    ///
    /// [`NameError`] says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let levels = uidlist::FolderName::parse(text, SEPARATOR)?;
        let shown: String = levels.levels().collect::<Vec<_>>().join(".");
        if shown.len() > MAX_SHOWN { Err(NameError::TooLong) } else { Ok(Self(shown.into())) }
    }

    /// The folder that every account has.
    #[must_use]
    pub fn inbox() -> Self {
        Self("INBOX".into())
    }

    /// Whether this is the folder that every account has.
    #[must_use]
    pub fn is_inbox(&self) -> bool {
        &*self.0 == "INBOX"
    }

    /// The name in UTF-8.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name one level up, where there is one.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once(SEPARATOR).map(|(parent, _)| Self(parent.into()))
    }

    /// Whether this is below the other, at any depth.
    #[must_use]
    pub fn is_below(&self, other: &Self) -> bool {
        self.0.strip_prefix(&*other.0).is_some_and(|rest| rest.starts_with(SEPARATOR))
    }

    /// The name with its beginning `from` put in place by `to`: how children
    /// follow a folder that is renamed.
    ///
    /// # Errors
    ///
    /// [`NameError::TooLong`] where the new name is too long.
    pub fn moved(&self, from: &Self, to: &Self) -> Result<Self, NameError> {
        match self.0.strip_prefix(&*from.0) {
            Some(rest) => Self::parse(&format!("{}{rest}", to.0)),
            None => Ok(self.clone()),
        }
    }

    /// The folder of the disk that stands for it.
    pub(crate) fn dir(&self) -> FolderDir {
        // What was parsed once parses again; INBOX would be a safe answer if
        // it did not, since a folder of that name always exists.
        uidlist::FolderName::parse(&self.0, SEPARATOR).map_or_else(|_| FolderDir::inbox(), |name| name.dir())
    }

    /// The name that a folder found on disk is shown under; nothing where it
    /// cannot be shown.
    pub(crate) fn from_disk(dir: &FolderDir) -> Option<Self> {
        let shown = match dir.name() {
            Ok(name) => name.shown(SEPARATOR),
            // Some programs write UTF-8 instead of modified UTF-7.
            Err(_) => std::str::from_utf8(dir.as_bytes()).ok()?.strip_prefix(SEPARATOR)?.to_owned(),
        };
        Self::parse(&shown).ok().filter(|name| name.is_inbox() == dir.is_inbox())
    }
}

impl From<FolderError> for NameError {
    fn from(error: FolderError) -> Self {
        match error {
            FolderError::Control => Self::Control,
            FolderError::TooLong | FolderError::TooDeep => Self::TooLong,
            FolderError::Empty | FolderError::NotADirectoryName | FolderError::NotUtf7 => Self::EmptyLevel,
        }
    }
}

impl fmt::Display for FolderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for FolderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FolderName({})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shown_and_on_disk() {
        let cases = [
            ("inbox", "INBOX", ""),
            ("Inbox.Sub", "INBOX.Sub", ".INBOX.Sub"),
            ("Junk", "Junk", ".Junk"),
            ("Entwürfe", "Entwürfe", ".Entw&APw-rfe"),
            ("Entwu\u{308}rfe", "Entwürfe", ".Entw&APw-rfe"),
            ("a/b", "a/b", ".a\\2fb"),
            ("A&B.C", "A&B.C", ".A&-B.C"),
        ];
        for (given, shown, disk) in cases {
            let name = FolderName::parse(given).unwrap();
            assert_eq!((name.as_str(), name.dir().as_bytes()), (shown, disk.as_bytes()));
        }
    }

    #[test]
    fn refused() {
        let long = "ü".repeat(200);
        let deep = "a.".repeat(40) + "a";
        let cases = [
            ("", NameError::EmptyLevel),
            ("a..b", NameError::EmptyLevel),
            (".a", NameError::EmptyLevel),
            ("..", NameError::EmptyLevel),
            ("a\r\nb", NameError::Control),
            ("a\0", NameError::Control),
            (&long, NameError::TooLong),
            (&deep, NameError::TooLong),
        ];
        for (given, error) in cases {
            assert_eq!(FolderName::parse(given), Err(error), "{given:?}");
        }
    }

    #[test]
    fn found_on_disk() {
        for (disk, shown) in [
            ("", Some("INBOX")),
            (".Entw&APw-rfe", Some("Entwürfe")),
            (".Grüße", Some("Grüße")),
            (".a&b", Some("a&b")),
            (".INBOX", None),
            (".a..b", None),
        ] {
            let dir = FolderDir::new(disk.as_bytes()).unwrap();
            assert_eq!(FolderName::from_disk(&dir).as_ref().map(FolderName::as_str), shown, "{disk}");
        }
    }

    #[test]
    fn children_follow() {
        let [a, ab, axb, to] = ["A", "A.B", "AX.B", "Z.Y"].map(|name| FolderName::parse(name).unwrap());
        assert!(ab.is_below(&a) && !axb.is_below(&a) && !a.is_below(&a));
        assert_eq!(ab.moved(&a, &to).unwrap().as_str(), "Z.Y.B");
        assert_eq!(ab.parent(), Some(a));
    }

    proptest! {
        #[test]
        fn what_is_on_disk_reads_as_the_same(text in "\\PC{1,30}") {
            if let Ok(name) = FolderName::parse(&text) {
                let dir = name.dir();
                prop_assert!(dir.is_inbox() == name.is_inbox() && !dir.as_bytes().contains(&b'/'));
                if !text.contains('\\') {
                    prop_assert_eq!(FolderName::from_disk(&dir), Some(name));
                }
            }
        }
    }
}
