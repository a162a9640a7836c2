//! What the administrator decides about orders.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use mail::Address;

/// Where and how certificates are ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The authority's directory.
    pub directory: DirectoryUrl,
    /// Whom the authority may write to.
    pub contact: Vec<Address>,
    /// The PEM file of authorities that the directory's own certificate must
    /// come from; those that Mozilla trusts where it is `None`.
    pub ca_file: Option<PathBuf>,
    /// How we show that a name is ours.
    pub challenge: Challenge,
    /// Whether we ask ourselves first.
    pub self_check: SelfCheck,
    /// Who is asked for the addresses of a name.
    pub servers: dns::Servers,
    /// The folder of account, certificates and what happened; ours alone.
    pub folder: PathBuf,
}

/// How we show that a name is ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Challenge {
    /// By a file on port 80 (RFC 8555 §8.3).
    Http01,
    /// By a certificate on port 443 (RFC 8737).
    TlsAlpn01,
}

/// Whether a name is seen to point here before anything is ordered for it.
/// No standard asks for that; but authorities count orders that fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SelfCheck {
    /// It is asked for at this port, as the authority will.
    Port(u16),
    /// It is not asked for, as where a router lets nobody inside reach its
    /// outer address.
    Off,
}

/// The URL of an authority's directory (RFC 8555 §7.1.1): `https` always.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryUrl(String);

/// Longer ones are none.
const MAX_URL: usize = 2048;

impl DirectoryUrl {
    /// Let's Encrypt's.
    #[must_use]
    pub fn lets_encrypt() -> Self {
        Self("https://acme-v02.api.letsencrypt.org/directory".to_owned())
    }

    /// The URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As part of a file's name; two directories of one name would differ in
    /// punctuation alone.
    pub(crate) fn file_name(&self) -> String {
        let rest = self.0.trim_start_matches("https://");
        rest.chars().take(100).map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect()
    }
}

impl FromStr for DirectoryUrl {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let uri: hyper::Uri = text.parse().map_err(|_| ())?;
        let plain = uri.authority().is_some_and(|authority| !authority.as_str().contains('@'));
        let fits = uri.scheme_str() == Some("https") && plain && text.len() <= MAX_URL;
        fits.then(|| Self(text.to_owned())).ok_or(())
    }
}

impl fmt::Display for DirectoryUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
