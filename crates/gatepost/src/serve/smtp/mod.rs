//! One SMTP or LMTP connection: moves bytes between the socket and the protocol
//! machine, and asks the stages of a transaction for each decision.

mod message;
mod pace;

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use smtp::{Abort, Decision, Event, Mode, Refusal, Session, reply};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;
use tokio::time::timeout;
use transaction::Receipt;

use super::site::{Site, Sites};
use super::stream::Stream;
use message::Transaction;
use pace::Pace;
pub use pace::Times;

/// What all SMTP connections share.
pub struct Door {
    /// The configuration at each moment.
    pub sites: Sites,
    /// Becomes true when the server is to be stopped.
    pub stopping: watch::Receiver<bool>,
}

/// Speaks with one peer until it or we leave. `full` is what is said instead of
/// a greeting.
pub async fn serve(door: Arc<Door>, mode: Mode, stream: Stream, peer: Option<IpAddr>, full: Option<Refusal>) {
    let site = door.sites.now();
    let settings = if mode == Mode::Lmtp { Arc::clone(&site.lmtp) } else { Arc::clone(&site.smtp) };
    let session = Session::new(mode, settings);
    let mut connection = Connection {
        stream: Some(stream),
        session,
        mode,
        peer,
        full,
        site,
        transaction: None,
        receipts: Vec::new(),
        pace: Pace::default(),
    };
    let mut stopping = door.stopping.clone();
    match connection.run(&door, &mut stopping).await {
        Ok(()) => tracing::debug!("connection closed"),
        Err(error) => tracing::debug!(%error, "connection lost"),
    }
}

struct Connection {
    /// Taken out only while it is upgraded to TLS.
    stream: Option<Stream>,
    session: Session,
    mode: Mode,
    peer: Option<IpAddr>,
    full: Option<Refusal>,
    /// The configuration of the current transaction.
    site: Arc<Site>,
    transaction: Option<Transaction>,
    /// Of the messages whose 250 was said last: while the peer was not heard
    /// since then, or took leave, it may not know. More than one where it sends
    /// several without waiting for replies.
    receipts: Vec<Receipt>,
    pace: Pace,
}

/// What a handled event asks for.
enum Next {
    Go,
    Handshake(smtp::Handshake),
    Quit,
    End,
}

/// The most that is read at once.
const READ: usize = 32 << 10;
/// How long a peer may take to read what we say, and for the TLS handshake.
const PATIENCE: Duration = Duration::from_secs(60);

impl Connection {
    async fn run(&mut self, door: &Door, stopping: &mut watch::Receiver<bool>) -> io::Result<()> {
        let mut buffer = vec![0; READ];
        loop {
            while let Some(event) = self.session.next_event() {
                match self.handle(door, event).await {
                    Next::Go => {}
                    Next::Handshake(handshake) => self.upgrade(handshake).await?,
                    Next::End => return self.say_farewell().await,
                    Next::Quit => {
                        self.write().await?;
                        self.receipts.drain(..).for_each(Receipt::confirm);
                        return self.say_farewell().await;
                    }
                }
            }
            self.write().await?;
            if self.session.wants_input() {
                self.read(&mut buffer, stopping).await?;
            }
        }
    }

    async fn read(&mut self, buffer: &mut [u8], stopping: &mut watch::Receiver<bool>) -> io::Result<()> {
        if *stopping.borrow() && self.transaction.is_none() {
            self.session.shut(&reply::shutting_down());
            return Ok(());
        }
        let message = self.session.message_octets();
        if message.is_some_and(|octets| self.pace.is_too_slow(octets, &self.site.times)) {
            self.session.shut(&reply::idle());
            return Ok(());
        }
        let room = self.session.room().min(buffer.len());
        let start = Instant::now();
        let limit = self.pace.limit(self.session.is_receiving(), &self.site.times);
        let Some(stream) = &mut self.stream else { return Err(io::ErrorKind::NotConnected.into()) };
        let read = tokio::select! {
            read = timeout(limit, stream.read(&mut buffer[..room])) => read,
            _ = stopping.changed() => return Ok(()),
        };
        self.pace.waited(start.elapsed(), message.is_some());
        match read {
            Err(_) => self.session.shut(&reply::idle()),
            Ok(Err(_) | Ok(0)) => self.session.hang_up(),
            Ok(Ok(count)) => {
                self.receipts.drain(..).for_each(Receipt::confirm);
                self.session.feed(&buffer[..count]);
            }
        }
        Ok(())
    }

    async fn write(&mut self) -> io::Result<()> {
        let output = self.session.take_output();
        let Some(stream) = &mut self.stream else { return Err(io::ErrorKind::NotConnected.into()) };
        if output.is_empty() {
            return Ok(());
        }
        self.pace.answered();
        let write = async {
            stream.write_all(&output).await?;
            stream.flush().await
        };
        timeout(PATIENCE, write).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    async fn say_farewell(&mut self) -> io::Result<()> {
        self.write().await?;
        if let Some(stream) = &mut self.stream {
            let _ = timeout(Duration::from_secs(2), stream.shutdown()).await;
        }
        Ok(())
    }

    /// The handshake that the peer was promised.
    async fn upgrade(&mut self, handshake: smtp::Handshake) -> io::Result<()> {
        self.write().await?;
        if handshake.dropped() > 0 {
            tracing::warn!(octets = handshake.dropped(), "dropped what stood behind STARTTLS");
        }
        let (Some(stream), Some(config)) = (self.stream.take(), self.site.starttls.clone()) else {
            return Err(io::ErrorKind::NotConnected.into());
        };
        let upgraded = timeout(PATIENCE, stream.into_tls(config)).await;
        let upgraded = upgraded.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
        tracing::debug!(tls = upgraded.tls(), "secured");
        self.stream = Some(upgraded);
        self.session.secured(handshake);
        Ok(())
    }

    async fn handle(&mut self, door: &Door, event: Event) -> Next {
        match event {
            Event::Connect(permit) => {
                let decision = self.full.take().map_or(Decision::Accept, Decision::Refuse);
                self.session.greet(permit, decision);
            }
            Event::Hello(hello, permit) => {
                tracing::debug!(name = %hello.name(), "introduced");
                self.session.hello(permit, Decision::Accept);
            }
            Event::Mail(mail, permit) => {
                self.site = door.sites.now();
                self.transaction = Some(Transaction::new(mail));
                self.session.mail(permit, Decision::Accept);
            }
            Event::Rcpt(rcpt, permit) => {
                let decision = self.rcpt(&rcpt.to).await;
                self.session.rcpt(permit, decision);
            }
            Event::DataStart(_, permit) => {
                self.pace.message_begins();
                let decision = self.data_start().await;
                self.session.data(permit, decision);
            }
            Event::Chunk(bytes) => self.chunk(&bytes).await,
            Event::MessageEnd(_, permit) => {
                self.pace.message_ended();
                let outcome = self.message_end().await;
                self.session.message(permit, outcome);
            }
            Event::MessageDiscarded(discarded) => {
                tracing::info!(?discarded, "message refused for its form");
                self.pace.message_begins();
                self.transaction = None;
            }
            Event::Reset => {
                self.pace.message_begins();
                self.transaction = None;
            }
            Event::StartTls(permit) => {
                if self.site.starttls.is_some() {
                    return Next::Handshake(self.session.accept_tls(permit));
                }
                self.session.refuse_tls(permit, reply::tls_not_available());
            }
            Event::Quit => return Next::Quit,
            Event::Abort(reason) => {
                if reason != Abort::PeerGone {
                    tracing::info!(%reason, "session ended");
                }
                return Next::End;
            }
        }
        Next::Go
    }
}
