//! `[smtp]`, `[imap]`, `[pop3]`, `[login]` and `[limits]`.

use std::time::Duration;

use smtp::BareNewline;

use super::super::reader::Document;
use super::super::value::{Choice, Number, Size, Words};

/// `[smtp]`: SMTP and LMTP.
#[derive(Debug, Clone)]
pub struct Smtp {
    /// The largest message in bytes, with CRLF line ends.
    pub max_message: u64,
    /// The most recipients of a message.
    pub max_recipients: usize,
    /// The longest command line in bytes.
    pub max_line: usize,
    /// The most errors of a connection.
    pub max_errors: u32,
    /// The most commands between two messages that move no mail.
    pub max_idle_commands: u32,
    /// How much of a refused message is read and thrown away.
    pub max_skip: u64,
    /// The most messages of a connection.
    pub max_transactions: u32,
    /// What happens to bare CR and LF in BDAT.
    pub bare_newline_in_bdat: BareNewline,
    /// Whether SMTPUTF8 is offered.
    pub smtputf8: Smtputf8,
    /// How long a command may take.
    pub command_timeout: Duration,
    /// How long a block of data may take.
    pub data_timeout: Duration,
    /// The least rate of data in bytes a second.
    pub min_rate: u64,
    /// The most connections.
    pub connections: usize,
    /// The most connections of one network.
    pub connections_per_network: usize,
}

impl Words for BareNewline {
    const KIND: &'static str = "\"repair\" or \"refuse\"";
    const ALL: &'static [(&'static str, Self)] = &[("repair", Self::Repair), ("refuse", Self::Refuse)];
}

/// Whether SMTPUTF8 is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Smtputf8 {
    /// It is.
    On,
    /// It is not.
    Off,
}

impl Words for Smtputf8 {
    const KIND: &'static str = "\"on\" or \"off\"";
    const ALL: &'static [(&'static str, Self)] = &[("on", Self::On), ("off", Self::Off)];
}

const SMTPUTF8: &str = "`on` offers SMTPUTF8 (RFC 6531). A program that does not say that it understands UTF-8 is \
    shown the headers of such mail in ASCII (RFC 6858).";
const MIN_RATE: &str =
    "Data that comes slower than so many bytes a second, on average, ends the connection; 0 for no such limit.";

pub(in super::super) fn smtp(document: &Document<'_>) -> Smtp {
    let s = document.section("smtp", "Limits of SMTP and LMTP.");
    let five_minutes = Duration::from_secs(300);
    Smtp {
        max_message: s.get("max_message", Size(50 << 20), "The largest message. Announced as `SIZE`.").0,
        max_recipients: s
            .get(
                "max_recipients",
                Number::<1, 100_000>(100),
                "The most recipients of one message; RFC 5321 asks for 100.",
            )
            .usize(),
        max_line: s.get("max_line", Number::<512, 65_536>(2048), "The longest command line in bytes.").usize(),
        max_errors: s
            .get("max_errors", Number::<1, 10_000>(20), "So many errors are answered, then the connection ends.")
            .u32(),
        max_idle_commands: s
            .get(
                "max_idle_commands",
                Number::<1, 10_000>(100),
                "So many commands between two messages may move no mail.",
            )
            .u32(),
        max_skip: s
            .get("max_skip", Size(256 << 20), "How much of a message that is refused already is read and thrown away.")
            .0,
        max_transactions: s
            .get("max_transactions", Number::<1, 100_000>(100), "The most messages of one connection.")
            .u32(),
        bare_newline_in_bdat: s
            .get(
                "bare_newline_in_bdat",
                Choice(BareNewline::Repair),
                "What happens to a bare CR or LF in BDAT. In DATA it is always refused.",
            )
            .0,
        smtputf8: s.get("smtputf8", Choice(Smtputf8::On), SMTPUTF8).0,
        command_timeout: s.get(
            "command_timeout",
            five_minutes,
            "How long to wait for a command (RFC 5321 §4.5.3.2: five minutes); all commands between two messages \
             together have six times as much.",
        ),
        data_timeout: s.get("data_timeout", five_minutes, "How long to wait for a block of data."),
        min_rate: s.get("min_rate", Size(100), MIN_RATE).0,
        connections: s.get("connections", Number::<1, 1_000_000>(1_000), "The most connections at a time.").usize(),
        connections_per_network: s
            .get(
                "connections_per_network",
                Number::<1, 1_000_000>(25),
                "The most from one IPv4 address or IPv6 /64; four times as many from a /48.",
            )
            .usize(),
    }
}

/// `[imap]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imap {
    /// What a client may send before it has logged in, in bytes.
    pub before_login: usize,
    /// How long it may take to log in.
    pub login_timeout: Duration,
    /// How long a client may be silent.
    pub idle_timeout: Duration,
    /// How often an idle session looks into its folder where the kernel does not
    /// tell of other programs.
    pub look_every: Duration,
    /// The longest command in bytes, without literals that go to disk.
    pub max_command: usize,
    /// The most literals of a command.
    pub max_literals: usize,
    /// The largest message that is appended, in bytes.
    pub max_append: u64,
    /// The most errors of a connection.
    pub max_errors: u32,
    /// The most failed logins of a connection.
    pub max_failed_logins: u32,
    /// The most connections.
    pub connections: usize,
    /// The most connections of one network.
    pub connections_per_network: usize,
}

pub(in super::super) fn imap(document: &Document<'_>) -> Imap {
    let s = document.section("imap", "Limits of IMAP.");
    Imap {
        before_login: s
            .get("before_login", Size(64 << 10), "How much a client may send before it has logged in.")
            .usize(),
        login_timeout: s.get("login_timeout", Duration::from_secs(60), "How long it may take to log in."),
        idle_timeout: s.get(
            "idle_timeout",
            Duration::from_secs(30 * 60),
            "How long a client may be silent (RFC 9051 §5.4: at least 30 minutes).",
        ),
        look_every: s.get(
            "look_every",
            Duration::from_secs(30),
            "How often an idle session (IDLE) looks for what other programs did in its folder, where the kernel \
             does not tell: on a network file system, or where `fs.inotify.max_user_watches` is reached. Where it \
             tells, clients hear within a second, and this is done twenty times as seldom.",
        ),
        max_command: s
            .get("max_command", Size(1 << 20), "The longest command, without the messages of APPEND.")
            .usize(),
        max_literals: s.get("max_literals", Number::<1, 10_000>(100), "The most literals of one command.").usize(),
        max_append: s.get("max_append", Size(64 << 20), "The largest message that a client may append.").0,
        max_errors: s
            .get("max_errors", Number::<1, 10_000>(50), "So many errors are answered, then the connection ends.")
            .u32(),
        max_failed_logins: s
            .get("max_failed_logins", Number::<1, 100>(5), "So many logins may fail, then the connection ends.")
            .u32(),
        connections: s.get("connections", Number::<1, 1_000_000>(2_000), "The most connections at a time.").usize(),
        connections_per_network: s
            .get("connections_per_network", Number::<1, 1_000_000>(100), "The most from one IPv4 address or IPv6 /64.")
            .usize(),
    }
}

/// `[pop3]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pop3 {
    /// What a client may send before it has logged in, in bytes.
    pub before_login: usize,
    /// How long it may take to log in.
    pub login_timeout: Duration,
    /// How long a client may be silent.
    pub idle_timeout: Duration,
    /// The most errors of a connection.
    pub max_errors: u32,
    /// The most failed logins of a connection.
    pub max_failed_logins: u32,
    /// The most connections.
    pub connections: usize,
    /// The most connections of one network.
    pub connections_per_network: usize,
}

pub(in super::super) fn pop3(document: &Document<'_>) -> Pop3 {
    let s = document.section("pop3", "Limits of POP3.");
    Pop3 {
        before_login: s
            .get("before_login", Size(64 << 10), "How much a client may send before it has logged in.")
            .usize(),
        login_timeout: s.get("login_timeout", Duration::from_secs(60), "How long it may take to log in."),
        idle_timeout: s.get(
            "idle_timeout",
            Duration::from_secs(600),
            "How long a client may be silent (RFC 1939 §3: at least 10 minutes).",
        ),
        max_errors: s
            .get("max_errors", Number::<1, 10_000>(10), "So many errors are answered, then the connection ends.")
            .u32(),
        max_failed_logins: s
            .get("max_failed_logins", Number::<1, 100>(3), "So many logins may fail, then the connection ends.")
            .u32(),
        connections: s.get("connections", Number::<1, 1_000_000>(500), "The most connections at a time.").usize(),
        connections_per_network: s
            .get("connections_per_network", Number::<1, 1_000_000>(50), "The most from one IPv4 address or IPv6 /64.")
            .usize(),
    }
}

/// `[login]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// When a failed login is answered at the earliest.
    pub failure_after: Duration,
    /// How many passwords are computed at once.
    pub hashers: usize,
    /// The most logins that are remembered while the directory is away.
    pub remember: usize,
}

const FAILURE_AFTER: &str =
    "A failed login is answered after this time, whatever the reason, so that nothing can be read from the time.";

const REMEMBER: &str = "How many verified logins are remembered, in memory alone, so that known users go on reading \
     while the directory is away; each for 24 hours after the directory verified it last. 0 remembers none.";

pub(in super::super) fn login(document: &Document<'_>) -> Login {
    let s = document.section("login", "Passwords.");
    Login {
        failure_after: s.get("failure_after", Duration::from_millis(300), FAILURE_AFTER),
        hashers: s
            .get(
                "hashers",
                Number::<1, 1_000>(2),
                "How many passwords are verified at once; each argon2id hash needs about 20 MB.",
            )
            .usize(),
        remember: s.get("remember", Number::<0, 1_000_000>(10_000), REMEMBER).usize(),
    }
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The most connections of one account, IMAP and POP3 together.
    pub connections_per_account: usize,
    /// The most connections on which nobody has logged in yet, IMAP and POP3
    /// together.
    pub strangers: usize,
    /// The most of them from one network.
    pub strangers_per_network: usize,
    /// The most logins of one network that are under way.
    pub logins_per_network: usize,
}

const LOGINS: &str = "How many logins of one IPv4 address or IPv6 /64 are under way at a time, with the delays that \
    wrong passwords bring; some more wait for their turn, others are told to try later.";

pub(in super::super) fn limits(document: &Document<'_>) -> Limits {
    let s = document.section("limits", "Limits over all protocols.");
    Limits {
        connections_per_account: s
            .get(
                "connections_per_account",
                Number::<1, 100_000>(25),
                "The most connections of one account at a time, IMAP and POP3 together.",
            )
            .usize(),
        strangers: s
            .get(
                "strangers",
                Number::<1, 1_000_000>(400),
                "The most connections on which nobody has logged in yet, IMAP and POP3 together. They count for \
                 `connections` too.",
            )
            .usize(),
        strangers_per_network: s
            .get(
                "strangers_per_network",
                Number::<1, 1_000_000>(40),
                "The most of them from one IPv4 address or IPv6 /64.",
            )
            .usize(),
        logins_per_network: s.get("logins_per_network", Number::<1, 10_000>(4), LOGINS).usize(),
    }
}
