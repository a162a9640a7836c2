//! `gatepost quarantine …`: look at what was refused, give it to whom it was
//! meant for, or throw it away.

use clap::Subcommand;
use directory::Resolution;
use mail::Address;
use mailbox::{QuarantineId, Quarantined, RefusedFor};
use serde::Serialize;
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use verdict::Token;

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
        /// Its number in the list, or the link that the sender was told
        id: Kept,
    },
    /// Deliver one message to its recipients, or to the named ones
    Release {
        /// Its number in the list, or the link that the sender was told
        id: Kept,
        /// To whom, instead of those it was sent to
        to: Vec<Address>,
    },
    /// Throw one message away
    Remove {
        /// Its number in the list, or the link that the sender was told
        id: Kept,
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
        QuarantineCommand::Show { id } => show(place, id.find(place).await?, out).await,
        QuarantineCommand::Release { id, to } => release(place, id.find(place).await?, to, out).await,
        QuarantineCommand::Remove { id } => {
            place.store.remove_quarantined(id.find(place).await?).await?;
            out.done("Removed.")
        }
    }
}

/// How a person names one message: a sender who complains has the link of his
/// refusal, and the list has the number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// Its number in the list.
    Number(i64),
    /// What stands at the end of the link in the refusal.
    Token(Token),
}

impl std::str::FromStr for Kept {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let last = text.trim().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        match (text.parse(), last.parse()) {
            (Ok(number), _) => Ok(Self::Number(number)),
            (_, Ok(token)) => Ok(Self::Token(token)),
            _ => Err("it is neither a number of `gatepost quarantine list` nor the link of a refusal"),
        }
    }
}

impl Kept {
    async fn find(&self, place: &Parts) -> Result<QuarantineId, Failure> {
        let token = match self {
            Self::Number(number) => return Ok(QuarantineId::new(*number)),
            Self::Token(token) => token,
        };
        let found = place.store.quarantined_by_token(&Sha256::digest(token.bytes()).into()).await?;
        match found.as_slice() {
            [] => Err(Failure::missing("there is nothing in quarantine for this link")
                .hint("it may be too old, or removed; see gatepost quarantine list")),
            [one] => Ok(one.id),
            many => {
                let ids: Vec<_> = many.iter().map(|one| one.id.number().to_string()).collect();
                let message = format!("the message was kept for several domains: {}", ids.join(", "));
                Err(Failure::usage(message).hint("name one of these numbers"))
            }
        }
    }
}

async fn show(place: &Parts, id: QuarantineId, out: Output) -> Result<(), Failure> {
    let open = place.store.open_quarantined(id).await?;
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

async fn release(place: &Parts, id: QuarantineId, to: &[Address], out: Output) -> Result<(), Failure> {
    let object = place.store.quarantined_by_id(id).await?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_or_a_link() {
        let token = Token::new([7; 16]);
        let of_token = Ok(Kept::Token(token));
        let cases = [
            ("117763192389636111".to_owned(), Ok(Kept::Number(117_763_192_389_636_111))),
            (token.to_string(), of_token.clone()),
            (format!("https://mail.example.org/report/{token}"), of_token.clone()),
            (format!(" https://mail.example.org/report/{token}/ "), of_token),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Kept>(), expected, "{text}");
        }
        for bad in ["", "abc", "https://mail.example.org/report/", "12x"] {
            assert!(bad.parse::<Kept>().is_err(), "{bad}");
        }
    }
}
