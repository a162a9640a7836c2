//! One path component that was checked: nothing else reaches the file system.

use std::fmt;

use thiserror::Error;

/// The longest component that a file system takes.
const MAX_OCTETS: usize = 255;

/// A path component: not empty, not `.` or `..`, without `/` and NUL, at most
/// 255 octets. With it an operation cannot leave the directory it is given.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Box<[u8]>);

/// Some bytes are no path component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a name within a directory")]
pub struct BadName;

impl Name {
    /// Checks the bytes.
    ///
    /// # Errors
    ///
    /// [`BadName`] where they could lead elsewhere, or are empty or too long.
    pub fn new(bytes: &[u8]) -> Result<Self, BadName> {
        let long = bytes.is_empty() || bytes.len() > MAX_OCTETS;
        if long || bytes == b"." || bytes == b".." || bytes.iter().any(|b| b"/\0".contains(b)) {
            return Err(BadName);
        }
        Ok(Self(bytes.into()))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Name {
    /// For logs: octets that are no printable ASCII are escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.escape_ascii())
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components() {
        let long = [b'a'; 256];
        for bad in [b"".as_slice(), b".", b"..", b"a/b", b"/", b"a\0", &long] {
            assert_eq!(Name::new(bad), Err(BadName), "{}", bad.escape_ascii());
        }
        for good in [b"a".as_slice(), b"...", b".Junk", b"\xff\n", &long[1..]] {
            assert_eq!(Name::new(good).unwrap().as_bytes(), good);
        }
        assert_eq!(Name::new(b"a\nb").unwrap().to_string(), "a\\nb");
    }
}
