//! The virus scan of an arrived message: the spool file itself goes to the
//! scanner, as a read-only descriptor.

use std::time::Instant;

use avscan_client::{Limit, Message, Outcome, Prefix, Scanner};
use spool::Spooled;
use verdict::{Scan, Unscannable};

/// Asks the scanner; a failure is evidence too, never a panic or a hang.
pub async fn scan(scanner: Option<&Scanner>, spooled: &Spooled, deadline: Instant) -> Scan {
    let Some(scanner) = scanner else { return Scan::Off };
    let file = match spooled.descriptor() {
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
    match scanner.scan(message).await {
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
