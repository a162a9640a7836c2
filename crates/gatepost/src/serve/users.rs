//! One IMAP or POP3 connection over TLS: moves bytes between the socket and the
//! session, within the time that each state has.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use access::imap::{self, Gone, Sink};
use access::{Ending, pop3};
use tokio::io::{AsyncRead, AsyncWriteExt, ReadBuf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::accept::Stranger;
use super::stream::Stream;

/// Times of users' connections.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    /// From the first byte to a login.
    pub login: Duration,
    /// Silence after it.
    pub idle: Duration,
    /// How often an idle session looks for what other programs did in the
    /// Maildir where the kernel does not tell.
    pub look: Duration,
}

/// How long a client may take to read what we say.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often it is asked whether a login still holds: a change made by hand in
/// the database counts within five seconds, those for asking included. It costs
/// one row, found by its address.
const LOOK: Duration = Duration::from_secs(4);
/// As many times as seldom an idle session looks where the kernel does tell: the
/// disk and the index are not asked in vain for each of ten thousand clients, and
/// what was not told comes all the same.
const TOLD: u32 = 20;
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
    let mut clocks = Clocks::new(times);
    let mut next = imap::Next::Read;
    while next != imap::Next::Close {
        let alarm = clocks.alarm(&session, next);
        let woken = tokio::select! {
            read = read(&mut stream) => Woken::Read(read),
            () = session.news(), if next == imap::Next::Idle => Woken::News,
            () = sleep_until(alarm.at) => Woken::Alarm,
            () = ended(ending.as_ref()) => Woken::Farewell("The account has a new password, or this app password was revoked."),
            _ = stopping.changed() => Woken::Farewell("The server is being stopped."),
        };
        // What is done is far larger than the waiting for it: it has memory of
        // its own only while it is done.
        let wire = &mut Wire(&mut stream);
        let done = match woken {
            Woken::Read(Err(_)) => return,
            Woken::Read(Ok(bytes)) if bytes.is_empty() => return,
            Woken::Read(Ok(bytes)) => {
                clocks.heard();
                session.input(&bytes);
                drop(bytes);
                Box::pin(session.step(wire)).await
            }
            Woken::News => {
                clocks.looked = Instant::now();
                Box::pin(session.announce(wire)).await
            }
            Woken::Alarm => Box::pin(alarm.ring(&mut session, &mut clocks, wire)).await,
            Woken::Farewell(text) => goodbye(&mut session, text, wire).await,
        };
        let Ok(after) = done else { return };
        next = after;
        if session.is_authenticated() && ending.is_none() {
            stranger = None;
            ending = session.ending();
        }
    }
    drop(stranger);
    farewell(stream).await;
}

/// What ends the wait of a session.
enum Woken {
    Read(io::Result<Vec<u8>>),
    News,
    Alarm,
    Farewell(&'static str),
}

/// When something of a session is due by the clock.
struct Clocks {
    times: Times,
    login_until: Instant,
    heard: Instant,
    /// When it was asked last whether the login holds, and looked last into the
    /// folder.
    asked: Instant,
    looked: Instant,
}

/// The next thing that is due by the clock.
struct Alarm {
    at: Instant,
    what: Due,
}

enum Due {
    Silence,
    Login,
    Folder,
}

impl Clocks {
    fn new(times: Times) -> Self {
        let now = Instant::now();
        Self { times, login_until: now + times.login, heard: now, asked: now, looked: now }
    }

    fn heard(&mut self) {
        self.heard = Instant::now();
        self.looked = self.heard;
    }

    /// One timer for all of them.
    fn alarm(&self, session: &imap::Session, next: imap::Next) -> Alarm {
        if !session.is_authenticated() {
            return Alarm { at: self.login_until, what: Due::Silence };
        }
        let mut alarm = Alarm { at: self.heard + self.times.idle, what: Due::Silence };
        let pause = if session.is_told() { self.times.look * TOLD } else { self.times.look };
        let folder = (self.looked + pause, Due::Folder);
        for (at, what) in
            [(self.asked + LOOK, Due::Login)].into_iter().chain((next == imap::Next::Idle).then_some(folder))
        {
            if at < alarm.at {
                alarm = Alarm { at, what };
            }
        }
        alarm
    }
}

impl Alarm {
    async fn ring(
        self,
        session: &mut imap::Session,
        clocks: &mut Clocks,
        wire: &mut Wire<'_>,
    ) -> Result<imap::Next, Gone> {
        match self.what {
            Due::Silence => goodbye(session, "Waited too long for you.", wire).await,
            Due::Login => {
                let asked = session.look(wire).await;
                clocks.asked = Instant::now();
                asked
            }
            Due::Folder => {
                clocks.looked = Instant::now();
                session.announce(wire).await
            }
        }
    }
}

async fn goodbye(session: &mut imap::Session, text: &'static str, wire: &mut Wire<'_>) -> Result<imap::Next, Gone> {
    let bye = session.bye(text);
    wire.write(bye).await.map(|()| imap::Next::Close)
}

/// What has come, nothing at the end. It passes through the stack: a session
/// that waits has no buffer.
async fn read(stream: &mut Stream) -> io::Result<Vec<u8>> {
    poll_fn(|context| {
        let mut octets = [0; READ];
        let mut buffer = ReadBuf::new(&mut octets);
        ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().to_vec()))
    })
    .await
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
    let mut next = Box::pin(session.step(&[], &services, &mut Wire(&mut stream))).await;
    while let Ok(pop3::Next::Read(patience)) = next {
        // Only who has logged in is waited for so.
        if matches!(patience, ::pop3::Patience::Idle(_)) {
            stranger = None;
        }
        let until = deadline(started, patience);
        let ending = session.ending();
        let read = tokio::select! {
            read = timeout_at(until, read(&mut stream)) => read,
            () = ended(ending.as_ref()) => break,
            _ = stopping.changed() => break,
        };
        match read {
            Ok(Ok(bytes)) if !bytes.is_empty() => {
                next = Box::pin(session.step(&bytes, &services, &mut Wire(&mut stream))).await;
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
