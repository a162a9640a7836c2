//! What the pages need of the rest of the server, and what they may tell.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use directory::{AccountKey, Directory};
use login::{Logins, Opener, Policy};
use mail::{Domain, Secret};

use crate::authority::Authority;
use crate::errand::Errand;
use crate::forgery::Guard;
use crate::sessions::Sessions;

/// What the pages need; made once for the whole process.
pub struct Services {
    /// Says which domains are hosted.
    pub directory: Arc<Directory>,
    /// Verifies and changes passwords.
    pub logins: Arc<Logins>,
    /// What a new password has to be.
    pub policy: Policy,
    /// Told when an account has a new password, or an app password was revoked:
    /// ends the sessions that were opened with it.
    pub ended: Box<dyn Fn(AccountKey, Opener) + Send + Sync>,
    /// Begins an errand at once and brings it to its end, also when what is
    /// returned, which waits for the answer, is dropped before.
    pub finish: fn(Errand) -> Errand,
    /// The time of day.
    pub now: fn() -> SystemTime,
    /// 128 bits from the system's random source, at each call others.
    pub random: fn() -> [u8; 16],
    /// What forms are signed with: 256 random bits. Forms that were shown
    /// under another key have to be filled in again.
    pub key: Secret,
    /// Where mail programs find us.
    pub place: Place,
    /// Our own certificate authority, where there is one.
    pub authority: Option<Authority>,
}

/// Where mail programs find us.
#[derive(Debug, Clone)]
pub struct Place {
    /// Our name.
    pub hostname: Domain,
    /// The port of IMAP over TLS; none where it is off.
    pub imaps: Option<u16>,
    /// The port of POP3 over TLS; none where it is off.
    pub pop3s: Option<u16>,
    /// The server and the port that take users' outgoing mail over TLS; none
    /// where nobody does.
    pub outgoing: Option<(Domain, u16)>,
    /// What the addresses of our pages begin with, `https://…` without a `/` at
    /// the end.
    pub pages: String,
}

/// By which protocol mail is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Imap,
    Pop3,
}

/// A server as mail programs are told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Server<'a> {
    pub(crate) host: &'a Domain,
    pub(crate) port: u16,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Imap => "IMAP",
            Self::Pop3 => "POP3",
        }
    }

    pub(crate) fn autoconfig(self) -> &'static str {
        match self {
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
        }
    }
}

impl Place {
    /// Where mail is read, the better way first.
    pub(crate) fn incoming(&self) -> impl Iterator<Item = (Kind, Server<'_>)> {
        let ports = [(Kind::Imap, self.imaps), (Kind::Pop3, self.pop3s)];
        ports.into_iter().filter_map(|(kind, port)| Some((kind, Server { host: &self.hostname, port: port? })))
    }

    /// Where it is sent.
    pub(crate) fn outgoing(&self) -> Option<Server<'_>> {
        self.outgoing.as_ref().map(|(host, port)| Server { host, port: *port })
    }
}

/// Where a request comes from: an extension of each, put there by whoever
/// accepted the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// The services with what is made of them.
pub(crate) struct Shared {
    pub(crate) services: Services,
    pub(crate) guard: Guard,
    pub(crate) sessions: Sessions,
}

impl Services {
    pub(crate) fn shared(self) -> Arc<Shared> {
        let guard = Guard::new(self.key.clone());
        Arc::new(Shared { services: self, guard, sessions: Sessions::default() })
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").field("place", &self.place).field("policy", &self.policy).finish_non_exhaustive()
    }
}
