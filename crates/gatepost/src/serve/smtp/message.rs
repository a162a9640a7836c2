//! One transaction of a connection: sender, recipients and the message, each
//! handed to its stage.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use mail::{Classified, ForwardPath, SpoolId};
use smtp::{Decision, Mail, Mode, Outcome, Refusal, reply};
use transaction::{Arrived, Arriving, Envelope, Hop, LocalRecipient};
use verdict::{Arrival, Token};

use super::Connection;
use crate::serve::figures;

/// An open transaction.
pub(super) struct Transaction {
    mail: Mail,
    recipients: Vec<LocalRecipient>,
    message: Message,
}

enum Message {
    /// Not begun.
    None,
    Arriving(Box<Arriving>),
    /// It cannot be kept; the rest is read and thrown away.
    Failed(Refusal),
}

impl Transaction {
    pub(super) fn new(mail: Mail) -> Self {
        Self { mail, recipients: Vec::new(), message: Message::None }
    }
}

impl Connection {
    /// RCPT.
    pub(super) async fn rcpt(&mut self, to: &ForwardPath) -> Decision {
        let Some(transaction) = &mut self.transaction else { return Decision::Refuse(reply::internal_error()) };
        match self.site.recipients.resolve(to, transaction.mail.size).await {
            Ok(recipient) if !recipient.fits_beside(&transaction.recipients) => {
                tracing::info!(%to, copies = recipient.copies().len(), "recipient is for a transaction of his own");
                let refusal = reply::too_many_recipients();
                figures::recipient(refusal.reply().code().to_string());
                Decision::Refuse(refusal)
            }
            Ok(recipient) => {
                transaction.recipients.push(recipient);
                figures::recipient("accepted");
                Decision::Accept
            }
            Err(error) => {
                let refusal = error.refusal();
                tracing::info!(%to, reason = %error, code = refusal.reply().code(), "recipient refused");
                figures::recipient(refusal.reply().code().to_string());
                Decision::Refuse(refusal)
            }
        }
    }

    /// DATA or the first BDAT.
    pub(super) async fn data_start(&mut self) -> Decision {
        let hop = self.hop();
        let Some(transaction) = &mut self.transaction else { return Decision::Refuse(reply::internal_error()) };
        match Arriving::begin(self.site.spool.clone(), self.site.blocking.clone(), hop) {
            Ok(arriving) => {
                transaction.message = Message::Arriving(Box::new(arriving));
                Decision::Accept
            }
            Err(error) => Decision::Refuse(failed(&error)),
        }
    }

    /// More of the message.
    pub(super) async fn chunk(&mut self, bytes: &[u8]) {
        let Some(transaction) = &mut self.transaction else { return };
        transaction.message = match std::mem::replace(&mut transaction.message, Message::None) {
            Message::Arriving(arriving) => match arriving.push(bytes).await {
                Ok(arriving) => Message::Arriving(Box::new(arriving)),
                Err(error) => Message::Failed(failed(&error)),
            },
            // The reason is kept for the reply at the end.
            message @ (Message::Failed(_) | Message::None) => message,
        };
    }

    /// The message is whole: judged and carried out before the reply.
    pub(super) async fn message_end(&mut self) -> Outcome {
        let Some(transaction) = self.transaction.take() else { return Outcome::Refused(reply::internal_error()) };
        let arriving = match transaction.message {
            Message::Arriving(arriving) => arriving,
            Message::Failed(refusal) => return Outcome::Refused(refusal),
            Message::None => return Outcome::Refused(reply::internal_error()),
        };
        let arrived = match arriving.finish().await {
            Ok(arrived) => arrived,
            Err(error) => return Outcome::Refused(failed(&error)),
        };
        let envelope =
            Envelope { sender: transaction.mail.from, recipients: transaction.recipients, arrival: self.arrival() };
        self.decide(arrived, &envelope).await
    }

    async fn decide(&self, arrived: Arrived, envelope: &Envelope) -> Outcome {
        if let Some(refusal) = self.site.deliverer.loop_refusal(&arrived, envelope) {
            tracing::warn!(id = %arrived.hop.id, "the message goes in circles");
            return Outcome::Refused(refusal);
        }
        let start = Instant::now();
        let now = seconds();
        let judging = self.site.judge.judge(&arrived, envelope, now, start + self.site.budget);
        let record = match tokio::time::timeout(self.site.budget, judging).await {
            Ok(record) => record,
            Err(_) => self.site.judge.out_of_time(&arrived, envelope, now),
        };
        let bytes = arrived.spooled.message_len();
        figures::judged(&record, bytes, start.elapsed());
        let judged = Instant::now();
        let token = Token::new(rand::random());
        let outcome = self.site.deliverer.carry_out(self.mode, arrived, envelope, &record, &token).await;
        figures::carried_out(judged.elapsed());
        outcome
    }

    fn hop(&self) -> Hop {
        let helo = self.session.peer().map_or_else(String::new, |hello| hello.name().to_string());
        Hop {
            hostname: self.site.hostname.clone(),
            helo,
            peer: self.peer,
            protocol: self.session.protocol().as_str(),
            tls: self.stream.as_ref().and_then(super::Stream::tls),
            id: SpoolId::new(self.site.next_id()),
            arrived: i64::try_from(seconds()).unwrap_or(i64::MAX),
        }
    }

    fn arrival(&self) -> Arrival {
        match (self.mode, self.peer) {
            (Mode::Lmtp, _) => Arrival::Lmtp,
            (Mode::Smtp, Some(peer)) if self.site.trusts(peer) => Arrival::TrustedRelay,
            (Mode::Smtp, _) => Arrival::Direct,
        }
    }
}

fn failed(error: &spool::Error) -> Refusal {
    tracing::error!(%error, "the message cannot be spooled");
    figures::failure(error.class());
    transaction::later(error.class())
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
