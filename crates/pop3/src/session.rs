//! One client's session: what it says becomes events, in the states of
//! RFC 1939 §3; what needs no mailbox is answered here.

use std::time::Duration;

use mail::{Class, Secret, Text};

use crate::command::{Command, State, SyntaxError};
use crate::line::{AFTER_LOGIN, BEFORE_LOGIN, Line, LineReader, wipe};
use crate::reply::{Code, Reply};

/// What CAPA lists (RFC 2449 §6, RFC 3206 §6): only what is there.
const CAPABILITIES: [&str; 8] =
    ["TOP", "UIDL", "USER", "RESP-CODES", "AUTH-RESP-CODE", "PIPELINING", "EXPIRE NEVER", "IMPLEMENTATION Gatepost"];

/// The limits of a session.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Octets that a client may send before it has logged in.
    pub octets_before_login: usize,
    /// How long it may take to log in, from the connection on.
    pub time_before_login: Duration,
    /// How long it may be silent after that; RFC 1939 §3 wants ten minutes or
    /// more.
    pub idle: Duration,
    /// Lines that are no lawful command, after which the session ends.
    pub max_errors: u32,
    /// Logins that fail, after which the session ends.
    pub max_failed_logins: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            octets_before_login: 64 * 1024,
            time_before_login: Duration::from_secs(60),
            idle: Duration::from_secs(600),
            max_errors: 10,
            max_failed_logins: 3,
        }
    }
}

/// How long to wait for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// Until so much time has passed since the connection.
    SinceConnect(Duration),
    /// So long since the client's last octet.
    Idle(Duration),
}

/// What the client wants.
#[derive(Debug)]
pub enum Event {
    /// Nothing of the caller: send these octets.
    Answer(Vec<u8>),
    /// Verify this login, then call [`Session::logged_in`] or
    /// [`Session::login_failed`].
    Login {
        /// What came after `USER`.
        name: Text,
        /// What came after `PASS`.
        password: Secret,
    },
    /// Do this to the maildrop: one of STAT, LIST, UIDL, RETR, TOP, DELE and
    /// RSET.
    Do(Command),
    /// Remove what is marked, then call [`Session::updated`].
    Update,
    /// Send these octets and close the connection. Nothing is removed.
    Close(Vec<u8>),
}

/// Why a login did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginFailure {
    /// Name or password is wrong, or the account is not active.
    Wrong,
    /// Another session has the maildrop.
    InUse,
    /// The account has as many sessions as it may have, of whatever protocol.
    TooManySessions,
    /// It could not be found out.
    Unavailable(Class),
}

/// How the UPDATE state ended (RFC 1939 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// All that was marked is removed, durably.
    Done,
    /// Some of it is not.
    Failed(Class),
}

/// The machine.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    lines: LineReader,
    state: State,
    name: Option<Text>,
    octets: usize,
    errors: u32,
    failed_logins: u32,
    closed: bool,
}

impl Session {
    /// At the beginning, and the greeting to send.
    #[must_use]
    pub fn new(settings: Settings) -> (Self, Vec<u8>) {
        let session = Self {
            settings,
            lines: LineReader::default(),
            state: State::Authorization,
            name: None,
            octets: 0,
            errors: 0,
            failed_logins: 0,
            closed: false,
        };
        // No host name and no timestamp: the latter would announce APOP.
        (session, encoded(&Reply::ok("Gatepost is ready")))
    }

    /// Takes one command from the front of `input`. `None` where the input
    /// was used up before a command ended, or the session is over. The
    /// caller answers an event before it asks for the next.
    pub fn next(&mut self, input: &mut &[u8]) -> Option<Event> {
        if self.closed {
            *input = &[];
            return None;
        }
        let before = input.len();
        let (cap, free) = match self.state {
            State::Transaction => (AFTER_LOGIN, None),
            _ => (BEFORE_LOGIN, Some(self.settings.octets_before_login.saturating_sub(self.octets))),
        };
        let line = self.lines.take(input, cap);
        self.octets = self.octets.saturating_add(before - input.len());
        if free.is_some_and(|free| before - input.len() > free) {
            return Some(self.close(&Reply::err("too much before a login")));
        }
        Some(self.command(line?))
    }

    fn command(&mut self, line: Line) -> Event {
        let read = match line {
            Line::TooLong => Err(SyntaxError::TooLong),
            Line::Whole(mut bytes) => {
                let read = Command::read(&bytes, self.state);
                wipe(&mut bytes);
                read
            }
        };
        match read {
            Ok(command) => self.lawful(command),
            Err(error) => self.wrong(error),
        }
    }

    fn lawful(&mut self, command: Command) -> Event {
        match command {
            Command::Capa => Event::Answer(capabilities()),
            Command::Noop => Event::Answer(encoded(&Reply::ok("nothing done"))),
            Command::User(name) => {
                (self.name, self.state) = (Some(name), State::Named);
                // The same for every name: who exists is not told.
                Event::Answer(encoded(&Reply::ok("now the password")))
            }
            Command::Pass(password) => {
                self.state = State::Authorization;
                match self.name.take() {
                    Some(name) => Event::Login { name, password },
                    None => self.wrong(SyntaxError::NotNow),
                }
            }
            Command::Quit if self.state == State::Transaction => Event::Update,
            Command::Quit => self.close(&Reply::ok("goodbye")),
            other => Event::Do(other),
        }
    }

    fn wrong(&mut self, error: SyntaxError) -> Event {
        self.errors += 1;
        let reply = encoded(&Reply::err(&error.to_string()));
        if self.errors < self.settings.max_errors {
            return Event::Answer(reply);
        }
        self.closed = true;
        Event::Close(reply)
    }

    fn close(&mut self, reply: &Reply) -> Event {
        self.closed = true;
        Event::Close(encoded(reply))
    }

    /// The maildrop is open.
    pub fn logged_in(&mut self, (count, octets): (usize, u64)) -> Reply {
        self.state = State::Transaction;
        Reply::ok(&format!("{count} messages, {octets} octets"))
    }

    /// The login failed. Whether the session goes on, ask
    /// [`Session::is_over`].
    pub fn login_failed(&mut self, failure: LoginFailure) -> Reply {
        self.failed_logins += 1;
        self.closed = self.failed_logins >= self.settings.max_failed_logins;
        match failure {
            LoginFailure::Wrong => Reply::coded(Code::Auth, "name or password is wrong"),
            LoginFailure::InUse => Reply::coded(Code::InUse, "another session reads this mailbox"),
            LoginFailure::TooManySessions => Reply::coded(Code::InUse, "the account has too many sessions"),
            LoginFailure::Unavailable(class) => {
                let code = Code::of(class).unwrap_or(Code::SysTemp);
                Reply::coded(code, "the mailbox is not available, try again later")
            }
        }
    }

    /// The answer to QUIT, after which the connection is closed.
    pub fn updated(&mut self, update: Update) -> Reply {
        self.closed = true;
        match update {
            Update::Done => Reply::ok("goodbye"),
            Update::Failed(class) => {
                Reply::coded(Code::of(class).unwrap_or(Code::SysTemp), "some deleted messages are not removed")
            }
        }
    }

    /// Whether the connection is to be closed once all is sent.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.closed
    }

    /// How long the client may let us wait now.
    #[must_use]
    pub fn patience(&self) -> Patience {
        match self.state {
            State::Transaction => Patience::Idle(self.settings.idle),
            _ => Patience::SinceConnect(self.settings.time_before_login),
        }
    }

    /// The client waited too long. RFC 1939 §3 wants the connection closed
    /// without a word and nothing removed.
    pub fn timed_out(&mut self) {
        self.closed = true;
    }
}

fn capabilities() -> Vec<u8> {
    let mut out = encoded(&Reply::ok("what works"));
    for capability in CAPABILITIES {
        out.extend_from_slice(capability.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

fn encoded(reply: &Reply) -> Vec<u8> {
    let mut out = Vec::new();
    reply.encode(&mut out);
    out
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
