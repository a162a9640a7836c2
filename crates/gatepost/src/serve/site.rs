//! The configuration as the connections use it; a reload puts a new one in
//! place, and transactions that have begun end under the old one.

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mail::{Domain, IdSource};
use maildir::Blocking;
use rules::Network;
use rustls::ServerConfig;
use spool::Spool;
use transaction::{Ending, Recipients};

use super::smtp::Times;

/// One state of the configuration.
pub struct Site {
    /// Our name.
    pub hostname: Domain,
    /// Limits of SMTP sessions.
    pub smtp: Arc<smtp::Settings>,
    /// Limits of LMTP sessions.
    pub lmtp: Arc<smtp::Settings>,
    /// How long peers are waited for.
    pub times: Times,
    /// How long judging may take.
    pub budget: Duration,
    /// What STARTTLS shows; none where there is no certificate.
    pub starttls: Option<Arc<ServerConfig>>,
    /// Relays of our own.
    pub trusted: Vec<Network>,
    /// Answers RCPT.
    pub recipients: Recipients,
    /// Decides about whole messages.
    pub ending: Ending,
    /// Where messages arrive.
    pub spool: Spool,
    /// Where blocking work is done.
    pub blocking: Blocking,
    /// Makes ids.
    pub ids: Arc<IdSource>,
}

impl Site {
    /// The next id of a message or session.
    #[must_use]
    pub fn next_id(&self) -> i64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.ids.next(u64::try_from(since.as_millis()).unwrap_or_default())
    }

    /// Whether the peer is a relay of our own.
    #[must_use]
    pub fn trusts(&self, peer: IpAddr) -> bool {
        self.trusted.iter().any(|network| network.contains(peer))
    }
}

/// Whichever configuration holds now.
#[derive(Clone)]
pub struct Sites(Arc<RwLock<Arc<Site>>>);

impl Sites {
    /// Begins with this one.
    #[must_use]
    pub fn new(site: Site) -> Self {
        Self(Arc::new(RwLock::new(Arc::new(site))))
    }

    /// The one that holds now.
    #[must_use]
    pub fn now(&self) -> Arc<Site> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// From now on this one holds.
    pub fn replace(&self, site: Site) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(site);
    }
}
