//! What names and reaches hosts in the configuration: labels in front of hosted
//! domains, lists of names, of addresses and of name servers, an authority's URL.

use std::net::SocketAddr;

use acme::DirectoryUrl;
use mail::{Address, Domain};
use toml::Spanned;
use toml::de::DeValue;

use super::value::{Setting, Wrong, text};

/// What stands in front of a hosted domain in the name of a host, such as
/// `mail` or `autoconfig`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefix(Box<str>);

impl Prefix {
    /// The host of this domain; none where that would be no host name.
    #[must_use]
    pub fn of(&self, domain: &Domain) -> Option<Domain> {
        Domain::parse(&format!("{}.{domain}", self.0)).ok().filter(|_| !domain.is_literal())
    }
}

/// Several of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Prefixes(pub(super) Vec<Prefix>);

/// More would be a mistake.
const MAX_ITEMS: usize = 256;

impl Setting for Prefixes {
    const KIND: &'static str = "a list of labels";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        list(value, "\"mail\"", |text| {
            let label = !text.contains('_') && !text.contains('.') && Domain::parse(&format!("{text}.example")).is_ok();
            label.then(|| Prefix(text.to_ascii_lowercase().into()))
        })
        .map(Self)
    }

    fn show(&self) -> String {
        shown(self.0.iter().map(|prefix| prefix.0.to_string()))
    }
}

/// Several host names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Hosts(pub(super) Vec<Domain>);

impl Setting for Hosts {
    const KIND: &'static str = "a list of host names";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        let host = |text: &str| Domain::parse(text).ok().filter(|name| !name.is_literal() && !text.contains('_'));
        list(value, "\"mail.example.org\"", host).map(Self)
    }

    fn show(&self) -> String {
        shown(self.0.iter().map(ToString::to_string))
    }
}

/// Addresses that somebody may write to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Contacts(pub(super) Vec<Address>);

impl Setting for Contacts {
    const KIND: &'static str = "a list of addresses";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        list(value, "\"postmaster@example.org\"", |text| Address::parse(text).ok()).map(Self)
    }

    fn show(&self) -> String {
        shown(self.0.iter().map(ToString::to_string))
    }
}

/// Name servers, with their ports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct NameServers(pub(super) Vec<SocketAddr>);

impl Setting for NameServers {
    const KIND: &'static str = "a list of addresses with ports";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        list(value, "\"9.9.9.9:53\"", |text| text.parse().ok()).map(Self)
    }

    fn show(&self) -> String {
        shown(self.0.iter().map(ToString::to_string))
    }
}

impl Setting for DirectoryUrl {
    const KIND: &'static str = "an https URL";

    fn read(value: &Spanned<DeValue<'_>>) -> Result<Self, Wrong> {
        let hint = format!("such as \"{}\"", Self::lets_encrypt());
        text(value)?.parse().map_err(|()| Wrong::new(value.span(), "this is no https URL", hint))
    }

    fn show(&self) -> String {
        format!("\"{self}\"")
    }
}

fn list<T>(value: &Spanned<DeValue<'_>>, example: &str, read: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Wrong> {
    let one = |item: &Spanned<DeValue<'_>>| {
        let text = text(item)?;
        read(text)
            .ok_or_else(|| Wrong::new(item.span(), format!("{text:?} cannot stand here"), format!("such as {example}")))
    };
    match value.get_ref() {
        DeValue::Array(items) if items.len() > MAX_ITEMS => {
            Err(Wrong::new(value.span(), format!("{} are too many", items.len()), format!("at most {MAX_ITEMS}")))
        }
        DeValue::Array(items) => items.iter().map(one).collect(),
        _ => one(value).map(|only| vec![only]),
    }
}

fn shown(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.map(|item| format!("\"{item}\"")).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use acme::{Challenge, SelfCheck};

    use crate::config::Config;

    const BASE: &str = "[server]\nhostname = \"mx.example.org\"\n[listen]\nhttp = \"127.0.0.1:80\"\n\
         https = \"127.0.0.1:443\"\n";
    const CERTIFIED: &str = "[tls]\ncert = \"c/server.pem\"\nkey = \"c/server.key\"\n";

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("/etc/gatepost/gatepost.toml")).map_err(|error| error.to_string())
    }

    fn with(acme: &str) -> Config {
        parse(&format!("{BASE}{CERTIFIED}[acme]\n{acme}")).unwrap()
    }

    #[test]
    fn nothing_is_ordered_until_somebody_agrees() {
        let quiet = with("contact = \"a@example.org\"\n");
        assert!(quiet.acme_settings().is_none() && quiet.cert_sources().unwrap().ordered.is_none());
        assert_eq!(quiet.tls.folder.as_deref(), Some(Path::new("/etc/gatepost/c/names")));
        let agreed = with("agree_to_terms = true\n");
        let settings = agreed.acme_settings().unwrap();
        assert_eq!(settings.folder, Path::new("/var/lib/gatepost/acme"));
        assert_eq!(agreed.cert_sources().unwrap().ordered.unwrap(), settings.folder.join("certs"));
        assert!(agreed.acme.names.iter().eq([&agreed.server.hostname]));
        assert_eq!((settings.challenge, settings.self_check), (Challenge::Http01, SelfCheck::Port(80)));
    }

    #[test]
    fn where_we_look_for_ourselves() {
        let cases = [
            ("challenge = \"tls-alpn-01\"\n", SelfCheck::Port(443)),
            ("challenge = \"tls-alpn-01\"\noutside_port = 8443\n", SelfCheck::Port(8443)),
            ("self_check = false\noutside_port = 8080\n", SelfCheck::Off),
        ];
        for (text, expected) in cases {
            assert_eq!(with(text).acme.self_check, expected, "{text}");
        }
        let servers = with("name_servers = [\"192.0.2.1:53\", \"[2001:db8::1]:53\"]\n").acme.servers;
        assert!(matches!(servers, dns::Servers::These(servers) if servers.len() == 2));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let no_listener =
            format!("[server]\nhostname = \"mx.example.org\"\n{CERTIFIED}[acme]\nagree_to_terms = true\n");
        let over_tls = format!("{no_listener}challenge = \"tls-alpn-01\"\n");
        let in_acme = |line: &str| format!("{BASE}{CERTIFIED}[acme]\n{line}\n");
        let cases = [
            (no_listener, "the authority asks at [listen] http, where nothing listens"),
            (over_tls, "the authority asks at [listen] https, where nothing listens"),
            (in_acme("directory = \"http://acme.example/dir\""), "this is no https URL"),
            (in_acme("directory = \"https://me@acme.example/dir\""), "this is no https URL"),
            (in_acme("names = \"127.0.0.1:80\""), "cannot stand here"),
            (in_acme("name_servers = \"9.9.9.9\""), "such as \"9.9.9.9:53\""),
            (in_acme("challenge = \"dns-01\""), "unknown word"),
            (format!("{BASE}{CERTIFIED}prefixes = \"a.b\"\n"), "\"a.b\" cannot stand here"),
            (format!("{BASE}{CERTIFIED}prefixes = \"a_b\"\n"), "\"a_b\" cannot stand here"),
            (format!("{BASE}[acme]\nagree_to_terms = true\n"), "[acme] needs [tls] cert and key"),
        ];
        for (text, expected) in cases {
            let said = parse(&text).unwrap_err();
            assert!(said.contains(expected), "{text}: {said}");
        }
    }
}
