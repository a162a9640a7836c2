//! The virus scan of an arrived message: the spool file itself goes to the
//! scanner, as a read-only descriptor.

use std::future::Future;
use std::pin::Pin;
use std::time::Instant;

use avscan_client::{Limit, Message, Outcome, Prefix, ScanError, Scanner};
use maildir::Blocking;
use spool::Spooled;
use verdict::{Scan, Unscannable};

/// What an examiner says in time.
pub type Examination<'a> = Pin<Box<dyn Future<Output = Result<avscan_client::Scan, ScanError>> + Send + 'a>>;

/// Whoever looks for viruses.
pub trait Examiner: Send + Sync {
    /// Looks at the message.
    fn examine(&self, message: Message) -> Examination<'_>;
}

impl Examiner for Scanner {
    fn examine(&self, message: Message) -> Examination<'_> {
        Box::pin(self.scan(message))
    }
}

/// Asks the scanner; a failure is evidence too, never a panic or a hang.
pub(crate) async fn scan(
    scanner: Option<&dyn Examiner>,
    spooled: &Spooled,
    deadline: Instant,
    blocking: &Blocking,
) -> Scan {
    let Some(scanner) = scanner else { return Scan::Off };
    let opener = spooled.opener();
    let file = match blocking.run(move || opener.open()).await {
        Ok(file) => file.into(),
        Err(error) => {
            tracing::error!(%error, "the message cannot be handed to the scanner");
            return Scan::Away;
        }
    };
    let message = Message {
        file,
        length: spooled.trace_len() + spooled.message_len(),
        prefix: Prefix::Ours,
        sha256: spooled.survey().sha256,
        deadline,
    };
    match scanner.examine(message).await {
        Ok(scan) => {
            tracing::debug!(took_ms = scan.took.as_millis(), outcome = ?scan.outcome, "scanned");
            of_outcome(scan.outcome)
        }
        Err(error) => {
            tracing::warn!(%error, "not scanned");
            Scan::Away
        }
    }
}

/// The scanner's word as evidence.
fn of_outcome(outcome: Outcome) -> Scan {
    match outcome {
        Outcome::Clean => Scan::Clean,
        Outcome::Virus(name) => Scan::Found { name: name.as_str().to_owned() },
        Outcome::Unscannable(limit) => Scan::Unscannable { what: kind(limit), detail: limit.to_string() },
        Outcome::Poison => Scan::Poison,
    }
}

fn kind(limit: Limit) -> Unscannable {
    match limit {
        Limit::Encrypted => Unscannable::Encrypted,
        _ => Unscannable::Limits,
    }
}
