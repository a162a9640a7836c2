//! What the pages need of the rest of the server, and what they may tell.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use directory::AccountKey;
use login::{Logins, Policy};
use mail::{Domain, Secret};

use crate::authority::Authority;
use crate::forgery::Guard;

/// What the pages need; made once for the whole process.
pub struct Services {
    /// Verifies and changes passwords.
    pub logins: Arc<Logins>,
    /// What a new password has to be.
    pub policy: Policy,
    /// Told when an account has a new password: ends its sessions.
    pub ended: Box<dyn Fn(AccountKey) + Send + Sync>,
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
}

/// Where a request comes from: an extension of each, put there by whoever
/// accepted the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// The services with what is made of them.
pub(crate) struct Shared {
    pub(crate) services: Services,
    pub(crate) guard: Guard,
}

impl Services {
    pub(crate) fn shared(self) -> Arc<Shared> {
        let guard = Guard::new(self.key.clone());
        Arc::new(Shared { services: self, guard })
    }
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Services").field("place", &self.place).field("policy", &self.policy).finish_non_exhaustive()
    }
}
