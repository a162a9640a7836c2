//! The records by which mail programs find the server of an address.

use dns::{DnsError, Resolver, Service};

use super::{Asked, Finding, Site};
use crate::commands::check::Status;

/// The only port that programs ask for settings.
const HTTPS: u16 = 443;

pub(super) async fn of(site: &Site, dns: &Resolver) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (service, at) in &site.services {
        findings.extend(match at {
            Some((host, port)) => Some(offered(site, service, (host, *port), dns).await),
            None => not_offered(site, service, dns).await,
        });
    }
    if let Some(port) = site.https {
        findings.push(autoconfig(site, port, dns).await);
        findings.push(autodiscover(site, port, dns).await);
    }
    findings
}

/// RFC 6186 §3, RFC 8314 §5.1.
async fn offered(site: &Site, service: &str, (host, port): (&str, u16), dns: &Resolver) -> Finding {
    let name = format!("_{service}._tcp.{}", site.domain);
    let asked = Asked::new(&name, "SRV", &format!("0 1 {port} {host}."));
    match dns.services(&name).await {
        Ok(found) if found.iter().any(|srv| srv.port == port && srv.host == host) => {
            asked.finding(Status::Ok, shown(&found), "")
        }
        Ok(found) => {
            asked.finding(Status::Warn, shown(&found), "mail programs that look for it have to be set up by hand")
        }
        Err(error) => asked.unanswered(&error),
    }
}

/// A service that is not there should have no record, or one that says so: a
/// target of `.` (RFC 6186 §3.4). No record is nothing to talk about.
async fn not_offered(site: &Site, service: &str, dns: &Resolver) -> Option<Finding> {
    let name = format!("_{service}._tcp.{}", site.domain);
    let asked = Asked::new(&name, "SRV", "0 0 0 .");
    let found = match dns.services(&name).await {
        Ok(found) if !found.is_empty() => found,
        // Where nobody answers, enough other questions say so.
        Ok(_) | Err(_) => return None,
    };
    let is_here = found.iter().any(|srv| srv.host == site.host);
    Some(if is_here {
        asked.finding(Status::Warn, shown(&found), "this server does not offer it, and programs try it in vain")
    } else {
        asked.finding(Status::Ok, shown(&found), "")
    })
}

/// Thunderbird and others fetch a file from this name.
async fn autoconfig(site: &Site, port: u16, dns: &Resolver) -> Finding {
    let name = format!("autoconfig.{}", site.domain);
    let asked = Asked::new(&name, "CNAME", &format!("{}.", site.host));
    match leads_here(site, &name, dns).await {
        Ok((true, found)) if port == HTTPS => asked.finding(Status::Ok, found, ""),
        Ok((true, found)) => {
            let hint = format!("programs ask at port {HTTPS}, and the pages are at {port}: see [web] https_port");
            asked.finding(Status::Warn, found, hint)
        }
        Ok((false, found)) => {
            let hint = "Thunderbird asks there for the settings; the certificate has to hold for this name, too";
            asked.finding(Status::Warn, found, hint)
        }
        Err(error) => asked.unanswered(&error),
    }
}

/// Outlook asks at `autodiscover.DOMAIN`, and where there is no such name at
/// what the SRV record says; that needs no further certificate.
async fn autodiscover(site: &Site, port: u16, dns: &Resolver) -> Finding {
    let name = format!("_autodiscover._tcp.{}", site.domain);
    let asked = Asked::new(&name, "SRV", &format!("0 0 {port} {}.", site.host));
    let found = match dns.services(&name).await {
        Ok(found) => found,
        Err(error) => return asked.unanswered(&error),
    };
    if found.iter().any(|srv| srv.port == port && srv.host == site.host) {
        return asked.finding(Status::Ok, shown(&found), "");
    }
    match leads_here(site, &format!("autodiscover.{}", site.domain), dns).await {
        Ok((true, addresses)) if port == HTTPS => asked.finding(Status::Ok, addresses, ""),
        Ok(_) => asked.finding(Status::Warn, shown(&found), "Outlook asks there for the settings"),
        Err(error) => asked.unanswered(&error),
    }
}

/// Whether a name has an address of this server, and which ones it has.
async fn leads_here(site: &Site, name: &str, dns: &Resolver) -> Result<(bool, Vec<String>), DnsError> {
    let (there, here) = (dns.addresses(name).await?, dns.addresses(&site.host).await?);
    Ok((there.iter().any(|address| here.contains(address)), there.iter().map(ToString::to_string).collect()))
}

fn shown(found: &[Service]) -> Vec<String> {
    found.iter().map(|srv| format!("{} {} {} {}.", srv.priority, srv.weight, srv.port, srv.host)).collect()
}
