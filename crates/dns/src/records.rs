//! What records say, as plain data. Names are in lower case and without the dot
//! at the end.

use hickory_resolver::proto::rr::{Name, RData};
use std::net::IpAddr;

/// A host that takes mail for a domain (RFC 5321 §5.1).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MailExchanger {
    /// Lower ones are tried first.
    pub preference: u16,
    /// The host; empty for "this domain takes no mail" (RFC 7505).
    pub host: String,
}

/// Where a service of a domain is (RFC 2782).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Service {
    /// Lower ones are tried first.
    pub priority: u16,
    /// The share among those of the same priority.
    pub weight: u16,
    /// The TCP port.
    pub port: u16,
    /// The host; empty for "there is no such service".
    pub host: String,
}

pub(crate) fn mail_exchanger(data: &RData) -> Option<MailExchanger> {
    let RData::MX(mx) = data else { return None };
    Some(MailExchanger { preference: mx.preference, host: name(&mx.exchange) })
}

pub(crate) fn service(data: &RData) -> Option<Service> {
    let RData::SRV(srv) = data else { return None };
    Some(Service { priority: srv.priority, weight: srv.weight, port: srv.port, host: name(&srv.target) })
}

/// The strings of one record belong together without anything between them
/// (RFC 7208 §3.3).
pub(crate) fn text(data: &RData) -> Option<String> {
    let RData::TXT(txt) = data else { return None };
    Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned())
}

pub(crate) fn address(data: &RData) -> Option<IpAddr> {
    match data {
        RData::A(a) => Some(IpAddr::V4(a.0)),
        RData::AAAA(aaaa) => Some(IpAddr::V6(aaaa.0)),
        _ => None,
    }
}

pub(crate) fn host(data: &RData) -> Option<String> {
    let RData::PTR(ptr) = data else { return None };
    Some(name(&ptr.0))
}

fn name(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_ascii_lowercase()
}
