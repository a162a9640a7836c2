//! What our own authority may sign for: critical name constraints
//! (RFC 5280 §4.2.1.10), so that a stolen key cannot pretend to be a bank.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use mail::Domain;
use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

use crate::HostName;

/// The names an authority covers: domains with everything below them, and
/// single IP addresses. `localhost` and the loopback addresses are always in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    domains: Vec<Domain>,
    addresses: Vec<IpAddr>,
}

impl Scope {
    /// Hosted domains, host names and addresses of this installation.
    #[must_use]
    pub fn new(hosts: impl IntoIterator<Item = HostName>) -> Self {
        let mut scope = Self {
            domains: Domain::parse("localhost").into_iter().collect(),
            addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)],
        };
        for host in hosts {
            scope.add(host);
        }
        scope
    }

    fn add(&mut self, host: HostName) {
        match host {
            HostName::Dns(domain) if !self.domains.iter().any(|known| within(&domain, known)) => {
                self.domains.retain(|known| !within(known, &domain));
                self.domains.push(domain);
            }
            HostName::Ip(ip) if !self.addresses.contains(&ip) => self.addresses.push(ip),
            _ => {}
        }
    }

    /// Whether the authority may sign for this host.
    #[must_use]
    pub fn covers(&self, host: &HostName) -> bool {
        match host {
            HostName::Dns(domain) => self.domains.iter().any(|known| within(domain, known)),
            HostName::Ip(ip) => self.addresses.contains(ip),
        }
    }

    /// Both kinds of name are always listed: a kind that is not listed would
    /// not be restricted at all.
    pub(crate) fn constraints(&self) -> NameConstraints {
        let names = self.domains.iter().map(|domain| GeneralSubtree::DnsName(domain.as_str().to_owned()));
        let addresses = self.addresses.iter().map(|ip| {
            let bits = if ip.is_ipv4() { 32 } else { 128 };
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(*ip, bits))
        });
        NameConstraints { permitted_subtrees: names.chain(addresses).collect(), excluded_subtrees: Vec::new() }
    }

    /// Reads the scope back from an authority's certificate; `None` where it
    /// has no critical name constraints of the form that we make.
    pub(crate) fn read(certificate: &X509Certificate<'_>) -> Option<Self> {
        let extension = certificate.name_constraints().ok()??;
        let permitted = extension.value.permitted_subtrees.as_ref().filter(|_| extension.critical)?;
        let mut scope = Self { domains: Vec::new(), addresses: Vec::new() };
        for subtree in permitted {
            match &subtree.base {
                GeneralName::DNSName(name) => scope.domains.push(Domain::parse(name).ok()?),
                GeneralName::IPAddress(bytes) => scope.addresses.push(single_address(bytes)?),
                _ => return None,
            }
        }
        (!scope.domains.is_empty() && !scope.addresses.is_empty()).then_some(scope)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.domains.iter().map(ToString::to_string);
        let addresses = self.addresses.iter().map(ToString::to_string);
        f.write_str(&names.chain(addresses).collect::<Vec<_>>().join(", "))
    }
}

fn within(domain: &Domain, parent: &Domain) -> bool {
    let rest = domain.as_str().strip_suffix(parent.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Address and mask, of which ours are always one address wide.
fn single_address(bytes: &[u8]) -> Option<IpAddr> {
    let (address, mask) = bytes.split_at_checked(bytes.len() / 2)?;
    if mask.iter().any(|&byte| byte != 0xFF) {
        return None;
    }
    if let Ok(four) = <[u8; 4]>::try_from(address) {
        return Some(IpAddr::from(four));
    }
    <[u8; 16]>::try_from(address).ok().map(IpAddr::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coverage() {
        let host = |text: &str| text.parse::<HostName>().unwrap();
        let scope = Scope::new([host("mail.example.org"), host("example.org"), host("192.0.2.7"), host("example.org")]);
        assert_eq!(scope.to_string(), "localhost, example.org, 127.0.0.1, ::1, 192.0.2.7");
        let cases = [
            ("example.org", true),
            ("mail.example.org", true),
            ("a.b.example.org", true),
            ("badexample.org", false),
            ("org", false),
            ("example.com", false),
            ("localhost", true),
            ("::1", true),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
        ];
        for (name, expected) in cases {
            assert_eq!(scope.covers(&host(name)), expected, "{name}");
        }
    }
}
