//! One IMAP session.

use std::error::Error;

use testkit::dialogue::Wire;
use testkit::tls;

use crate::ServerOptions;

/// Logged in.
pub struct Session(Box<dyn Wire>);

impl Session {
    /// With INBOX selected; the n-th of the people.
    pub fn selected(server: &ServerOptions, n: usize) -> Result<Self, Box<dyn Error>> {
        let user = server.users.get(n % server.users.len().max(1)).ok_or("nobody to log in as")?;
        let (name, password) = user.split_once(':').ok_or("--user is ADDRESS:PASSWORD")?;
        let config = tls::client_config(&server.ca);
        let mut session = Self(Box::new(tls::secure(server.imaps, &server.host, &config)));
        session.line()?;
        session.command(&format!("LOGIN {name} \"{password}\""))?;
        session.command("SELECT INBOX")?;
        Ok(session)
    }

    /// Within IDLE (RFC 2177).
    pub fn idling(server: &ServerOptions, n: usize) -> Result<Self, Box<dyn Error>> {
        let mut session = Self::selected(server, n)?;
        session.0.send(b"i IDLE\r\n");
        while !session.line()?.starts_with('+') {}
        Ok(session)
    }

    /// A FETCH of one literal: how many octets came.
    pub fn octets(&mut self, text: &str) -> Result<usize, Box<dyn Error>> {
        self.0.send(format!("t {text}\r\n").as_bytes());
        let head = self.line()?;
        let length = head.trim_end_matches('}').rsplit_once('{').map(|(_, length)| length.parse::<usize>());
        let (wanted, mut got) = (length.transpose()?.unwrap_or_default(), 0);
        // What is behind the literal comes with its last line.
        loop {
            let line = self.0.line();
            if line.is_empty() {
                return Err("the server ended the connection".into());
            }
            if got >= wanted && line.starts_with(b"t OK") {
                return Ok(wanted);
            }
            got += line.len();
        }
    }

    fn command(&mut self, text: &str) -> Result<(), Box<dyn Error>> {
        self.0.send(format!("t {text}\r\n").as_bytes());
        loop {
            match self.line()?.strip_prefix("t ") {
                Some(end) if end.starts_with("OK") => return Ok(()),
                Some(end) => return Err(format!("{text}: {end}").into()),
                None => {}
            }
        }
    }

    fn line(&mut self) -> Result<String, Box<dyn Error>> {
        match self.0.line() {
            line if line.is_empty() => Err("the server ended the connection".into()),
            line => Ok(String::from_utf8_lossy(&line).trim_end().to_owned()),
        }
    }
}
