//! The accept loops: each connection gets a place, a session id and a task of
//! its own.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ::smtp::{Mode, reply};
use access::gate::Gate;
use access::{imap, pop3};
use axum::Router;
use login::Logins;
use mail::SessionId;
use rustls::ServerConfig;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::Instrument;

use super::figures;
use super::front::Front;
use super::limits::{Connections, Full, Place};
use super::listener::Listener;
use super::open::Parts;
use super::reload::Reloadable;
use super::smtp::{self, Door};
use super::stream::Stream;
use super::{users, web};
use crate::config::Config;
use crate::logging;
use crate::output::Failure;

/// Everything that a new connection needs.
#[derive(Clone)]
pub struct Doors(Arc<Inner>);

struct Inner {
    smtp: Arc<Door>,
    imap: (Arc<imap::Services>, imap::Settings, users::Times),
    pop3: (pop3::Services, ::pop3::Settings),
    pages: Router,
    front: Front,
    /// What authorities may ask for on the port of the pages.
    challenges: Option<tls::Challenges>,
    logins: Arc<Logins>,
    tls: Option<UserTls>,
    mail: Connections,
    imap_connections: Connections,
    pop3_connections: Connections,
    web_connections: Connections,
    /// Of both, those on which nobody has logged in yet.
    strangers: Connections,
    stopping: watch::Receiver<bool>,
}

#[derive(Clone)]
struct UserTls {
    imap: Arc<ServerConfig>,
    pop3: Arc<ServerConfig>,
    https: Arc<ServerConfig>,
}

/// How long the handshake on a users' port may take.
const HANDSHAKE: Duration = Duration::from_secs(30);

impl Doors {
    /// Sets up what connections share.
    ///
    /// # Errors
    ///
    /// [`Failure`] where a setting cannot work.
    pub fn new(
        config: &Config,
        parts: &Parts,
        reloadable: &Reloadable,
        stopping: watch::Receiver<bool>,
    ) -> Result<Self, Failure> {
        let settings = login::Settings {
            floor: config.login.failure_after,
            hashes_at_a_time: config.login.hashers,
            at_a_time_per_network: config.limits.logins_per_network,
            remember: config.login.remember,
            ..login::Settings::default()
        };
        let logins = Logins::new(Arc::clone(&parts.directory), settings, Arc::new(login::SystemClock::default()));
        let logbook = Arc::clone(&parts.logbook);
        let logins = logins.map_err(|error| Failure::failed(error.to_string()))?.telling(move |attempt| {
            logbook.note(attempt, SystemTime::now());
            figures::attempt(attempt);
        });
        let logins = Arc::new(logins);
        let gate = Gate::new(parts.store.clone(), Arc::clone(&parts.directory), config.limits.connections_per_account);
        let tls = match reloadable.tls() {
            Some(tls) => Some(UserTls {
                imap: tls.config(tls::Protocol::Imap)?,
                pop3: tls.config(tls::Protocol::Pop3)?,
                https: tls.config(tls::Protocol::Https)?,
            }),
            None => None,
        };
        let imap_services = imap::Services {
            gate: gate.clone(),
            logins: Arc::clone(&logins),
            spool: parts.spool.clone(),
            blocking: parts.blocking.clone(),
            ids: Arc::clone(&parts.ids),
            clock: Arc::clone(&parts.clock),
        };
        let pages = web::pages(config, &parts.directory, &logins, gate.clone());
        let imap = &config.imap;
        let times = users::Times {
            login: imap.login_timeout,
            idle: imap.idle_timeout,
            // A pause of nothing would be none.
            look: imap.look_every.max(Duration::from_secs(1)),
        };
        let answers = reloadable.orders().map(|orders| orders.answers());
        Ok(Self(Arc::new(Inner {
            smtp: Arc::new(Door { sites: reloadable.sites().clone(), stopping: stopping.clone() }),
            imap: (Arc::new(imap_services), config.imap_settings(), times),
            pop3: (pop3::Services::new(gate, Arc::clone(&logins), Arc::clone(&parts.clock)), config.pop3_settings()),
            pages,
            front: Front::new(config, reloadable.tls(), answers.map(|answers| answers.http.clone())),
            challenges: answers.map(|answers| answers.tls.clone()),
            logins,
            tls,
            mail: Connections::new(config.smtp.connections, config.smtp.connections_per_network),
            imap_connections: Connections::new(config.imap.connections, config.imap.connections_per_network),
            pop3_connections: Connections::new(config.pop3.connections, config.pop3.connections_per_network),
            web_connections: Connections::new(config.web.connections, config.web.connections_per_network),
            strangers: Connections::new(config.limits.strangers, config.limits.strangers_per_network),
            stopping,
        })))
    }

    /// Takes connections from this listener until the server stops.
    pub fn open(&self, key: &'static str, listener: Listener) {
        let doors = self.clone();
        tokio::spawn(async move {
            let mut stopping = doors.0.stopping.clone();
            loop {
                tokio::select! {
                    accepted = listener.accept() => match accepted {
                        Ok((stream, peer)) => doors.enter(key, stream, peer),
                        // It broke before it was accepted, and the next one
                        // may wait already.
                        Err(error) if is_of_the_peer(&error) => {}
                        // Too many open files, mostly: those of connections
                        // that end are needed first.
                        Err(error) => {
                            tracing::error!(key, %error, "a connection was not accepted");
                            tokio::time::sleep(Duration::from_millis(100)).await;
                        }
                    },
                    _ = stopping.changed() => return,
                }
            }
        });
    }

    /// What verifies passwords at these doors.
    #[must_use]
    pub fn logins(&self) -> &Arc<Logins> {
        &self.0.logins
    }

    /// Through which accounts are reached, and where it is known who does.
    #[must_use]
    pub fn gate(&self) -> &Gate {
        &self.0.imap.0.gate
    }

    /// How many connections are open.
    #[must_use]
    pub fn open_connections(&self) -> usize {
        self.0.mail.open()
            + self.0.imap_connections.open()
            + self.0.pop3_connections.open()
            + self.0.web_connections.open()
            + self.0.front.connections.open()
    }

    fn enter(&self, key: &'static str, stream: Stream, peer: Option<IpAddr>) {
        let connections = match key {
            "imaps" => &self.0.imap_connections,
            "pop3s" => &self.0.pop3_connections,
            "https" => &self.0.web_connections,
            "http" => &self.0.front.connections,
            _ => &self.0.mail,
        };
        let place = connections.enter(peer);
        let is_users = matches!(key, "imaps" | "pop3s");
        let (place, stranger) = match place {
            Ok(place) if is_users => match self.stranger(peer) {
                Ok(stranger) => (Ok(place), Some(stranger)),
                Err(full) => (Err(full), None),
            },
            place => (place, None),
        };
        match &place {
            Ok(_) => figures::connected(key),
            Err(full) => {
                figures::turned_away(key);
                tracing::warn!(key, ?peer, ?full, "a connection was turned away");
            }
        }
        let id = SessionId::new(self.0.smtp.sites.now().next_id());
        let span = logging::session(id, key, peer);
        let held = Held { key, place: place.ok() };
        // A Unix socket is this machine's.
        let address = peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        let inner = Arc::clone(&self.0);
        match key {
            "smtp" | "lmtp" => {
                let mode = if key == "lmtp" { Mode::Lmtp } else { Mode::Smtp };
                let full = held.place.is_none().then(reply::too_many_connections);
                run(smtp::serve(Arc::clone(&inner.smtp), mode, stream, peer, full), held, span);
            }
            // Nothing can be said there before TLS, or need be.
            _ if held.place.is_none() => {}
            "imaps" => run(inner.imap(stream, address, stranger), held, span),
            "https" => run(inner.https(stream, address), held, span),
            "http" => run(inner.front.clone().serve(stream), held, span),
            _ => run(inner.pop3(stream, address, stranger), held, span),
        }
    }

    fn stranger(&self, peer: Option<IpAddr>) -> Result<Stranger, Full> {
        let place = self.0.strangers.enter(peer)?;
        figures::stranger_came();
        Ok(Stranger(Some(place)))
    }
}

impl Inner {
    async fn imap(self: Arc<Self>, stream: Stream, peer: IpAddr, stranger: Option<Stranger>) {
        let config = self.tls.as_ref().map(|tls| Arc::clone(&tls.imap));
        let Some(stream) = secure(stream, config).await else { return };
        let (services, settings, times) = &self.imap;
        users::imap(stream, peer, (Arc::clone(services), *settings), *times, (self.stopping.clone(), stranger)).await;
    }

    async fn https(self: Arc<Self>, stream: Stream, peer: IpAddr) {
        let config = self.tls.as_ref().map(|tls| Arc::clone(&tls.https));
        let secured = match (&self.challenges, config) {
            (Some(challenges), Some(config)) => {
                handshake(stream.into_tls_or_challenge(config, challenges)).await.flatten()
            }
            (_, config) => secure(stream, config).await,
        };
        let Some(stream) = secured else { return };
        web::serve(stream, peer, self.pages.clone(), self.stopping.clone()).await;
    }

    async fn pop3(self: Arc<Self>, stream: Stream, peer: IpAddr, stranger: Option<Stranger>) {
        let config = self.tls.as_ref().map(|tls| Arc::clone(&tls.pop3));
        let Some(stream) = secure(stream, config).await else { return };
        users::pop3(stream, peer, self.pop3.clone(), (self.stopping.clone(), stranger)).await;
    }
}

/// Linux hands errors of a connection that waits on as those of accept (accept(2)).
/// A pause after each would let one peer keep all others waiting.
fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(
        error.kind(),
        Kind::ConnectionAborted
            | Kind::ConnectionReset
            | Kind::Interrupted
            | Kind::TimedOut
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
    )
}

/// Users' ports speak TLS from the first byte, or nothing.
async fn secure(stream: Stream, config: Option<Arc<ServerConfig>>) -> Option<Stream> {
    handshake(stream.into_tls(config?)).await
}

async fn handshake<T>(shake: impl Future<Output = io::Result<T>>) -> Option<T> {
    match timeout(HANDSHAKE, shake).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%error, "no TLS");
            None
        }
        Err(_) => None,
    }
}

/// A connection's place, with what its end changes in the figures.
struct Held {
    key: &'static str,
    place: Option<Place>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            drop(place);
            figures::disconnected(self.key);
        }
    }
}

/// A place among those who have not logged in; given back at the login, or at the
/// end.
pub(super) struct Stranger(Option<Place>);

impl Drop for Stranger {
    fn drop(&mut self) {
        drop(self.0.take());
        figures::stranger_left();
    }
}

/// A panic ends this connection alone; the runtime has caught it, and it is
/// counted.
fn run(serve: impl Future<Output = ()> + Send + 'static, held: Held, span: tracing::Span) {
    let task = tokio::spawn(
        async move {
            serve.await;
            drop(held);
        }
        .instrument(span),
    );
    tokio::spawn(async move {
        if let Err(error) = task.await
            && error.is_panic()
        {
            tracing::error!(%error, "an error of our own ended a connection");
            figures::incident();
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_trouble_is_waited_out() {
        for (errno, expected) in [
            (rustix::io::Errno::CONNABORTED, true),
            (rustix::io::Errno::NETDOWN, true),
            (rustix::io::Errno::MFILE, false),
        ] {
            assert_eq!(is_of_the_peer(&errno.into()), expected, "{errno}");
        }
    }
}
