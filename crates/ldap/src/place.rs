//! Where the server is: `ldaps://`, `ldap://` with StartTLS, or `ldapi://`.

use std::fmt;

use thiserror::Error;

/// What protects a connection to `ldap://`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// Nothing is asked for besides what the URL says.
    ByUrl,
    /// StartTLS (RFC 4511 §4.14) before anything else.
    StartTls,
}

/// A place whose way there nobody reads along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    url: String,
    starttls: bool,
}

/// Why a text is no such place.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlaceError {
    /// In the clear.
    #[error("ldap:// would send passwords in the clear: use ldaps://, StartTLS, or ldapi:// on this machine")]
    Clear,
    /// StartTLS where the URL has protection of its own.
    #[error("StartTLS is for ldap:// alone")]
    Twice,
    /// Something else.
    #[error("an LDAP server is written as ldaps://HOST[:PORT], ldap://HOST[:PORT] with StartTLS, or ldapi:///PATH")]
    NoPlace,
}

impl Place {
    /// Reads a URL. Whatever else LDAP URLs may say (RFC 4516) is refused: it
    /// has settings of its own.
    ///
    /// # Errors
    ///
    /// [`PlaceError`].
    pub fn parse(url: &str, security: Security) -> Result<Self, PlaceError> {
        let (scheme, rest) = url.split_once("://").ok_or(PlaceError::NoPlace)?;
        let place = match (scheme.to_ascii_lowercase().as_str(), security) {
            ("ldap", Security::ByUrl) => return Err(PlaceError::Clear),
            ("ldaps" | "ldapi", Security::StartTls) => return Err(PlaceError::Twice),
            ("ldapi", Security::ByUrl) => Self { url: format!("ldapi://{}", socket(rest)?), starttls: false },
            ("ldaps", Security::ByUrl) => Self { url: format!("ldaps://{}", host(rest)?), starttls: false },
            ("ldap", Security::StartTls) => Self { url: format!("ldap://{}", host(rest)?), starttls: true },
            _ => return Err(PlaceError::NoPlace),
        };
        Ok(place)
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn starttls(&self) -> bool {
        self.starttls
    }

    /// Whether it is a socket of this machine, which tells who asks.
    pub(crate) fn is_socket(&self) -> bool {
        self.url.starts_with("ldapi://")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url)?;
        if self.starttls { f.write_str(" with StartTLS") } else { Ok(()) }
    }
}

/// A name or an IPv4 address, and a port.
fn host(rest: &str) -> Result<String, PlaceError> {
    let rest = rest.trim_end_matches('/');
    let (name, port) = rest.split_once(':').unwrap_or((rest, ""));
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b));
    let is_port = port.is_empty() || port.parse::<u16>().is_ok_and(|port| port > 0);
    if is_name && is_port { Ok(rest.trim_end_matches(':').to_ascii_lowercase()) } else { Err(PlaceError::NoPlace) }
}

/// A path, as it is or with its slashes as `%2F`, in the latter form.
fn socket(rest: &str) -> Result<String, PlaceError> {
    let path = rest.replace("%2F", "/").replace("%2f", "/");
    let is_plain = path.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._/".contains(&b));
    if path.starts_with('/') && path.len() > 1 && is_plain {
        Ok(path.replace('/', "%2F"))
    } else {
        Err(PlaceError::NoPlace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_goes_in_the_clear() {
        use Security::{ByUrl, StartTls};
        let cases = [
            ("ldaps://ldap.example.org", ByUrl, Ok("ldaps://ldap.example.org")),
            ("LDAPS://LDAP.example.org:3636/", ByUrl, Ok("ldaps://ldap.example.org:3636")),
            ("ldap://127.0.0.1:389", StartTls, Ok("ldap://127.0.0.1:389 with StartTLS")),
            ("ldapi:///run/slapd/ldapi", ByUrl, Ok("ldapi://%2Frun%2Fslapd%2Fldapi")),
            ("ldapi://%2Frun%2fslapd%2Fldapi", ByUrl, Ok("ldapi://%2Frun%2Fslapd%2Fldapi")),
            ("ldap://ldap.example.org", ByUrl, Err(PlaceError::Clear)),
            ("ldaps://ldap.example.org", StartTls, Err(PlaceError::Twice)),
            ("ldapi:///run/x", StartTls, Err(PlaceError::Twice)),
            ("ldaps://", ByUrl, Err(PlaceError::NoPlace)),
            ("ldaps://a:b@c", ByUrl, Err(PlaceError::NoPlace)),
            ("ldaps://a:0", ByUrl, Err(PlaceError::NoPlace)),
            ("ldaps://a/dc=example?mail", ByUrl, Err(PlaceError::NoPlace)),
            ("ldapi://", ByUrl, Err(PlaceError::NoPlace)),
            ("https://a", ByUrl, Err(PlaceError::NoPlace)),
            ("ldap.example.org", ByUrl, Err(PlaceError::NoPlace)),
        ];
        for (url, security, expected) in cases {
            let read = Place::parse(url, security).map(|place| place.to_string());
            assert_eq!(read, expected.map(str::to_owned), "{url}");
        }
    }
}
