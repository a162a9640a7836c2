//! The right side of an address, always in normal form: lower case, A-labels.

use std::fmt;

use thiserror::Error;

/// The longest domain that SMTP carries, in octets (RFC 5321 §4.5.3.1.2).
const MAX_OCTETS: usize = 255;
/// The longest label (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;

/// A domain name or an address literal such as `[192.0.2.1]`.
///
/// In normal form: lower case, internationalised labels as A-labels
/// (RFC 5890), without a trailing dot. Two domains are the same exactly when
/// their normal forms are equal.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(Box<str>);

/// Why some text is no domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum DomainError {
    /// Nothing was there.
    #[error("the domain is empty")]
    Empty,
    /// More than 255 octets.
    #[error("the domain is longer than {MAX_OCTETS} octets")]
    TooLong,
    /// A label is empty, too long, or begins or ends with a hyphen.
    #[error("a label of the domain is empty, longer than {MAX_LABEL} octets, or begins or ends with a hyphen")]
    BadLabel,
    /// A character that host names do not have.
    #[error("the domain has a character other than letters, digits, hyphens and dots")]
    BadCharacter,
    /// Text that IDNA does not allow (RFC 5891).
    #[error("the domain is not a valid internationalised name")]
    NotIdna,
    /// Brackets without an IP address in them.
    #[error("the address literal is not an IP address in brackets")]
    BadLiteral,
}

impl Domain {
    /// Reads a domain or an address literal (RFC 5321 §4.1.2, RFC 6531 §3.3).
    ///
    /// # Errors
    ///
    /// [`DomainError`] says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, DomainError> {
        if text.is_empty() {
            return Err(DomainError::Empty);
        }
        if text.len() > MAX_OCTETS {
            return Err(DomainError::TooLong);
        }
        if let Some(rest) = text.strip_prefix('[') {
            return literal(rest);
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        let name = if text.is_ascii() {
            text.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii_strict(text).map_err(|_| DomainError::NotIdna)?
        };
        check_labels(&name)?;
        Ok(Self(name.into()))
    }

    /// `localhost` (RFC 6761 §6.3): what stands in where no name is known.
    #[must_use]
    pub fn localhost() -> Self {
        Self("localhost".into())
    }

    /// The normal form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this is an address literal, which has no DNS name.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.0.starts_with('[')
    }

    /// The form for people: U-labels instead of A-labels.
    #[must_use]
    pub fn to_unicode(&self) -> String {
        let (shown, result) = idna::domain_to_unicode(&self.0);
        if result.is_ok() { shown } else { self.0.to_string() }
    }
}

fn literal(rest: &str) -> Result<Domain, DomainError> {
    let inner = rest.strip_suffix(']').ok_or(DomainError::BadLiteral)?;
    let tagged = inner.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case("IPv6:"));
    let normal = if tagged {
        let ip: std::net::Ipv6Addr = inner[5..].parse().map_err(|_| DomainError::BadLiteral)?;
        format!("[IPv6:{ip}]")
    } else {
        let ip: std::net::Ipv4Addr = inner.parse().map_err(|_| DomainError::BadLiteral)?;
        format!("[{ip}]")
    };
    Ok(Domain(normal.into()))
}

/// Underscores are let through: such host names send mail although RFC 952
/// does not know them.
fn check_labels(name: &str) -> Result<(), DomainError> {
    if name.len() > MAX_OCTETS {
        return Err(DomainError::TooLong);
    }
    if name.is_empty() {
        return Err(DomainError::Empty);
    }
    for label in name.split('.') {
        if label.is_empty() || label.len() > MAX_LABEL || label.starts_with('-') || label.ends_with('-') {
            return Err(DomainError::BadLabel);
        }
        if !label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_') {
            return Err(DomainError::BadCharacter);
        }
    }
    Ok(())
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Domain({})", self.0)
    }
}

impl std::str::FromStr for Domain {
    type Err = DomainError;
    fn from_str(text: &str) -> Result<Self, DomainError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_forms() {
        let cases = [
            ("Example.ORG", "example.org"),
            ("example.org.", "example.org"),
            ("münchen.example", "xn--mnchen-3ya.example"),
            ("XN--MNCHEN-3YA.example", "xn--mnchen-3ya.example"),
            ("[192.0.2.1]", "[192.0.2.1]"),
            ("[ipv6:2001:DB8::1]", "[IPv6:2001:db8::1]"),
            ("my_host.example", "my_host.example"),
        ];
        for (given, normal) in cases {
            assert_eq!(Domain::parse(given).unwrap().as_str(), normal, "{given}");
        }
    }

    #[test]
    fn refused() {
        let long = format!("{}.example", "a".repeat(64));
        let cases = [
            ("", DomainError::Empty),
            (".", DomainError::Empty),
            ("a..b", DomainError::BadLabel),
            ("-a.b", DomainError::BadLabel),
            (long.as_str(), DomainError::BadLabel),
            ("a b", DomainError::BadCharacter),
            ("a\r\nb", DomainError::BadCharacter),
            ("a/../b", DomainError::BadCharacter),
            ("a/b", DomainError::BadCharacter),
            ("[1.2.3]", DomainError::BadLiteral),
            ("[1.2.3.4", DomainError::BadLiteral),
        ];
        for (given, error) in cases {
            assert_eq!(Domain::parse(given), Err(error), "{given:?}");
        }
        assert_eq!(Domain::parse(&"a.".repeat(200)), Err(DomainError::TooLong));
    }

    #[test]
    fn people_see_unicode() {
        assert_eq!(Domain::parse("xn--mnchen-3ya.example").unwrap().to_unicode(), "münchen.example");
    }
}
