//! What each record should be, and how far what is there is from it.

mod programs;

use std::net::IpAddr;

use dns::{DnsError, Resolver};

use super::{Finding, Site};
use crate::commands::check::Status;

/// Looks at all of them. A question that nobody answers is a finding too.
pub(super) async fn of(site: &Site, dns: &Resolver) -> Vec<Finding> {
    let mut findings = vec![mx(site, dns).await];
    findings.extend(host(site, dns).await);
    findings.push(spf(site, dns).await);
    findings.push(dmarc(site, dns).await);
    findings.extend(programs::of(site, dns).await);
    findings
}

/// One kind of record at one name, with what it should be.
struct Asked {
    name: String,
    kind: &'static str,
    expected: String,
}

impl Asked {
    fn new(name: impl Into<String>, kind: &'static str, data: &str) -> Self {
        let name = name.into();
        let expected = format!("{name}. {kind} {data}");
        Self { name, kind, expected }
    }

    fn finding(self, status: Status, found: Vec<String>, hint: impl Into<String>) -> Finding {
        let Self { name, kind, expected } = self;
        Finding { name, kind, status, found, expected, hint: hint.into() }
    }

    fn unanswered(self, error: &DnsError) -> Finding {
        self.finding(Status::Warn, vec![error.to_string()], "nobody answered; ask again later, or another --server")
    }
}

/// RFC 5321 §5.1: where mail for the domain goes.
async fn mx(site: &Site, dns: &Resolver) -> Finding {
    let asked = Asked::new(&site.domain, "MX", &format!("10 {}.", site.host));
    let found = match dns.mail_exchangers(&site.domain).await {
        Ok(found) => found,
        Err(error) => return asked.unanswered(&error),
    };
    let shown = found.iter().map(|mx| format!("{} {}.", mx.preference, mx.host)).collect();
    let first = found.first().map(|mx| mx.preference);
    let ours = found.iter().find(|mx| mx.host == site.host).map(|mx| mx.preference);
    match ours {
        Some(_) if ours == first => asked.finding(Status::Ok, shown, ""),
        Some(_) => {
            asked.finding(Status::Warn, shown, "another host is tried first, and has to hand its mail on to this one")
        }
        None if found.is_empty() => {
            asked.finding(Status::Fail, shown, "without it mail is tried at the address of the domain itself")
        }
        None => asked.finding(Status::Fail, shown, "mail for this domain goes to another host"),
    }
}

/// The server's own addresses, and that they know its name (RFC 1912 §2.1):
/// many servers take no mail from one whose address has no name.
async fn host(site: &Site, dns: &Resolver) -> Vec<Finding> {
    let asked = Asked::new(&site.host, "A/AAAA", "the address of this server");
    let addresses = match dns.addresses(&site.host).await {
        Ok(addresses) => addresses,
        Err(error) => return vec![asked.unanswered(&error)],
    };
    let shown: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    if addresses.is_empty() {
        return vec![asked.finding(
            Status::Fail,
            shown,
            "nobody finds the server under the name that the MX record says",
        )];
    }
    let mut findings = if addresses.iter().all(|address| address.is_loopback()) {
        vec![asked.finding(Status::Fail, shown, "only this machine itself can reach that address")]
    } else {
        vec![asked.finding(Status::Ok, shown, "")]
    };
    for address in addresses.into_iter().filter(|address| !address.is_loopback()) {
        findings.push(reverse(site, address, dns).await);
    }
    findings
}

async fn reverse(site: &Site, address: IpAddr, dns: &Resolver) -> Finding {
    let asked = Asked { name: address.to_string(), kind: "PTR", expected: format!("{}.", site.host) };
    match dns.names(address).await {
        Ok(names) if names.contains(&site.host) => asked.finding(Status::Ok, names, ""),
        Ok(names) => {
            let hint = "whoever gave you the address sets this; other servers distrust one without it";
            asked.finding(Status::Warn, names, hint)
        }
        Err(error) => asked.unanswered(&error),
    }
}

/// RFC 7208: who may send for the domain.
async fn spf(site: &Site, dns: &Resolver) -> Finding {
    let asked = Asked::new(&site.domain, "TXT", "\"v=spf1 include:WHOEVER-SENDS-YOUR-MAIL ~all\"");
    let found = match dns.texts(&site.domain).await {
        Ok(found) => found,
        Err(error) => return asked.unanswered(&error),
    };
    let is_spf = |text: &String| text.split(' ').next().is_some_and(|first| first.eq_ignore_ascii_case("v=spf1"));
    let found: Vec<String> = found.into_iter().filter(is_spf).collect();
    let anybody = |text: &String| {
        text.split(' ').any(|word| word.eq_ignore_ascii_case("+all") || word.eq_ignore_ascii_case("all"))
    };
    match found.len() {
        0 => asked.finding(
            Status::Warn,
            found,
            "names the servers that send mail of the domain; without it anybody may send in its name",
        ),
        1 if found.iter().any(anybody) => {
            asked.finding(Status::Fail, found, "it says that anybody may send in the domain's name")
        }
        1 => asked.finding(Status::Ok, found, ""),
        _ => asked.finding(Status::Fail, found, "several are an error, and count for none (RFC 7208 §3.2): join them"),
    }
}

/// RFC 9989: what to do with mail that only pretends to be from here.
async fn dmarc(site: &Site, dns: &Resolver) -> Finding {
    let name = format!("_dmarc.{}", site.domain);
    let data = format!("\"v=DMARC1; p=quarantine; rua=mailto:postmaster@{}\"", site.domain);
    let asked = Asked::new(&name, "TXT", &data);
    let found = match dns.texts(&name).await {
        Ok(found) => found,
        Err(error) => return asked.unanswered(&error),
    };
    let tags = |text: &str| text.split(';').map(|tag| tag.replace(' ', "")).collect::<Vec<_>>();
    let is_dmarc = |text: &String| tags(text).first().is_some_and(|first| first == "v=DMARC1");
    let found: Vec<String> = found.into_iter().filter(is_dmarc).collect();
    let policy =
        found.first().and_then(|text| tags(text).into_iter().find_map(|tag| tag.strip_prefix("p=").map(str::to_owned)));
    match (found.len(), policy.as_deref()) {
        (0, _) => asked.finding(Status::Warn, found, "without it nobody knows what to do with forged mail"),
        (1, Some("quarantine" | "reject")) => asked.finding(Status::Ok, found, ""),
        (1, Some("none")) => asked.finding(
            Status::Warn,
            found,
            "p=none only reports; use p=quarantine when the reports show no surprise",
        ),
        (1, _) => asked.finding(Status::Fail, found, "it says no policy: p=none, p=quarantine or p=reject"),
        _ => asked.finding(Status::Fail, found, "several are an error, and count for none: keep one"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dns::Servers;
    use testkit::dns::Zone;

    const GOOD: &str = "
        example.org MX 10 mx.example.org
        example.org MX 20 backup.example
        mx.example.org A 192.0.2.1
        mx.example.org AAAA 2001:db8::1
        1.2.0.192.in-addr.arpa PTR mx.example.org
        example.org TXT v=spf1 mx -all
        example.org TXT some-verification=1
        _dmarc.example.org TXT v=DMARC1; p = reject
        _imaps._tcp.example.org SRV 0 1 993 mx.example.org
        autoconfig.example.org A 192.0.2.1
    ";

    async fn examine(zone: &Zone) -> Vec<(String, Status)> {
        let site = Site {
            domain: "example.org".to_owned(),
            host: "mx.example.org".to_owned(),
            services: vec![
                ("imaps", Some(("mx.example.org".to_owned(), 993))),
                ("pop3s", Some(("mx.example.org".to_owned(), 995))),
                ("submission", None),
            ],
            https: Some(443),
        };
        let dns = Resolver::new(&Servers::These(vec![zone.address()])).unwrap();
        let findings = of(&site, &dns).await;
        findings.into_iter().map(|finding| (format!("{} {}", finding.kind, finding.name), finding.status)).collect()
    }

    #[tokio::test]
    async fn a_domain_in_order() {
        let seen = examine(&Zone::serve(GOOD)).await;
        let expected = [
            ("MX example.org", Status::Ok),
            ("A/AAAA mx.example.org", Status::Ok),
            ("PTR 192.0.2.1", Status::Ok),
            ("PTR 2001:db8::1", Status::Warn),
            ("TXT example.org", Status::Ok),
            ("TXT _dmarc.example.org", Status::Ok),
            ("SRV _imaps._tcp.example.org", Status::Ok),
            ("SRV _pop3s._tcp.example.org", Status::Warn),
            ("CNAME autoconfig.example.org", Status::Ok),
            ("SRV _autodiscover._tcp.example.org", Status::Warn),
        ];
        assert_eq!(seen, expected.map(|(what, status)| (what.to_owned(), status)));
    }

    #[tokio::test]
    async fn what_is_wrong_with_it() {
        let cases = [
            ("", "MX example.org", Status::Fail),
            ("example.org MX 10 other.example", "MX example.org", Status::Fail),
            ("example.org MX 0 .", "MX example.org", Status::Fail),
            ("example.org MX 5 first.example\nexample.org MX 10 mx.example.org", "MX example.org", Status::Warn),
            ("example.org FAIL", "MX example.org", Status::Warn),
            ("", "A/AAAA mx.example.org", Status::Fail),
            ("mx.example.org A 127.0.0.1", "A/AAAA mx.example.org", Status::Fail),
            ("", "TXT example.org", Status::Warn),
            ("example.org TXT v=spf10", "TXT example.org", Status::Warn),
            ("example.org TXT v=spf1 ip4:192.0.2.0/24 +all", "TXT example.org", Status::Fail),
            ("example.org TXT v=spf1 mx -all\nexample.org TXT v=spf1 -all", "TXT example.org", Status::Fail),
            ("_dmarc.example.org TXT v=DMARC1; p=none", "TXT _dmarc.example.org", Status::Warn),
            ("_dmarc.example.org TXT v=DMARC1", "TXT _dmarc.example.org", Status::Fail),
            ("_imaps._tcp.example.org SRV 0 1 143 mx.example.org", "SRV _imaps._tcp.example.org", Status::Warn),
            (
                "_submission._tcp.example.org SRV 0 1 587 mx.example.org",
                "SRV _submission._tcp.example.org",
                Status::Warn,
            ),
            ("_submission._tcp.example.org SRV 0 0 0 .", "SRV _submission._tcp.example.org", Status::Ok),
            ("", "CNAME autoconfig.example.org", Status::Warn),
            (
                "mx.example.org A 192.0.2.1\nautoconfig.example.org A 192.0.2.9",
                "CNAME autoconfig.example.org",
                Status::Warn,
            ),
            (
                "_autodiscover._tcp.example.org SRV 0 0 443 mx.example.org",
                "SRV _autodiscover._tcp.example.org",
                Status::Ok,
            ),
            (
                "_autodiscover._tcp.example.org SRV 0 0 8443 mx.example.org",
                "SRV _autodiscover._tcp.example.org",
                Status::Warn,
            ),
            (
                "mx.example.org A 192.0.2.1\nautodiscover.example.org A 192.0.2.1",
                "SRV _autodiscover._tcp.example.org",
                Status::Ok,
            ),
        ];
        for (zone, what, expected) in cases {
            let seen = examine(&Zone::serve(zone)).await;
            let found = seen.iter().find(|(name, _)| name == what).map(|(_, status)| *status);
            assert_eq!(found, Some(expected), "{what} with {zone:?}");
        }
    }
}
