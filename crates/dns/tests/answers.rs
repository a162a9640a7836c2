//! Questions to a server with known records.
#![allow(clippy::unwrap_used, reason = "a test may end at what it did not expect")]

use dns::{DnsError, MailExchanger, Resolver, Servers, Service};
use testkit::dns::Zone;

const RECORDS: &str = "
    example.org MX 20 B.example.org
    example.org MX 10 mx.example.org
    example.org TXT v=spf1 mx| -all
    null.example MX 0 .
    mx.example.org A 192.0.2.1
    mx.example.org AAAA 2001:db8::1
    1.2.0.192.in-addr.arpa PTR Mx.Example.org
    _imaps._tcp.example.org SRV 0 1 993 mx.example.org
    broken.example FAIL
";

fn resolver(zone: &Zone) -> Resolver {
    Resolver::new(&Servers::These(vec![zone.address()])).unwrap()
}

#[tokio::test]
async fn records_as_data() {
    let zone = Zone::serve(RECORDS);
    let dns = resolver(&zone);
    let mx = |preference, host: &str| MailExchanger { preference, host: host.to_owned() };
    let found = dns.mail_exchangers("Example.ORG").await.unwrap();
    assert_eq!(found, [mx(10, "mx.example.org"), mx(20, "b.example.org")]);
    assert_eq!(dns.mail_exchangers("null.example").await.unwrap(), [mx(0, "")]);
    assert_eq!(dns.texts("example.org").await.unwrap(), ["v=spf1 mx -all"]);
    let addresses = dns.addresses("mx.example.org").await.unwrap();
    assert_eq!(addresses, ["192.0.2.1".parse::<std::net::IpAddr>().unwrap(), "2001:db8::1".parse().unwrap()]);
    assert_eq!(dns.names("192.0.2.1".parse().unwrap()).await.unwrap(), ["mx.example.org"]);
    let service = Service { priority: 0, weight: 1, port: 993, host: "mx.example.org".to_owned() };
    assert_eq!(dns.services("_imaps._tcp.example.org").await.unwrap(), [service]);
}

#[tokio::test]
async fn none_is_an_answer_and_silence_is_not() {
    let zone = Zone::serve(RECORDS);
    let dns = resolver(&zone);
    assert_eq!(dns.texts("mx.example.org").await.unwrap(), [""; 0]);
    assert_eq!(dns.texts("nowhere.example").await.unwrap(), [""; 0]);
    assert!(matches!(dns.texts("broken.example").await, Err(DnsError::Unanswered { .. })));
    assert!(matches!(dns.texts(&"x".repeat(64)).await, Err(DnsError::BadName { .. })));
    assert!(matches!(Resolver::new(&Servers::These(Vec::new())), Err(DnsError::NoServers(_))));
}
