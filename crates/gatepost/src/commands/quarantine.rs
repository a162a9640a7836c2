//! `gatepost quarantine …`: look at what was refused, give it to whom it was
//! meant for, or throw it away.

use clap::Subcommand;
use directory::Resolution;
use mail::Address;
use mailbox::{QuarantineId, Quarantined, RefusedFor};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::config::Config;
use crate::output::{Failure, Output, Row};
use crate::serve::open::{self, Parts};

/// What to do with the quarantine.
#[derive(Debug, Clone, Subcommand)]
pub enum QuarantineCommand {
    /// List what is kept, the newest first
    List,
    /// Print one message as it is kept
    Show {
        /// Its number in the list
        id: i64,
    },
    /// Deliver one message to its recipients, or to the named ones
    Release {
        /// Its number in the list
        id: i64,
        /// To whom, instead of those it was sent to
        to: Vec<Address>,
    },
    /// Throw one message away
    Remove {
        /// Its number in the list
        id: i64,
    },
}

/// Runs `gatepost quarantine …`.
///
/// # Errors
///
/// [`Failure`] where there is no such object or a part is away.
pub async fn run(command: &QuarantineCommand, config: &Config, out: Output) -> Result<(), Failure> {
    let place = open::open(config).await?;
    let done = on(command, &place, out).await;
    place.store.close().await;
    done
}

async fn on(command: &QuarantineCommand, place: &Parts, out: Output) -> Result<(), Failure> {
    match command {
        QuarantineCommand::List => {
            let kept = place.store.quarantined(None).await?;
            out.list(&kept.iter().map(Shown::of).collect::<Vec<_>>())
        }
        QuarantineCommand::Show { id } => show(place, *id, out).await,
        QuarantineCommand::Release { id, to } => release(place, *id, to, out).await,
        QuarantineCommand::Remove { id } => {
            place.store.remove_quarantined(QuarantineId::new(*id)).await?;
            out.done("Removed.")
        }
    }
}

async fn show(place: &Parts, id: i64, out: Output) -> Result<(), Failure> {
    let open = place.store.open_quarantined(QuarantineId::new(id)).await?;
    let mut at = 0;
    loop {
        let piece = open.read(at, PIECE).await?;
        if piece.is_empty() {
            return Ok(());
        }
        at += piece.len() as u64;
        out.print(&harmless(&piece))?;
    }
}

/// How much of a message is read at once.
const PIECE: usize = 64 << 10;

/// A message may hold anything, also what plays tricks with a terminal.
fn harmless(piece: &[u8]) -> String {
    let text = String::from_utf8_lossy(piece);
    text.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '?' } else { c }).collect()
}

async fn release(place: &Parts, id: i64, to: &[Address], out: Output) -> Result<(), Failure> {
    let object = place.store.quarantined_by_id(QuarantineId::new(id)).await?;
    let wanted = if to.is_empty() { &object.recipients } else { to };
    for address in wanted {
        let Resolution::Deliver { accounts, .. } = place.directory.resolve_address(address).await? else {
            return Err(Failure::missing(format!("{address} has no mailbox here")));
        };
        for account in accounts {
            let mailbox = place.home.mailbox(&account).await?;
            place.store.release(object.id, mailbox, &account.address).await?;
            out.done(&format!("Delivered to {}.", account.address))?;
        }
    }
    Ok(())
}

#[derive(Debug, Serialize)]
struct Shown {
    id: i64,
    created: String,
    sender: String,
    recipients: Vec<String>,
    domain: String,
    kind: &'static str,
    reason: String,
    bytes: u64,
    released: Option<String>,
}

impl Shown {
    fn of(object: &Quarantined) -> Self {
        Self {
            id: object.id.number(),
            created: date(object.created),
            sender: object.sender.clone(),
            recipients: object.recipients.iter().map(ToString::to_string).collect(),
            domain: object.domain.to_string(),
            kind: match object.kind {
                RefusedFor::Virus => "virus",
                RefusedFor::Content => "content",
            },
            reason: object.reason.clone(),
            bytes: object.bytes,
            released: object.released.map(date),
        }
    }
}

impl Row for Shown {
    const COLUMNS: &'static [&'static str] = &["id", "created", "sender", "recipients", "reason", "bytes", "released"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.id.to_string(),
            self.created.clone(),
            if self.sender.is_empty() { "<>".to_owned() } else { self.sender.clone() },
            self.recipients.join(", "),
            self.reason.clone(),
            self.bytes.to_string(),
            self.released.clone().unwrap_or_default(),
        ]
    }
}

fn date(seconds: i64) -> String {
    let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    at.format(&Rfc3339).unwrap_or_default()
}
