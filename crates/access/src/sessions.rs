//! Who is logged in now, and what each session does: for the administrator, who
//! has to see what is going on, and for nobody else.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use login::{Login, Opener, Service};
use mail::{Address, Text};

/// The longest name of a folder or of a program that is kept, in characters.
const MAX_NAME: usize = 100;

/// A session as it was at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Whose it is.
    pub address: Address,
    /// Through which door.
    pub service: Service,
    /// What was shown to get in.
    pub opener: Opener,
    /// From where.
    pub peer: IpAddr,
    /// When it logged in.
    pub since: SystemTime,
    /// When its last command came, or the login.
    pub heard: SystemTime,
    /// The last command; empty before the first.
    pub command: &'static str,
    /// Whether that command is being carried out.
    pub state: State,
    /// The folder that is open.
    pub folder: Option<String>,
    /// What the program calls itself (RFC 2971), without control characters.
    pub client: Option<Text>,
    /// Octets of answers since the login.
    pub sent: u64,
}

/// What a session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// It carries a command out.
    Busy,
    /// It waits for its client.
    Waiting,
}

/// One session's entry among all. The session writes into it, and whoever asks
/// reads; neither holds it for longer than it takes to copy.
#[derive(Debug)]
pub(crate) struct Entry {
    address: Address,
    service: Service,
    opener: Opener,
    peer: IpAddr,
    since: SystemTime,
    live: Mutex<Live>,
}

#[derive(Debug)]
struct Live {
    heard: SystemTime,
    command: &'static str,
    state: State,
    folder: Option<Box<str>>,
    client: Option<Text>,
    sent: u64,
}

impl Entry {
    pub(crate) fn new(login: &Login, peer: IpAddr, now: SystemTime) -> Arc<Self> {
        Self::of(login.address().clone(), (login.service(), login.opener()), peer, now)
    }

    pub(crate) fn of(
        address: Address,
        (service, opener): (Service, Opener),
        peer: IpAddr,
        now: SystemTime,
    ) -> Arc<Self> {
        let live = Live { heard: now, command: "", state: State::Waiting, folder: None, client: None, sent: 0 };
        Arc::new(Self { address, service, opener, peer, since: now, live: Mutex::new(live) })
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    pub(crate) fn service(&self) -> Service {
        self.service
    }

    pub(crate) fn opener(&self) -> Opener {
        self.opener
    }

    /// A command begins.
    pub(crate) fn begins(&self, command: &'static str, now: SystemTime) {
        let mut live = self.live();
        (live.heard, live.command, live.state) = (now, command, State::Busy);
    }

    /// The session waits for its client again, and has sent so many octets since
    /// it did last.
    pub(crate) fn waits(&self, sent: u64) {
        let mut live = self.live();
        live.state = State::Waiting;
        live.sent = live.sent.saturating_add(sent);
    }

    /// The folder that is open from now on.
    pub(crate) fn folder(&self, name: Option<&str>) {
        self.live().folder = name.map(|name| name.chars().take(MAX_NAME).collect());
    }

    /// What the program calls itself.
    pub(crate) fn client(&self, name: Text) {
        self.live().client = Some(name);
    }

    pub(crate) fn snapshot(&self) -> Session {
        let live = self.live();
        Session {
            address: self.address.clone(),
            service: self.service,
            opener: self.opener,
            peer: self.peer,
            since: self.since,
            heard: live.heard,
            command: live.command,
            state: live.state,
            folder: live.folder.as_deref().map(str::to_owned),
            client: live.client.clone(),
            sent: live.sent,
        }
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
