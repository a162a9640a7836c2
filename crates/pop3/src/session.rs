//! One client's session: what it says becomes events, in the states of
//! RFC 1939 §3; what needs no mailbox is answered here.

use std::time::Duration;

use mail::{Class, Plain, PlainError, Secret, Text};

use crate::command::{Auth, Command, State, SyntaxError};
use crate::line::{AFTER_LOGIN, BEFORE_LOGIN, Line, LineReader, SASL_ANSWER, wipe};
use crate::reply::{Code, Reply};
use crate::{Language, Phrase};

/// What CAPA lists (RFC 2449 §6, RFC 3206 §6, RFC 5034 §3, RFC 6856 §2): only
/// what is there. No LOGIN-DELAY, since nobody has to wait after a login that
/// was good.
const CAPABILITIES: [&str; 11] = [
    "TOP",
    "UIDL",
    "USER",
    "SASL PLAIN",
    "RESP-CODES",
    "AUTH-RESP-CODE",
    "PIPELINING",
    "UTF8 USER",
    "LANG",
    "EXPIRE NEVER",
    "IMPLEMENTATION Gatepost",
];

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
        /// What came after `USER`, or in the answer of PLAIN.
        name: Text,
        /// What came after `PASS`, or in the answer of PLAIN.
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
    /// The password is right, but there is no folder of the name behind `+`.
    NoSuchFolder,
    /// As [`LoginFailure::Wrong`], and so often that the next attempt has to
    /// wait this long.
    Slowed(Duration),
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

/// How a client wants messages (RFC 6856 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// It did not say `UTF8`: header fields in ASCII only.
    Ascii,
    /// As they are.
    Utf8,
}

/// What the next line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaited {
    Command,
    /// The answer to the `+` of AUTH.
    Answer,
}

/// The machine.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    lines: LineReader,
    state: State,
    awaited: Awaited,
    name: Option<Text>,
    form: Form,
    language: Language,
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
            awaited: Awaited::Command,
            name: None,
            form: Form::Ascii,
            language: Language::default(),
            octets: 0,
            errors: 0,
            failed_logins: 0,
            closed: false,
        };
        // No host name and no timestamp: the latter would announce APOP.
        let greeting = session.encoded(&Reply::ok(Phrase::Ready));
        (session, greeting)
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
        let free = self.settings.octets_before_login.saturating_sub(self.octets);
        let (cap, free) = match (self.state, self.awaited) {
            (State::Transaction, _) => (AFTER_LOGIN, None),
            (_, Awaited::Command) => (BEFORE_LOGIN, Some(free)),
            (_, Awaited::Answer) => (SASL_ANSWER, Some(free)),
        };
        let line = self.lines.take(input, cap);
        self.octets = self.octets.saturating_add(before - input.len());
        if free.is_some_and(|free| before - input.len() > free) {
            return Some(self.close(&Reply::err(Phrase::TooMuchBeforeLogin)));
        }
        let line = line?;
        Some(match self.awaited {
            Awaited::Command => self.command(line),
            Awaited::Answer => self.answer(line),
        })
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
            Command::Capa => Event::Answer(self.listing(Phrase::WhatWorks, CAPABILITIES)),
            Command::Noop => Event::Answer(self.encoded(&Reply::ok(Phrase::NothingDone))),
            Command::User(name) => {
                (self.name, self.state) = (Some(name), State::Named);
                // The same for every name: who exists is not told.
                Event::Answer(self.encoded(&Reply::ok(Phrase::NowThePassword)))
            }
            Command::Pass(password) => {
                self.state = State::Authorization;
                match self.name.take() {
                    Some(name) => Event::Login { name, password },
                    None => self.wrong(SyntaxError::NotNow),
                }
            }
            Command::Auth(auth) => self.auth(auth),
            Command::Utf8 => {
                self.form = Form::Utf8;
                Event::Answer(self.encoded(&Reply::ok(Phrase::Utf8)))
            }
            Command::Lang(None) => {
                let lines = Language::ALL.map(|language| format!("{} {}", language.tag(), language.name()));
                Event::Answer(self.listing(Phrase::Languages, lines))
            }
            Command::Lang(Some(language)) => {
                self.language = language;
                Event::Answer(self.encoded(&Reply::ok(Phrase::LanguageChanged)))
            }
            Command::Quit if self.state == State::Transaction => Event::Update,
            Command::Quit => self.close(&Reply::ok(Phrase::Goodbye)),
            other => Event::Do(other),
        }
    }

    /// AUTH (RFC 5034 §4). What a `USER` before it named is forgotten.
    fn auth(&mut self, auth: Auth) -> Event {
        (self.name, self.state) = (None, State::Authorization);
        match auth {
            Auth::Which => Event::Answer(self.listing(Phrase::Mechanisms, ["PLAIN"])),
            Auth::PlainWith(response) => self.plain(Plain::decode(response.expose())),
            Auth::Plain => {
                self.awaited = Awaited::Answer;
                // PLAIN has nothing to ask, so nothing stands behind the space.
                Event::Answer(b"+ \r\n".to_vec())
            }
        }
    }

    fn answer(&mut self, line: Line) -> Event {
        self.awaited = Awaited::Command;
        match line {
            Line::TooLong => self.wrong(SyntaxError::TooLong),
            Line::Whole(mut bytes) => {
                let given = Plain::decode(&bytes);
                wipe(&mut bytes);
                self.plain(given)
            }
        }
    }

    fn plain(&mut self, given: Result<Plain, PlainError>) -> Event {
        match given {
            Ok(Plain { user, password }) => Event::Login { name: user, password },
            Err(PlainError::Cancelled) => self.refused(&Reply::err(Phrase::Cancelled)),
            Err(PlainError::Malformed) => self.refused(&Reply::err(Phrase::NotPlain)),
            Err(PlainError::OnBehalf) => self.refused(&Reply::coded(Code::Auth, Phrase::OnBehalf)),
        }
    }

    fn wrong(&mut self, error: SyntaxError) -> Event {
        self.refused(&Reply::err(error))
    }

    /// An error of the client's, of which there are not too many.
    fn refused(&mut self, reply: &Reply) -> Event {
        self.errors += 1;
        if self.errors < self.settings.max_errors {
            return Event::Answer(self.encoded(reply));
        }
        self.close(reply)
    }

    fn close(&mut self, reply: &Reply) -> Event {
        self.closed = true;
        Event::Close(self.encoded(reply))
    }

    /// The maildrop is open.
    pub fn logged_in(&mut self, stat: (usize, u64)) -> Reply {
        self.state = State::Transaction;
        Reply::messages(stat)
    }

    /// The login failed. Whether the session goes on, ask
    /// [`Session::is_over`].
    pub fn login_failed(&mut self, failure: LoginFailure) -> Reply {
        self.failed_logins += 1;
        self.closed = self.failed_logins >= self.settings.max_failed_logins;
        match failure {
            LoginFailure::Wrong => Reply::coded(Code::Auth, Phrase::WrongPassword),
            LoginFailure::InUse => Reply::coded(Code::InUse, Phrase::InUse),
            LoginFailure::TooManySessions => Reply::coded(Code::InUse, Phrase::TooManySessions),
            LoginFailure::NoSuchFolder => Reply::coded(Code::SysPerm, Phrase::NoSuchFolder),
            LoginFailure::Slowed(time) => {
                // Rounded up: who comes back then does not wait. No LOGIN-DELAY,
                // which is for those whose login was good (RFC 2449 §8.1.1).
                let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
                Reply::coded(Code::Auth, Phrase::WaitSeconds).with([seconds.max(1), 0])
            }
            LoginFailure::Unavailable(class) => {
                Reply::coded(Code::of(class).unwrap_or(Code::SysTemp), Phrase::MailboxUnavailable)
            }
        }
    }

    /// The answer to QUIT, after which the connection is closed.
    pub fn updated(&mut self, update: Update) -> Reply {
        self.closed = true;
        match update {
            Update::Done => Reply::ok(Phrase::Goodbye),
            Update::Failed(class) => Reply::coded(Code::of(class).unwrap_or(Code::SysTemp), Phrase::NotRemoved),
        }
    }

    /// What replies are to be written in now.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    /// How the client wants messages.
    #[must_use]
    pub fn form(&self) -> Form {
        self.form
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

    fn listing(&self, phrase: Phrase, lines: impl IntoIterator<Item = impl AsRef<str>>) -> Vec<u8> {
        let mut out = self.encoded(&Reply::ok(phrase));
        for line in lines {
            out.extend_from_slice(line.as_ref().as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
        out
    }

    fn encoded(&self, reply: &Reply) -> Vec<u8> {
        let mut out = Vec::new();
        reply.encode(self.language, &mut out);
        out
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
