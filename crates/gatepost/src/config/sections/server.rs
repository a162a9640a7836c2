//! `[server]`, `[log]` and `[listen]`.

use std::path::PathBuf;
use std::time::Duration;

use mail::Domain;

use super::super::reader::{Document, Section};
use super::super::value::{Choice, Listen, ListenList, Number, UserName, Words};

/// `[server]`: who we are and where our things lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Our name in the banner, in `Received` and in `Authentication-Results`.
    pub hostname: Domain,
    /// The user to become once the ports are bound.
    pub user: UserName,
    /// The folder of spool, index and everything else of ours.
    pub data: PathBuf,
    /// The number of this node, 0 to 1023: part of every id that it makes.
    pub node: u16,
    /// How long connections may go on after SIGTERM.
    pub drain: Duration,
}

pub(in super::super) fn server(document: &Document<'_>) -> Server {
    let s = document.section("server", "Who the server is, and where its things lie.");
    let hostname = "The server's full name: in the greeting, in `Received` headers and on the certificate.";
    Server {
        hostname: s.required("hostname", (Domain::localhost(), "\"mail.example.org\""), hostname),
        user: s.get(
            "user",
            UserName::default(),
            "The system user to become once the ports are bound. Empty: stay who started it.",
        ),
        data: document.path(s.get(
            "data",
            PathBuf::from("/var/lib/gatepost"),
            "The folder of the spool, of SQLite files and of all that has no key of its own.",
        )),
        node: s
            .get(
                "node",
                Number::<0, 1023>(1),
                "The number of this machine, part of every id that it makes. \
            Must differ between machines that share a database.",
            )
            .u16(),
        drain: s.get(
            "drain",
            Duration::from_secs(30),
            "How long open connections may go on after SIGTERM before they are closed.",
        ),
    }
}

/// `[log]`
#[derive(Debug, Clone)]
pub struct Log {
    /// What is logged, in the form of `RUST_LOG`.
    pub level: String,
    /// In which form.
    pub format: LogFormat,
}

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Readable on a terminal, JSON otherwise.
    Auto,
    /// Readable.
    Text,
    /// One JSON object a line.
    Json,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Level {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Words for Level {
    const KIND: &'static str = "\"error\", \"warn\", \"info\", \"debug\" or \"trace\"";
    const ALL: &'static [(&'static str, Self)] = &[
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}

impl Words for LogFormat {
    const KIND: &'static str = "\"auto\", \"text\" or \"json\"";
    const ALL: &'static [(&'static str, Self)] = &[("auto", Self::Auto), ("text", Self::Text), ("json", Self::Json)];
}

pub(in super::super) fn log(document: &Document<'_>) -> Log {
    let s = document.section("log", "What is written to standard error.");
    let level = s.get(
        "level",
        Choice(Level::Info),
        "How much is logged. The environment variable `GATEPOST_LOG` goes before it and takes filters, such as \
         `info,sqlx=debug`.",
    );
    let name = Level::ALL.iter().find(|(_, known)| *known == level.0).map_or("info", |(name, _)| name);
    let format = s.get(
        "format",
        Choice(LogFormat::Auto),
        "`text` is readable, `json` is one object a line; `auto` is readable on a terminal and JSON otherwise.",
    );
    Log { level: name.to_owned(), format: format.0 }
}

/// `[listen]`: where we listen, for each kind of connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listeners {
    /// SMTP from other servers.
    pub smtp: Vec<Listen>,
    /// LMTP from a server that has accepted the mail already.
    pub lmtp: Vec<Listen>,
    /// IMAP over TLS.
    pub imaps: Vec<Listen>,
    /// POP3 over TLS.
    pub pop3s: Vec<Listen>,
    /// Web pages.
    pub https: Vec<Listen>,
    /// What leads to them, and answers authorities.
    pub http: Vec<Listen>,
    /// Submission with STARTTLS.
    pub submission: Vec<Listen>,
    /// Submission over TLS.
    pub submissions: Vec<Listen>,
    /// Metrics for Prometheus.
    pub metrics: Vec<Listen>,
}

impl Listeners {
    /// All of them, with the name of their key.
    pub fn all(&self) -> impl Iterator<Item = (&'static str, &Listen)> {
        let keys: [(&'static str, &Vec<Listen>); 9] = [
            ("smtp", &self.smtp),
            ("lmtp", &self.lmtp),
            ("imaps", &self.imaps),
            ("pop3s", &self.pop3s),
            ("https", &self.https),
            ("http", &self.http),
            ("submission", &self.submission),
            ("submissions", &self.submissions),
            ("metrics", &self.metrics),
        ];
        keys.into_iter().flat_map(|(key, listens)| listens.iter().map(move |listen| (key, listen)))
    }
}

pub(in super::super) fn listen(document: &Document<'_>) -> Listeners {
    let s = document.section(
        "listen",
        "Where the server listens: an address with a port, or a list of them; `unix:/path` for a socket in the file \
         system. What is left out is off.",
    );
    Listeners {
        smtp: listeners(&s, "smtp", "SMTP from other servers, with STARTTLS. Usually port 25."),
        lmtp: listeners(&s, "lmtp", "LMTP from a server in front that has accepted the mail already."),
        imaps: listeners(&s, "imaps", "IMAP over TLS. Usually port 993."),
        pop3s: listeners(&s, "pop3s", "POP3 over TLS. Usually port 995."),
        https: listeners(&s, "https", "The pages on which people change their own password. Usually port 443."),
        http: listeners(&s, "http", "Leads browsers to HTTPS, and answers the authority of `[acme]`. Usually port 80."),
        submission: listeners(&s, "submission", "Reserved for users' mail with STARTTLS; nothing listens there yet."),
        submissions: listeners(&s, "submissions", "Reserved for users' mail over TLS; nothing listens there yet."),
        metrics: listeners(&s, "metrics", "Metrics for Prometheus, without a password: loopback only."),
    }
}

fn listeners(section: &Section<'_>, key: &'static str, about: &'static str) -> Vec<Listen> {
    let ListenList(all) = section.get(key, ListenList::default(), about);
    let resolve = |listen| match listen {
        Listen::Unix(path) => Listen::Unix(section.document().path(path)),
        tcp @ Listen::Tcp(_) => tcp,
    };
    all.into_iter().map(resolve).collect()
}
