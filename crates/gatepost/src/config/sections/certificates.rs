//! `[tls]`: which certificates there are; `[acme]`: which are ordered.

use std::path::{Path, PathBuf};

use acme::{Challenge, DirectoryUrl, SelfCheck};
use dns::Servers;
use mail::{Address, Domain};

use super::super::hosts::{Contacts, Hosts, NameServers, Prefix, Prefixes};
use super::super::reader::Document;
use super::super::value::{Choice, Number, Words};
use super::Server;

/// `[tls]`: the certificates that the ports show.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tls {
    /// The file of the certificate and its chain, PEM.
    pub cert: Option<PathBuf>,
    /// The file of its private key, PEM.
    pub key: Option<PathBuf>,
    /// The folder of further certificates; `names` beside `cert` by default.
    pub folder: Option<PathBuf>,
    /// Names of hosts of each hosted domain that need a certificate.
    pub prefixes: Vec<Prefix>,
}

pub(in super::super) fn tls(document: &Document<'_>) -> Tls {
    let s = document.section(
        "tls",
        "The certificates. A client that names a host (SNI) is shown the one for it, and every other one that for \
         HOSTNAME. The files are read again on SIGHUP, and when they have changed.",
    );
    let path = |path: Option<PathBuf>| path.map(|path: PathBuf| document.path(path.as_path() as &Path));
    let cert = path(s.optional("cert", "none", "The certificate with its chain, a PEM file."));
    let key = path(s.optional("key", "none", "Its private key, a PEM file that only the server's user can read."));
    let folder = path(s.optional(
        "folder",
        "`names` beside `cert`",
        "The folder of further certificates, each in a folder of its own: `fullchain.pem` and `privkey.pem` (as in \
         `/etc/letsencrypt/live`), or `server.pem` and `server.key`.",
    ));
    let folder = folder.or_else(|| cert.as_deref().map(|cert| cert.with_file_name("names")));
    let Prefixes(prefixes) = s.get(
        "prefixes",
        Prefixes::default(),
        "What stands in front of each hosted domain in the names of hosts by which programs find this server, such as \
         `[\"mail\", \"autoconfig\", \"autodiscover\", \"mta-sts\"]`. `gatepost check` warns where such a name has no \
         certificate, and `[acme]` orders it.",
    );
    Tls { cert, key, folder, prefixes }
}

/// `[acme]`: certificates from a public authority.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acme {
    /// Whether certificates are ordered at all.
    pub agreed: bool,
    /// The authority.
    pub directory: DirectoryUrl,
    /// Whom it may write to.
    pub contact: Vec<Address>,
    /// Names besides those of hosted domains.
    pub names: Vec<Domain>,
    /// How we show that a name is ours.
    pub challenge: Challenge,
    /// Whom the authority's own certificate must come from.
    pub ca_file: Option<PathBuf>,
    /// Whether, and at which port, we ask for ourselves first.
    pub self_check: SelfCheck,
    /// Who is asked for addresses.
    pub servers: Servers,
}

impl Words for Challenge {
    const KIND: &'static str = "\"http-01\" or \"tls-alpn-01\"";
    const ALL: &'static [(&'static str, Self)] = &[("http-01", Self::Http01), ("tls-alpn-01", Self::TlsAlpn01)];
}

pub(in super::super) fn acme(document: &Document<'_>, server: &Server) -> Acme {
    let s = document.section(
        "acme",
        "Certificates from an authority that speaks ACME, such as Let's Encrypt: one for each name, ordered and \
         renewed by themselves. Off until `agree_to_terms` is true.",
    );
    let agreed = s.get(
        "agree_to_terms",
        false,
        "Whether you agree to the authority's terms of service. Nothing is ordered before.",
    );
    let directory = s.get("directory", DirectoryUrl::lets_encrypt(), "The authority's directory.");
    let Contacts(contact) = s.get(
        "contact",
        Contacts::default(),
        "Addresses that the authority may write to, told when the account is made.",
    );
    let names =
        s.optional("names", "HOSTNAME alone", "Names to order, besides `[tls] prefixes` of each hosted domain.");
    let names = names.map_or_else(|| vec![server.hostname.clone()], |Hosts(names)| names);
    let Choice(challenge) = s.get(
        "challenge",
        Choice(Challenge::Http01),
        "How the authority sees that a name is ours: `http-01` asks on port 80 (`[listen] http`), `tls-alpn-01` on port \
         443 (`[listen] https`).",
    );
    let ca_file: Option<PathBuf> = s.optional(
        "ca_file",
        "those that Mozilla trusts",
        "The PEM file of authorities that the directory's own certificate may come from; for test servers.",
    );
    let check = s.get(
        "self_check",
        true,
        "Whether a name is ordered only once we have met ourselves at its address, since authorities count orders that \
         fail. false where a router lets nobody inside reach its outer address.",
    );
    let usual = if challenge == Challenge::Http01 { 80 } else { 443 };
    let port = s.optional::<Number<1, 65535>>("outside_port", "80 or 443", "The port at which we look for ourselves.");
    let NameServers(servers) = s.get(
        "name_servers",
        NameServers::default(),
        "Who is asked for the addresses of names; those of `/etc/resolv.conf` if the list is empty.",
    );
    Acme {
        agreed,
        directory,
        contact,
        names,
        challenge,
        ca_file: ca_file.map(|file| document.path(file.as_path())),
        self_check: if check { SelfCheck::Port(port.map_or(usual, Number::u16)) } else { SelfCheck::Off },
        servers: if servers.is_empty() { Servers::System } else { Servers::These(servers) },
    }
}
