//! `[scan]` and `[judge]`.

use std::path::PathBuf;
use std::time::Duration;

use avscan_client::Sandbox;
use mail::Address;
use verdict::{OnUnscannable, RelayReject};

use super::super::network::Networks;
use super::super::reader::{Document, Section};
use super::super::value::{Choice, Number, Size, WebUrl, Words};
use super::Server;

/// `[scan]`: the virus scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Whether messages are scanned.
    pub enabled: bool,
    /// The folder of signature files.
    pub signatures: PathBuf,
    /// The worker's program; none for the one beside our own.
    pub worker: Option<PathBuf>,
    /// Where the worker unpacks.
    pub scratch: PathBuf,
    /// Whether the kernel must hold the worker in.
    pub sandbox: Sandbox,
    /// What becomes of a message that cannot be scanned completely.
    pub on_limits: OnUnscannable,
    /// How many messages are scanned at once.
    pub threads: u16,
    /// How many messages may wait for their turn.
    pub waiting: usize,
    /// How long a worker may be silent about a message.
    pub hang_after: Duration,
    /// How long a worker may take to load the signatures.
    pub load_within: Duration,
    /// Where a scan gives up.
    pub limits: avscan_client::Limits,
}

impl Words for Sandbox {
    const KIND: &'static str = "\"required\", \"best-effort\" or \"off\"";
    const ALL: &'static [(&'static str, Self)] =
        &[("required", Self::Required), ("best-effort", Self::BestEffort), ("off", Self::Off)];
}

impl Words for OnUnscannable {
    const KIND: &'static str = "\"junk\", \"reject\" or \"accept\"";
    const ALL: &'static [(&'static str, Self)] =
        &[("junk", Self::Junk), ("reject", Self::Reject), ("accept", Self::Accept)];
}

pub(in super::super) fn scan(document: &Document<'_>, server: &Server) -> Scan {
    let s = document.section("scan", "The virus scanner: a program of its own around libclamav.");
    let signatures: Option<PathBuf> = s.optional(
        "signatures",
        "DATA/signatures",
        "The folder of signature files. It is watched: a changed set is loaded beside the running one. \
        The server loads copies of it, and keeps the last one that could be loaded in `DATA/scanner`.",
    );
    let worker: Option<PathBuf> =
        s.optional("worker", "beside the running program", "The worker's program, `gatepost-avscan`.");
    let scratch =
        s.get("scratch", PathBuf::from("/dev/shm"), "Where the worker unpacks archives. Should be in memory (tmpfs).");
    Scan {
        enabled: s.get("enabled", true, "Whether messages are scanned for viruses."),
        signatures: signatures.map_or_else(|| server.data.join("signatures"), |path| document.path(path)),
        worker: worker.map(|path| document.path(path)),
        scratch: document.path(scratch),
        sandbox: s
            .get(
                "sandbox",
                Choice(Sandbox::Required),
                "Whether the kernel must hold the worker in (Landlock, \
            seccomp): `required` refuses to start without, `best-effort` takes what there is.",
            )
            .0,
        on_limits: s
            .get(
                "on_limits",
                Choice(OnUnscannable::Junk),
                "What becomes of a message that cannot be scanned \
            completely: encrypted, or beyond a limit.",
            )
            .0,
        threads: s.get("threads", Number::<1, 256>(2), "How many messages are scanned at once.").u16(),
        waiting: s
            .get(
                "waiting",
                Number::<0, 100_000>(512),
                "How many messages may wait for their turn; the next \
            sender is told 451.",
            )
            .usize(),
        hang_after: s.get(
            "hang_after",
            Duration::from_secs(60),
            "How long the worker may be silent about a message \
            before it is killed.",
        ),
        load_within: s.get("load_within", Duration::from_secs(300), "How long loading the signatures may take."),
        limits: scan_limits(&s),
    }
}

fn scan_limits(s: &Section<'_>) -> avscan_client::Limits {
    let usual = avscan_client::Limits::default();
    let timeout = Duration::from_millis(u64::from(usual.max_time_ms));
    let timeout = s.get("timeout", timeout, "The time of one scan.");
    avscan_client::Limits {
        max_file: s
            .get(
                "max_file",
                Size(usual.max_file),
                "The largest message, or file within one, that is scanned. \
            At least `[smtp] max_message`.",
            )
            .0,
        max_scan: s.get("max_scan", Size(usual.max_scan), "How much may be unpacked from one message together.").0,
        max_recursion: s
            .get("max_recursion", Number::<1, 100>(usual.max_recursion.into()), "Archives in archives.")
            .u32(),
        max_files: s.get("max_files", Number::<1, 1_000_000>(usual.max_files.into()), "Files in one message.").u32(),
        max_time_ms: u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX),
        max_depth: s.get("max_depth", Number::<1, 100>(usual.max_depth.into()), "Messages within messages.").u32(),
        max_embedded: s
            .get(
                "max_embedded",
                Number::<1, 100_000>(usual.max_embedded.into()),
                "Messages within one \
            message, at all depths together.",
            )
            .u32(),
        max_memory: s.get("max_memory", Size(usual.max_memory), "The worker's address space; 0 for no limit.").0,
    }
}

/// `[judge]`: what becomes of a message.
#[derive(Debug, Clone)]
pub struct Judge {
    /// How long judging may take; then the sender is told 451.
    pub budget: Duration,
    /// The base of the link in a refusal.
    pub report_base: String,
    /// The account that keeps refused mail of domains without one of their
    /// own; none for the domain's postmaster.
    pub quarantine: Option<Address>,
    /// How long a refused message is kept.
    pub quarantine_keep: Duration,
    /// How many bytes all refused messages may have.
    pub quarantine_size: u64,
    /// What becomes of a message that a relay may not be refused.
    pub relay_reject: RelayReject,
    /// Relays that have accepted the mail already.
    pub trusted_relays: Vec<rules::Network>,
}

impl Words for RelayReject {
    const KIND: &'static str = "\"quarantine\" or \"junk\"";
    const ALL: &'static [(&'static str, Self)] = &[("quarantine", Self::Quarantine), ("junk", Self::Junk)];
}

pub(in super::super) fn judge(document: &Document<'_>, server: &Server) -> Judge {
    let s = document.section("judge", "What becomes of a message.");
    let report_base: Option<WebUrl> = s.optional(
        "report_base",
        "`https://` and HOSTNAME",
        "The base of the link in a refusal, under which a human can say that it was a mistake.",
    );
    Judge {
        budget: s.get(
            "budget",
            Duration::from_secs(60),
            "How long judging may take; then the sender is told 451 and \
            tries again.",
        ),
        report_base: report_base.map_or_else(|| format!("https://{}", server.hostname), |url| url.0),
        quarantine: s.optional(
            "quarantine",
            "the domain's postmaster",
            "The account that keeps refused mail of \
            domains that have no quarantine account of their own.",
        ),
        quarantine_keep: s.get(
            "quarantine_keep",
            Duration::from_secs(14 * 86_400),
            "How long a refused message is kept.",
        ),
        quarantine_size: s
            .get(
                "quarantine_size",
                Size(10 << 30),
                "How much all refused messages may need; the oldest \
            go first.",
            )
            .0,
        relay_reject: s
            .get(
                "relay_reject",
                Choice(RelayReject::Quarantine),
                "Where a message goes that deserves a \
            refusal but came over LMTP or from a trusted relay, which would bounce it to a forged sender. Viruses go \
            into quarantine in any case.",
            )
            .0,
        trusted_relays: s
            .get(
                "trusted_relays",
                Networks::default(),
                "Networks of servers of your own that hand us \
            mail which they have accepted already.",
            )
            .0,
    }
}
