//! What a session tells and asks its shell, and what the shell answers.

use std::fmt;

use mail::{Domain, Text};

use crate::{Discarded, Facts, Framing, Mail, Rcpt, Refusal};

/// The next thing that happened in a session.
///
/// Where a permit comes along the session waits until the permit is handed
/// back to the method named with it.
#[derive(Debug)]
pub enum Event {
    /// The peer is connected and waits for the banner: [`crate::Session::greet`].
    Connect(ConnectPermit),
    /// EHLO, HELO or LHLO: [`crate::Session::hello`].
    Hello(Hello, HelloPermit),
    /// MAIL opens a transaction: [`crate::Session::mail`].
    Mail(Mail, MailPermit),
    /// RCPT names one recipient: [`crate::Session::rcpt`].
    Rcpt(Rcpt, RcptPermit),
    /// The message is about to come, at least one recipient is accepted:
    /// [`crate::Session::data`].
    DataStart(DataStart, DataPermit),
    /// Bytes of the message with LF line ends and dots unstuffed. Never empty,
    /// not larger than what was fed.
    Chunk(Vec<u8>),
    /// The message is complete and sound in form: [`crate::Session::message`].
    MessageEnd(Facts, EndPermit),
    /// The message was refused by the session itself, and the peer is told so
    /// already: what came of it is to be thrown away. The transaction is over.
    /// Comes without [`Event::DataStart`] where a first BDAT is too large.
    MessageDiscarded(Discarded),
    /// The peer gave the transaction up (RSET, EHLO): sender, recipients and
    /// bytes so far are to be forgotten.
    Reset,
    /// The peer wants TLS: [`crate::Session::accept_tls`] or
    /// [`crate::Session::refuse_tls`].
    StartTls(TlsPermit),
    /// The peer took leave. The last event; a transaction that was open is
    /// void.
    Quit,
    /// The session ends without QUIT. The last event; a transaction that was
    /// open is void.
    Abort(Abort),
}

/// Yes or no to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Go on; the session says what is usual.
    Accept,
    /// No, and this is what the peer hears. A reply with code 421 ends the
    /// session.
    Refuse(Refusal),
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is durable and ours now: `250 2.0.0` with this text, for all.
    Accepted(Text),
    /// It is not ours, and this is what the peer hears, for all.
    Refused(Refusal),
    /// One outcome for each accepted recipient in the order of their RCPT
    /// (LMTP). Where one is missing the peer hears `451 4.3.0`. In SMTP, which
    /// has one reply, the first refusal is said, since a 250 would lose the
    /// message for that recipient.
    Each(Vec<Result<Text, Refusal>>),
}

impl Outcome {
    /// [`Outcome::Accepted`] with any text; what a line cannot hold is shown
    /// as `?`.
    #[must_use]
    pub fn accepted(text: &str) -> Self {
        Self::Accepted(Text::sanitized(text))
    }
}

/// How the peer introduced itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Greeting {
    /// RFC 821's HELO.
    Helo,
    /// RFC 5321's EHLO.
    Ehlo,
    /// RFC 2033's LHLO.
    Lhlo,
}

/// The peer's introduction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// The command.
    pub greeting: Greeting,
    name: Text,
    domain: Option<Domain>,
}

impl Hello {
    /// Reads the argument. Peers name themselves in many ways that are no
    /// domain; one word of visible ASCII that cannot disturb a `Received`
    /// header is let through, so that the shell can judge it.
    pub(crate) fn new(greeting: Greeting, name: &str) -> Option<Self> {
        let sound = |b: u8| b.is_ascii_graphic() && !b"()<>\\\",;".contains(&b);
        if name.is_empty() || name.len() > 255 || !name.bytes().all(sound) {
            return None;
        }
        Some(Self { greeting, name: Text::new(name).ok()?, domain: Domain::parse(name).ok() })
    }

    /// The name as it was given: one word of visible ASCII, at most 255 octets,
    /// without parentheses, quotes, brackets `<>`, comma, semicolon and
    /// backslash.
    #[must_use]
    pub fn name(&self) -> &Text {
        &self.name
    }

    /// The name as a domain or address literal, where it is one.
    #[must_use]
    pub fn domain(&self) -> Option<&Domain> {
        self.domain.as_ref()
    }
}

/// How the message will come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataStart {
    /// DATA or BDAT.
    pub framing: Framing,
    /// Octets of the first chunk (BDAT), or what MAIL promised with SIZE.
    pub declared: Option<u64>,
}

/// Why a session ended without QUIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Abort {
    /// The peer closed the connection, or it broke.
    PeerGone,
    /// A decision of the shell ended it (code 421, or
    /// [`crate::Session::shut`]).
    Told,
    /// More errors than allowed.
    TooManyErrors,
    /// More idle commands than allowed.
    TooManyIdleCommands,
    /// More transactions than allowed.
    TooManyTransactions,
    /// An HTTP request or a TLS handshake where a command should be.
    NotSmtp,
    /// A command line without end.
    EndlessLine,
    /// A CR or LF alone where a command should end with CRLF: what follows it
    /// might be another command to one reader and not to the next.
    BareNewline,
    /// A BDAT whose length cannot be read, so that what follows could be
    /// anything.
    BadChunk,
    /// More of a refused message than is thrown away patiently.
    TooMuchRefused,
}

impl Abort {
    /// The word for it in logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PeerGone => "peer_gone",
            Self::Told => "told",
            Self::TooManyErrors => "too_many_errors",
            Self::TooManyIdleCommands => "too_many_idle_commands",
            Self::TooManyTransactions => "too_many_transactions",
            Self::NotSmtp => "not_smtp",
            Self::EndlessLine => "endless_line",
            Self::BareNewline => "bare_newline",
            Self::BadChunk => "bad_chunk",
            Self::TooMuchRefused => "too_much_refused",
        }
    }
}

impl fmt::Display for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

macro_rules! permit {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, PartialEq, Eq)]
        #[must_use = "the session waits until the permit is handed back"]
        pub struct $name(());

        impl $name {
            pub(crate) fn new() -> Self {
                Self(())
            }
        }
    };
}

permit!(
    /// The right to greet, once.
    ConnectPermit
);
permit!(
    /// The right to answer an introduction, once.
    HelloPermit
);
permit!(
    /// The right to answer a MAIL, once.
    MailPermit
);
permit!(
    /// The right to answer a RCPT, once.
    RcptPermit
);
permit!(
    /// The right to let a message in, once.
    DataPermit
);
permit!(
    /// The right to say what became of a message, once.
    EndPermit
);
permit!(
    /// The right to answer STARTTLS, once.
    TlsPermit
);

/// A TLS handshake that the peer was promised. It goes back to
/// [`crate::Session::secured`] when the handshake succeeded; when it did not,
/// the connection is closed with [`crate::Session::hang_up`].
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the session waits for the end of the handshake"]
pub struct Handshake {
    dropped: usize,
}

impl Handshake {
    pub(crate) fn new(dropped: usize) -> Self {
        Self { dropped }
    }

    /// How many octets stood behind STARTTLS in plain text. They were thrown
    /// away: an attacker on the way may have put them there (RFC 3207 §5).
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.dropped
    }
}
