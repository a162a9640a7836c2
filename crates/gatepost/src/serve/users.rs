//! One IMAP or POP3 connection over TLS: moves bytes between the socket and the
//! session, within the time that each state has.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use access::imap::{self, Gone, Sink};
use access::{Ending, pop3};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at, timeout, timeout_at};

use super::accept::Stranger;
use super::stream::Stream;

/// Times of users' connections.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// From the first byte to a login.
    pub login: Duration,
    /// Silence after it.
    pub idle: Duration,
}

/// How long a client may take to read what we say.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is asked whether a login still holds: a change made by hand in
/// the database counts within five seconds, those for asking included. It costs
/// one row, found by its address.
const LOOK: Duration = Duration::from_secs(4);
/// How often an idle session looks for what other programs did in the Maildir.
/// What happens in this process it hears at once; this costs the disk and the
/// index something, and ten thousand clients may be idle.
const FOLDER: Duration = Duration::from_secs(30);
/// The most that is read at once.
const READ: usize = 8 << 10;

/// The way to one client.
struct Wire<'a>(&'a mut Stream);

impl Sink for Wire<'_> {
    async fn write(&mut self, bytes: Vec<u8>) -> Result<(), Gone> {
        let write = async {
            self.0.write_all(&bytes).await?;
            self.0.flush().await
        };
        match timeout(PATIENCE, write).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }
}

/// Speaks IMAP with one client until it or we leave.
pub async fn imap(
    mut stream: Stream,
    peer: IpAddr,
    (services, settings): (Arc<imap::Services>, imap::Settings),
    times: Times,
    (mut stopping, mut stranger): (watch::Receiver<bool>, Option<Stranger>),
) {
    let mut session = imap::Session::new(services, settings, peer);
    let greeting = session.greeting();
    if Wire(&mut stream).write(greeting).await.is_err() {
        return;
    }
    let mut ending = None;
    let login_until = Instant::now() + times.login;
    let mut heard = Instant::now();
    let mut next = imap::Next::Read;
    let mut buffer = vec![0; READ];
    let (mut looks, mut folders) = (every(LOOK), every(FOLDER));
    loop {
        let until = if session.is_authenticated() { heard + times.idle } else { login_until };
        let read = tokio::select! {
            read = timeout_at(until, stream.read(&mut buffer)) => read,
            () = news(&mut session, &mut folders), if next == imap::Next::Idle => {
                match session.announce(&mut Wire(&mut stream)).await {
                    Ok(after) => next = after,
                    Err(Gone) => return,
                }
                continue;
            }
            _ = looks.tick(), if session.is_authenticated() => {
                match session.look(&mut Wire(&mut stream)).await {
                    Ok(imap::Next::Close) => break,
                    Ok(_) => continue,
                    Err(Gone) => return,
                }
            }
            () = ended(ending.as_ref()) => {
                let bye = session.bye("The account has a new password, or this app password was revoked.");
                let _ = Wire(&mut stream).write(bye).await;
                break;
            }
            _ = stopping.changed() => {
                let bye = session.bye("The server is being stopped.");
                let _ = Wire(&mut stream).write(bye).await;
                break;
            }
        };
        match read {
            Err(_) => {
                let bye = session.bye("Waited too long for you.");
                let _ = Wire(&mut stream).write(bye).await;
                break;
            }
            Ok(Err(_) | Ok(0)) => return,
            Ok(Ok(count)) => {
                heard = Instant::now();
                session.input(&buffer[..count]);
            }
        }
        match session.step(&mut Wire(&mut stream)).await {
            Ok(imap::Next::Close) => break,
            Ok(after) => next = after,
            Err(Gone) => return,
        }
        if session.is_authenticated() && ending.is_none() {
            stranger = None;
            ending = session.ending();
        }
    }
    drop(stranger);
    farewell(stream).await;
}

/// Wakes an idle session when something happens in this process, and now and
/// then for what other programs did in the Maildir.
async fn news(session: &mut imap::Session, folders: &mut Interval) {
    tokio::select! {
        () = session.news() => {}
        _ = folders.tick() => {}
    }
}

/// Ticks from now on, whatever else happens in between.
fn every(period: Duration) -> Interval {
    let mut ticks = interval_at(Instant::now() + period, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

/// Returns when the login of a session is over; never where there is none.
async fn ended(ending: Option<&Ending>) {
    match ending {
        Some(ending) => ending.wait().await,
        None => std::future::pending().await,
    }
}

/// Speaks POP3 with one client until it or we leave.
pub async fn pop3(
    mut stream: Stream,
    peer: IpAddr,
    (services, settings): (pop3::Services, ::pop3::Settings),
    (mut stopping, mut stranger): (watch::Receiver<bool>, Option<Stranger>),
) {
    let started = Instant::now();
    let (mut session, greeting) = pop3::Connection::new(settings, peer);
    if Wire(&mut stream).write(greeting).await.is_err() {
        return;
    }
    let mut buffer = vec![0; READ];
    let mut next = session.step(&[], &services, &mut Wire(&mut stream)).await;
    while let Ok(pop3::Next::Read(patience)) = next {
        // Only who has logged in is waited for so.
        if matches!(patience, ::pop3::Patience::Idle(_)) {
            stranger = None;
        }
        let until = deadline(started, patience);
        let ending = session.ending();
        let read = tokio::select! {
            read = timeout_at(until, stream.read(&mut buffer)) => read,
            () = ended(ending.as_ref()) => break,
            _ = stopping.changed() => break,
        };
        match read {
            Ok(Ok(count)) if count > 0 => {
                next = session.step(&buffer[..count], &services, &mut Wire(&mut stream)).await;
            }
            _ => return,
        }
    }
    drop(stranger);
    farewell(stream).await;
}

/// The time before a login is one for all commands together, that after it is
/// for each.
fn deadline(started: Instant, patience: ::pop3::Patience) -> Instant {
    match patience {
        ::pop3::Patience::SinceConnect(time) => started + time,
        ::pop3::Patience::Idle(time) => Instant::now() + time,
    }
}

async fn farewell(mut stream: Stream) {
    let _ = timeout(Duration::from_secs(2), stream.shutdown()).await;
}
