//! What an administrator may decide about a session, as plain values.

use mail::Domain;

/// The protocol of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// RFC 5321: one reply for a message.
    Smtp,
    /// RFC 2033: `LHLO`, and one reply for each accepted recipient of a
    /// message.
    Lmtp,
}

/// What happens to a bare CR or LF in BDAT, where the length frames the
/// message and nothing can be smuggled in. In DATA it is always refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BareNewline {
    /// Each one becomes a line end: large senders send bare LF to servers that
    /// offer CHUNKING.
    Repair,
    /// The message is refused, as in DATA.
    Refuse,
}

/// Limits and offers of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Our own name: in the banner, the answer to EHLO and the farewell.
    pub hostname: Domain,
    /// The longest command line in octets, with its CRLF. RFC 5321 asks for
    /// 512 and more for each extension (§4.5.3.1.4, §4.1.1.11).
    pub max_line: usize,
    /// So many errors (lines we do not take, recipients refused for good) are
    /// answered between two messages that were taken; the next one is told
    /// `421 4.7.0`.
    pub max_errors: u32,
    /// So many commands that move no mail (NOOP, RSET, EHLO, VRFY, HELP …) are
    /// answered between two messages; the next one is told `421 4.7.0`.
    pub max_idle_commands: u32,
    /// Accepted recipients of one message; announced as `RCPTMAX` (RFC 9422).
    pub max_recipients: usize,
    /// The largest message in octets with CRLF line ends; announced as `SIZE`
    /// (RFC 1870).
    pub max_message: u64,
    /// So many octets of a message that is refused already are read and thrown
    /// away; then the connection is closed.
    pub max_skip: u64,
    /// Transactions in one connection; announced as `MAILMAX` (RFC 9422).
    pub max_transactions: u32,
    /// Whether STARTTLS is offered (RFC 3207).
    pub starttls: bool,
    /// Whether SMTPUTF8 is offered (RFC 6531).
    pub smtputf8: bool,
    /// Bare CR and LF in BDAT.
    pub bare_newline_in_bdat: BareNewline,
}

impl Settings {
    /// The defaults, under the given name.
    #[must_use]
    pub fn new(hostname: Domain) -> Self {
        Self {
            hostname,
            max_line: 2048,
            max_errors: 20,
            max_idle_commands: 100,
            max_recipients: 100,
            max_message: 50 * 1024 * 1024,
            max_skip: 256 * 1024 * 1024,
            max_transactions: 100,
            starttls: false,
            smtputf8: false,
            bare_newline_in_bdat: BareNewline::Repair,
        }
    }
}
