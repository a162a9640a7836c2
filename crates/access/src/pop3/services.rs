//! What a POP3 session needs of the rest of the server.

use std::sync::Arc;
use std::time::SystemTime;

use login::Logins;
use mailbox::{Clock, MailboxId};

use super::lease::Leases;
use crate::gate::Gate;

/// The same for all sessions of the process; cheap to clone.
#[derive(Clone)]
pub struct Services {
    pub(super) gate: Gate,
    pub(super) logins: Arc<Logins>,
    pub(super) leases: Arc<Leases<MailboxId>>,
    clock: Arc<dyn Clock>,
}

impl Services {
    /// Makes them once: who has which maildrop is known to its clones alone.
    #[must_use]
    pub fn new(gate: Gate, logins: Arc<Logins>, clock: Arc<dyn Clock>) -> Self {
        Self { gate, logins, leases: Leases::new(), clock }
    }

    pub(super) fn now(&self) -> SystemTime {
        self.clock.now()
    }
}
