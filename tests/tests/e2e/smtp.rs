//! A plain SMTP client of a few lines, for what swaks cannot say.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::house::PATIENCE;

pub trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

/// A connection that has been greeted.
pub struct Client {
    stream: BufReader<Box<dyn Wire>>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> std::io::Result<Self> {
        let tcp = TcpStream::connect(address)?;
        tcp.set_read_timeout(Some(PATIENCE))?;
        tcp.set_nodelay(true)?;
        let mut client = Self { stream: BufReader::new(Box::new(tcp)) };
        client.reply()?;
        client.say("EHLO client.example")?;
        Ok(client)
    }

    pub fn lmtp(path: &Path) -> std::io::Result<Self> {
        let unix = UnixStream::connect(path)?;
        unix.set_read_timeout(Some(PATIENCE))?;
        let mut client = Self { stream: BufReader::new(Box::new(unix)) };
        client.reply()?;
        client.say("LHLO client.example")?;
        Ok(client)
    }

    /// Sends one line and returns the last line of the reply.
    pub fn say(&mut self, line: &str) -> std::io::Result<String> {
        self.send(format!("{line}\r\n").as_bytes())?;
        self.reply()
    }

    pub fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes)?;
        self.stream.get_mut().flush()
    }

    pub fn reply(&mut self) -> std::io::Result<String> {
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line.trim_end().to_owned());
            }
        }
    }

    /// One whole message to one recipient; the reply that decided.
    pub fn message(&mut self, from: &str, to: &[&str], text: &str) -> std::io::Result<String> {
        let reply = self.say(&format!("MAIL FROM:<{from}>"))?;
        if !reply.starts_with('2') {
            return Ok(reply);
        }
        for to in to {
            let reply = self.say(&format!("RCPT TO:<{to}>"))?;
            if !reply.starts_with('2') {
                self.say("RSET")?;
                return Ok(reply);
            }
        }
        let reply = self.say("DATA")?;
        if !reply.starts_with('3') {
            return Ok(reply);
        }
        self.send(text.replace("\n.", "\n..").replace('\n', "\r\n").as_bytes())?;
        self.send(b"\r\n.\r\n")?;
        self.reply()
    }
}

/// An ordinary message; no two are the same, since one that comes again might be
/// a retry.
pub fn mail(subject: &str, body: &str) -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    format!(
        "From: Sender <sender@client.example>\nTo: <alice@example.org>\nSubject: {subject}\n\
         Date: Sat, 21 Nov 2026 10:00:00 +0000\nMessage-ID: <{subject}@client.example>\nX-Number: {number}\n\n{body}\n"
    )
}
