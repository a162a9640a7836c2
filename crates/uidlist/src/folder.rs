//! A folder's name as people see it and the one directory that it is on disk.
//!
//! Maildir++ puts all folders beside each other: the folder `Work` of `Lists`
//! is the directory `.Lists.Work`. A level may hold the separator itself, or a
//! slash; on disk these are written `\2e` and `\2f` (and a backslash `\5c`),
//! as Dovecot's escaping does.

use std::fmt;

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;

use crate::utf7;

/// The longest directory name that a file system takes.
const MAX_OCTETS: usize = 255;
/// The most levels that a name may have.
const MAX_LEVELS: usize = 32;
/// The name that every account has, in any case (RFC 3501 §5.1).
const INBOX: &str = "INBOX";

/// A folder's name: one or more levels of text in NFC, none empty, without
/// control characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FolderName(Vec<Box<str>>);

/// The directory of a folder within an account's Maildir: empty for INBOX
/// (the Maildir itself), `.Name.Sub` otherwise. One path component, never `.`
/// or `..`, without `/`, NUL, CR and LF, at most 255 octets.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FolderDir(Box<[u8]>);

/// Why some text or bytes name no folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FolderError {
    /// The name or one of its levels is empty.
    #[error("a part of the folder name is empty")]
    Empty,
    /// A control character.
    #[error("a control character in the folder name")]
    Control,
    /// More than 255 octets on disk.
    #[error("the folder name is too long")]
    TooLong,
    /// More than 32 levels.
    #[error("the folder name has too many levels")]
    TooDeep,
    /// The bytes on disk are no directory that a Maildir++ folder can have.
    #[error("not the directory of a folder")]
    NotADirectoryName,
    /// The directory's name is not in modified UTF-7.
    #[error("the directory name is not in modified UTF-7")]
    NotUtf7,
}

impl FolderName {
    /// Reads a name as a client sends it, with its level separator.
    ///
    /// # Errors
    ///
    /// [`FolderError`] says which rule it breaks.
    pub fn parse(shown: &str, separator: char) -> Result<Self, FolderError> {
        Self::from_levels(shown.split(separator))
    }

    /// From levels; a single `inbox` in any case is INBOX.
    ///
    /// # Errors
    ///
    /// [`FolderError`] says which rule they break.
    pub fn from_levels<'a>(levels: impl IntoIterator<Item = &'a str>) -> Result<Self, FolderError> {
        let mut kept: Vec<Box<str>> = Vec::new();
        for level in levels {
            if kept.len() == MAX_LEVELS {
                return Err(FolderError::TooDeep);
            }
            kept.push(check_level(level)?);
        }
        match kept.first_mut() {
            None => return Err(FolderError::Empty),
            Some(first) if first.eq_ignore_ascii_case(INBOX) => *first = INBOX.into(),
            Some(_) => {}
        }
        let name = Self(kept);
        if name.on_disk().len() > MAX_OCTETS { Err(FolderError::TooLong) } else { Ok(name) }
    }

    /// INBOX.
    #[must_use]
    pub fn inbox() -> Self {
        Self(vec![INBOX.into()])
    }

    /// Whether it is INBOX itself.
    #[must_use]
    pub fn is_inbox(&self) -> bool {
        matches!(self.0.as_slice(), [only] if &**only == INBOX)
    }

    /// The levels, outermost first.
    pub fn levels(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|level| &**level)
    }

    /// The name with this separator between levels. A level that holds the
    /// separator shows it in its escaped form, so that the answer reads back
    /// as the same number of levels.
    #[must_use]
    pub fn shown(&self, separator: char) -> String {
        let levels: Vec<String> = self.levels().map(|level| escape(level, |c| c == separator)).collect();
        levels.join(&separator.to_string())
    }

    /// Where it is on disk.
    #[must_use]
    pub fn dir(&self) -> FolderDir {
        if self.is_inbox() { FolderDir::inbox() } else { FolderDir(self.on_disk().into_bytes().into()) }
    }

    fn on_disk(&self) -> String {
        let mut dir = String::new();
        for level in self.levels() {
            dir.push('.');
            dir.push_str(&utf7::encode(&escape(level, |c| matches!(c, '.' | '/' | '\\'))));
        }
        dir
    }
}

impl FolderDir {
    /// The Maildir itself.
    #[must_use]
    pub fn inbox() -> Self {
        Self(Box::default())
    }

    /// Checks a directory name as a listing or the index gives it; empty is
    /// INBOX.
    ///
    /// # Errors
    ///
    /// [`FolderError::NotADirectoryName`] where no folder can be called so.
    pub fn new(bytes: &[u8]) -> Result<Self, FolderError> {
        let shape = bytes.is_empty() || (bytes[0] == b'.' && bytes.len() > 1 && bytes.len() <= MAX_OCTETS);
        if !shape || bytes == b".." || bytes.iter().any(|b| b"/\0\r\n".contains(b)) {
            return Err(FolderError::NotADirectoryName);
        }
        Ok(Self(bytes.into()))
    }

    /// Whether it is the Maildir itself.
    #[must_use]
    pub fn is_inbox(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes on disk.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name to show for it.
    ///
    /// # Errors
    ///
    /// [`FolderError`] where the directory was named by a program with other
    /// rules; the caller decides what to show then.
    pub fn name(&self) -> Result<FolderName, FolderError> {
        if self.is_inbox() {
            return Ok(FolderName::inbox());
        }
        let mut levels = Vec::new();
        for part in self.0[1..].split(|b| *b == b'.').take(MAX_LEVELS + 1) {
            levels.push(unescape(&utf7::decode(part).map_err(|_| FolderError::NotUtf7)?));
        }
        FolderName::from_levels(levels.iter().map(String::as_str))
    }
}

fn check_level(level: &str) -> Result<Box<str>, FolderError> {
    if level.is_empty() {
        return Err(FolderError::Empty);
    }
    if level.len() > MAX_OCTETS {
        return Err(FolderError::TooLong);
    }
    if level.chars().any(char::is_control) {
        return Err(FolderError::Control);
    }
    Ok(level.nfc().collect::<String>().into())
}

fn escape(level: &str, special: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(level.len());
    for c in level.chars() {
        if special(c) && c.is_ascii() {
            out.push_str(&format!("\\{:02x}", u32::from(c)));
        } else {
            out.push(c);
        }
    }
    out
}

/// Only the three escapes that we write; any other backslash is one of a name
/// that another program made.
fn unescape(level: &str) -> String {
    level.replace("\\2e", ".").replace("\\2f", "/").replace("\\5c", "\\")
}

impl fmt::Display for FolderDir {
    /// For logs: octets that are no printable ASCII are escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for FolderDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FolderDir({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_and_directories() {
        let cases = [
            ("INBOX", '.', ""),
            ("inbox", '.', ""),
            ("Inbox.Sub", '.', ".INBOX.Sub"),
            ("Junk", '.', ".Junk"),
            ("Lists.Work", '.', ".Lists.Work"),
            ("Lists/Work", '/', ".Lists.Work"),
            ("v1.2/a", '/', ".v1\\2e2.a"),
            ("a/b", '.', ".a\\2fb"),
            ("a\\b", '.', ".a\\5cb"),
            ("..", '/', ".\\2e\\2e"),
            ("Entwürfe", '.', ".Entw&APw-rfe"),
            ("Entwu\u{308}rfe", '.', ".Entw&APw-rfe"),
        ];
        for (shown, separator, dir) in cases {
            let name = FolderName::parse(shown, separator).unwrap();
            assert_eq!(name.dir().as_bytes(), dir.as_bytes(), "{shown}");
            assert_eq!(name.dir().name(), Ok(name), "{shown}");
        }
    }

    #[test]
    fn a_dot_within_a_level_is_shown_escaped() {
        let name = FolderName::parse("v1.2/a", '/').unwrap();
        assert_eq!((name.shown('/').as_str(), name.shown('.').as_str()), ("v1.2/a", "v1\\2e2.a"));
    }

    #[test]
    fn names_refused() {
        let long = "ä".repeat(120);
        let deep = "a.".repeat(40);
        let cases = [
            ("", FolderError::Empty),
            ("a..b", FolderError::Empty),
            (".a", FolderError::Empty),
            ("a.", FolderError::Empty),
            ("a\nb", FolderError::Control),
            ("a\0b", FolderError::Control),
            (long.as_str(), FolderError::TooLong),
            (deep.as_str(), FolderError::TooDeep),
        ];
        for (shown, error) in cases {
            assert_eq!(FolderName::parse(shown, '.'), Err(error), "{shown:?}");
        }
    }

    #[test]
    fn directories_refused() {
        let long = [b".".as_slice(), &[b'a'; 255]].concat();
        for bad in [b".".as_slice(), b"..", b"cur", b"./a", b".a/../b", b".a\0", b".a\nb", &long] {
            assert_eq!(FolderDir::new(bad), Err(FolderError::NotADirectoryName), "{}", bad.escape_ascii());
        }
        for odd in [b".a..b".as_slice(), b"...", b".a.", b".\xff", b".a&", b".\tb"] {
            assert!(FolderDir::new(odd).unwrap().name().is_err(), "{}", odd.escape_ascii());
        }
    }

    proptest! {
        #[test]
        fn what_is_named_is_found_again(levels in proptest::collection::vec("[a-zA-Z0-9./\\\\&äé台😀 e2f5c]{1,6}", 1..5)) {
            let name = FolderName::from_levels(levels.iter().map(String::as_str)).unwrap();
            let dir = name.dir();
            prop_assert_eq!(FolderDir::new(dir.as_bytes()), Ok(dir.clone()));
            prop_assert_eq!(dir.name(), Ok(name));
        }

        #[test]
        fn any_directory_is_safe_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            if let Ok(dir) = FolderDir::new(&bytes) {
                prop_assert!(!dir.as_bytes().contains(&b'/') && dir.as_bytes() != b"..");
                let _ = dir.name();
            }
        }
    }
}
