//! What certificates are made for, and what the files of an installation's
//! certificate folder are called.

use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use mail::{Domain, DomainError};
use thiserror::Error;

/// What a client connects to: a DNS name or an IP address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostName {
    /// A DNS name, in normal form.
    Dns(Domain),
    /// An IP address.
    Ip(IpAddr),
}

/// Some text is no host name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HostNameError {
    /// Neither an IP address nor a domain.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// An address in brackets: certificates want it plain.
    #[error("an IP address stands without brackets here")]
    Literal,
    /// A host name has no underscore, and no authority may sign one.
    #[error("a host name has no underscore")]
    Underscore,
}

impl std::str::FromStr for HostName {
    type Err = HostNameError;
    fn from_str(text: &str) -> Result<Self, HostNameError> {
        if let Ok(ip) = text.parse() {
            return Ok(Self::Ip(ip));
        }
        let domain = Domain::parse(text)?;
        if domain.is_literal() {
            return Err(HostNameError::Literal);
        }
        if domain.as_str().contains('_') {
            return Err(HostNameError::Underscore);
        }
        Ok(Self::Dns(domain))
    }
}

impl HostName {
    /// The DNS name; none for an address.
    #[must_use]
    pub fn domain(&self) -> Option<&Domain> {
        match self {
            Self::Dns(domain) => Some(domain),
            Self::Ip(_) => None,
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(domain) => domain.fmt(f),
            Self::Ip(ip) => ip.fmt(f),
        }
    }
}

/// The certificate folder of an installation.
///
/// The authority's key lies in a folder of its own with mode 0700, so that
/// the server's user need not be able to reach it; the server never opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertFolder(PathBuf);

impl CertFolder {
    /// The folder at this path.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// `ca.pem`: the authority's certificate, for clients to trust.
    #[must_use]
    pub fn ca_cert(&self) -> PathBuf {
        self.0.join("ca.pem")
    }

    /// `ca/ca.key`: the authority's private key, for `gatepost ca` alone.
    #[must_use]
    pub fn ca_key(&self) -> PathBuf {
        self.0.join("ca").join("ca.key")
    }

    /// `server.pem`: the server's certificate.
    #[must_use]
    pub fn server_cert(&self) -> PathBuf {
        self.0.join("server.pem")
    }

    /// `server.key`: the server's private key.
    #[must_use]
    pub fn server_key(&self) -> PathBuf {
        self.0.join("server.key")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        let cases = [
            ("Mail.Example.org", Ok("mail.example.org")),
            ("127.0.0.1", Ok("127.0.0.1")),
            ("::1", Ok("::1")),
            ("[127.0.0.1]", Err(HostNameError::Literal)),
            ("my_host.example", Err(HostNameError::Underscore)),
            ("*.example.org", Err(HostNameError::Domain(DomainError::BadCharacter))),
            ("", Err(HostNameError::Domain(DomainError::Empty))),
        ];
        for (given, expected) in cases {
            let got = given.parse::<HostName>().map(|host| host.to_string());
            assert_eq!(got, expected.map(str::to_owned), "{given}");
        }
    }
}
