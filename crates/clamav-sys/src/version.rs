//! Which libclamav is loaded: it may be another one than at build time.

use std::ffi::CStr;

use crate::ffi;

/// Major and minor version of the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// 1
    pub major: u32,
    /// 0 to 5
    pub minor: u32,
}

impl Version {
    /// The oldest that is known.
    pub(crate) const FIRST: Self = Self { major: 1, minor: 0 };
    /// From here on the engine's fields have other numbers.
    pub(crate) const RENUMBERED: Self = Self { major: 1, minor: 2 };
    /// The youngest that is known; the one after it renumbers the fields again.
    pub(crate) const LAST: Self = Self { major: 1, minor: 5 };

    /// Whether this binding knows the version's numbers.
    #[must_use]
    pub fn is_known(self) -> bool {
        (Self::FIRST..=Self::LAST).contains(&self)
    }

    /// Reads `1.4.3` or `1.5.0-rc`.
    fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split(['.', '-']).map(str::parse);
        Some(Self { major: numbers.next()?.ok()?, minor: numbers.next()?.ok()? })
    }
}

/// The version of the library that is loaded; `None` if it says no number.
#[must_use]
pub fn library_version() -> Option<Version> {
    // SAFETY: the library returns a static text.
    let text = unsafe {
        let text = ffi::cl_retver();
        if text.is_null() {
            return None;
        }
        CStr::from_ptr(text)
    };
    Version::parse(text.to_str().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read() {
        let version = |major, minor| Some(Version { major, minor });
        for (text, expected) in [
            ("1.4.3", version(1, 4)),
            ("1.5.0-rc", version(1, 5)),
            ("1.0", version(1, 0)),
            ("1.10.1", version(1, 10)),
            ("devel-2024", None),
            ("", None),
        ] {
            assert_eq!(Version::parse(text), expected, "{text}");
        }
    }

    #[test]
    fn the_installed_library_is_known_and_its_neighbours_are_not() {
        assert!(library_version().is_some_and(Version::is_known));
        for (major, minor) in [(0, 105), (1, 6), (2, 0)] {
            assert!(!Version { major, minor }.is_known());
        }
    }
}
