//! A mailbox address: local part and domain.

use std::fmt;

use thiserror::Error;

use crate::{Domain, DomainError, LocalPart};

/// An address such as `Alice@Example.org` (`Mailbox` of RFC 5321 §4.1.2).
///
/// Compared by normal form; `Display` keeps the local part as it was written,
/// [`Address::normal`] does not.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    domain: Domain,
    local: LocalPart,
}

/// Why some text is no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum AddressError {
    /// There is no `@`.
    #[error("the address has no @")]
    NoAt,
    /// Nothing stands before the `@`.
    #[error("nothing stands before the @")]
    EmptyLocalPart,
    /// More than 64 octets before the `@`.
    #[error("the part before the @ is longer than 64 octets")]
    LongLocalPart,
    /// A dot at the start, at the end, or two together.
    #[error("a dot at the start, at the end, or two together before the @")]
    MisplacedDot,
    /// A character that must be quoted, or a control character.
    #[error("a character before the @ is not allowed there")]
    BadLocalPart,
    /// A quoted string that does not end where it should.
    #[error("the quoted part before the @ does not end properly")]
    BadQuoting,
    /// The part behind the `@` is no domain.
    #[error(transparent)]
    Domain(#[from] DomainError),
}

impl Address {
    /// Reads `local@domain`, without angle brackets.
    ///
    /// # Errors
    ///
    /// [`AddressError`] says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let at = text.rfind('@').ok_or(AddressError::NoAt)?;
        let local = LocalPart::parse(&text[..at])?;
        let domain = Domain::parse(&text[at + 1..])?;
        Ok(Self { domain, local })
    }

    /// Puts the two halves together.
    #[must_use]
    pub fn new(local: LocalPart, domain: Domain) -> Self {
        Self { domain, local }
    }

    /// The left side.
    #[must_use]
    pub fn local(&self) -> &LocalPart {
        &self.local
    }

    /// The right side.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The normal form, the key in the directory: `alice@example.org`.
    #[must_use]
    pub fn normal(&self) -> String {
        format!("{}@{}", self.local.as_str(), self.domain)
    }

    /// Whether SMTP needs SMTPUTF8 to carry it (RFC 6531).
    #[must_use]
    pub fn needs_smtputf8(&self) -> bool {
        !self.local.as_written().is_ascii()
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

impl std::str::FromStr for Address {
    type Err = AddressError;
    fn from_str(text: &str) -> Result<Self, AddressError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn shown_and_compared() {
        let cases = [
            ("Alice@Example.org", "Alice@example.org", "alice@example.org"),
            ("\"a b\"@example.org", "\"a b\"@example.org", "a b@example.org"),
            ("\"plain\"@example.org", "plain@example.org", "plain@example.org"),
            ("\"a@b\"@example.org", "\"a@b\"@example.org", "a@b@example.org"),
            ("JÖRG@münchen.example", "JÖRG@xn--mnchen-3ya.example", "jörg@xn--mnchen-3ya.example"),
        ];
        for (given, shown, normal) in cases {
            let address = Address::parse(given).unwrap();
            assert_eq!((address.to_string().as_str(), address.normal().as_str()), (shown, normal));
        }
    }

    #[test]
    fn refused() {
        let long = format!("{}@example.org", "a".repeat(65));
        let cases = [
            ("alice", AddressError::NoAt),
            ("@example.org", AddressError::EmptyLocalPart),
            ("\"\"@example.org", AddressError::EmptyLocalPart),
            (long.as_str(), AddressError::LongLocalPart),
            (".a@example.org", AddressError::MisplacedDot),
            ("a..b@example.org", AddressError::MisplacedDot),
            ("a b@example.org", AddressError::BadLocalPart),
            ("a\r\n@example.org", AddressError::BadLocalPart),
            ("\"a@example.org", AddressError::BadQuoting),
            ("\"a\"b\"@example.org", AddressError::BadQuoting),
            ("\"a\0\"@example.org", AddressError::BadLocalPart),
            ("a@", AddressError::Domain(DomainError::Empty)),
        ];
        for (given, error) in cases {
            assert_eq!(Address::parse(given), Err(error), "{given:?}");
        }
    }

    #[test]
    fn detail() {
        let address = Address::parse("Alice+News@example.org").unwrap();
        let (base, detail) = address.local().split_detail('+').unwrap();
        assert_eq!((base.as_str(), detail), ("alice", "News"));
        assert!(Address::parse("+x@example.org").unwrap().local().split_detail('+').is_none());
    }

    proptest! {
        #[test]
        fn what_is_shown_reads_as_the_same(text in "\\PC{0,20}@[a-zA-Z0-9.-]{1,20}") {
            if let Ok(address) = Address::parse(&text) {
                let again = Address::parse(&address.to_string()).unwrap();
                prop_assert_eq!(again.normal(), address.normal());
                prop_assert!(!address.to_string().contains(['\r', '\n', '\0']));
            }
        }
    }
}
