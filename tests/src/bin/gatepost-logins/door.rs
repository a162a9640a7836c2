//! One connection over TLS, and each way to give a password there.

use std::error::Error;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use testkit::dialogue::Wire;
use testkit::tls;

use crate::ServerOptions;

/// How a password is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// IMAP `LOGIN` (RFC 3501 §6.2.3).
    ImapLogin,
    /// IMAP `AUTHENTICATE PLAIN` (RFC 4959, RFC 4616).
    ImapPlain,
    /// POP3 `USER` and `PASS` (RFC 1939 §7).
    Pop3User,
    /// POP3 `AUTH PLAIN` (RFC 5034).
    Pop3Plain,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::ImapLogin, Self::ImapPlain, Self::Pop3User, Self::Pop3Plain];

    fn is_imap(self) -> bool {
        matches!(self, Self::ImapLogin | Self::ImapPlain)
    }
}

/// What a server answered, and after what time.
#[derive(Debug)]
pub struct Answer {
    /// Whether it let us in.
    pub opened: bool,
    /// From the password to the answer.
    pub took: Duration,
    /// The answer, without its tag.
    pub text: String,
}

/// The doors of a server.
#[derive(Debug)]
pub struct Doors {
    imaps: SocketAddr,
    pop3s: Option<SocketAddr>,
    host: String,
    config: std::sync::Arc<rustls::ClientConfig>,
    runtime: tokio::runtime::Runtime,
}

impl Doors {
    /// Those of this server.
    pub fn new(server: &ServerOptions) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            imaps: server.imaps,
            pop3s: server.pop3s,
            host: server.host.clone(),
            config: tls::client_config(&server.ca),
            runtime: tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?,
        })
    }

    /// Whether the server has a door for this way.
    pub fn has(&self, way: Way) -> bool {
        way.is_imap() || self.pop3s.is_some()
    }

    /// Connects from this address, which must be one of loopback, gives the
    /// password, and leaves.
    pub fn try_in(&self, way: Way, from: IpAddr, who: &str, password: &str) -> Result<Answer, Box<dyn Error>> {
        let place = if way.is_imap() { self.imaps } else { self.pop3s.ok_or("no POP3S address was given")? };
        let stream = self.connect(place, from)?;
        let mut wire = tls::secure_over(stream, &self.host, &self.config);
        line(&mut wire)?;
        let plain = STANDARD.encode(format!("\0{who}\0{password}"));
        let command = match way {
            Way::ImapLogin => format!("a LOGIN \"{who}\" \"{password}\"\r\n"),
            Way::ImapPlain => format!("a AUTHENTICATE PLAIN {plain}\r\n"),
            Way::Pop3User => {
                wire.send(format!("USER {who}\r\n").as_bytes());
                line(&mut wire)?;
                format!("PASS {password}\r\n")
            }
            Way::Pop3Plain => format!("AUTH PLAIN {plain}\r\n"),
        };
        let start = Instant::now();
        wire.send(command.as_bytes());
        let said = loop {
            let said = line(&mut wire)?;
            if !said.starts_with("* ") {
                break said;
            }
        };
        let took = start.elapsed();
        let text = said.strip_prefix("a ").unwrap_or(&said).to_owned();
        wire.send(if way.is_imap() { b"z LOGOUT\r\n" } else { b"QUIT\r\n" });
        while !wire.line().is_empty() {}
        Ok(Answer { opened: text.starts_with("OK") || text.starts_with("+OK"), took, text })
    }

    fn connect(&self, place: SocketAddr, from: IpAddr) -> Result<TcpStream, Box<dyn Error>> {
        let connected = self.runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((from, 0)))?;
            socket.connect(place).await?.into_std()
        })?;
        connected.set_nonblocking(false)?;
        connected.set_nodelay(true)?;
        connected.set_read_timeout(Some(Duration::from_secs(60)))?;
        Ok(connected)
    }
}

fn line(wire: &mut impl Wire) -> Result<String, Box<dyn Error>> {
    match wire.line() {
        line if line.is_empty() => Err("the server ended the connection".into()),
        line => Ok(String::from_utf8_lossy(&line).trim_end().to_owned()),
    }
}
