//! `[web]`.

use mail::Domain;

use super::super::reader::Document;
use super::super::value::{HostPort, Number};

/// `[web]`: the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Web {
    /// The least number of characters of a new password.
    pub min_password: usize,
    /// The most connections.
    pub connections: usize,
    /// The most connections of one network.
    pub connections_per_network: usize,
    /// The port of IMAP over TLS as mail programs reach it, if it is another
    /// than we listen on.
    pub imaps_port: Option<u16>,
    /// The same for POP3 over TLS.
    pub pop3s_port: Option<u16>,
    /// The same for the pages.
    pub https_port: Option<u16>,
    /// The server that takes users' outgoing mail over TLS, and its port.
    pub outgoing: Option<(Domain, u16)>,
}

/// A port.
type Port = Number<1, 65_535>;

pub(in super::super) fn web(document: &Document<'_>) -> Web {
    let s = document.section("web", "The pages on which people change their own password.");
    Web {
        min_password: s
            .get(
                "min_password",
                Number::<8, 64>(10),
                "The least number of characters of a new password. One that is easily guessed is refused whatever \
                 its length.",
            )
            .usize(),
        connections: s.get("connections", Number::<1, 1_000_000>(500), "The most connections at a time.").usize(),
        connections_per_network: s
            .get("connections_per_network", Number::<1, 1_000_000>(50), "The most from one IPv4 address or IPv6 /64.")
            .usize(),
        imaps_port: s
            .optional::<Port>(
                "imaps_port",
                "the port of [listen] imaps",
                "The port at which mail programs reach IMAP, where that is another one than the server listens on, \
                 such as behind a router: what they are told.",
            )
            .map(Port::u16),
        pop3s_port: s.optional::<Port>("pop3s_port", "the port of [listen] pop3s", "The same for POP3.").map(Port::u16),
        https_port: s
            .optional::<Port>("https_port", "the port of [listen] https", "The same for these pages.")
            .map(Port::u16),
        outgoing: s
            .optional::<HostPort>(
                "outgoing",
                "none",
                "The server that takes users' outgoing mail over TLS, such as \"smtp.example.net:465\": what mail \
                 programs are told. Thunderbird sets up no account by itself where there is none.",
            )
            .map(|HostPort(host, port)| (host, port)),
    }
}
