//! One transaction of a connection: sender, recipients and the message, each
//! handed to its stage.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mail::{Class, Classified, ForwardPath, SpoolId};
use smtp::{Decision, Mail, Mode, Outcome, Refusal, reply};
use tracing::Instrument;
use transaction::{Arriving, Envelope, GivenUp, Hop, LocalRecipient, Moment, Receipt, Ticket};
use verdict::{Arrival, Token};

use super::Connection;
use crate::serve::figures;
use crate::serve::site::Site;

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
            Message::Arriving(arriving) => match tokio::time::timeout(CARRY_OUT, arriving.push(bytes)).await {
                Ok(Ok(arriving)) => Message::Arriving(Box::new(arriving)),
                Ok(Err(error)) => Message::Failed(failed(&error)),
                Err(_) => Message::Failed(transaction::later(Class::Disk)),
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
        let envelope =
            Envelope { sender: transaction.mail.from, recipients: transaction.recipients, arrival: self.arrival() };
        let ticket = Ticket::new(self.site.ending.retries.clone());
        let work = decide(Arc::clone(&self.site), self.mode, arriving, envelope, ticket.clone());
        let (outcome, receipt) = wait(work, &ticket, self.site.budget + CARRY_OUT).await;
        self.receipts.extend(receipt);
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

/// How long the sender waits, besides the time for judging, for a disk that
/// does not answer. He himself waits ten minutes (RFC 5321 §4.5.3.2.6).
const CARRY_OUT: Duration = Duration::from_secs(240);

type Done = (Outcome, Option<Receipt>);

async fn decide(site: Arc<Site>, mode: Mode, arriving: Box<Arriving>, envelope: Envelope, ticket: Ticket) -> Done {
    let arrived = match arriving.finish().await {
        Ok(arrived) => arrived,
        Err(error) => return (Outcome::Refused(failed(&error)), None),
    };
    let bytes = arrived.spooled.message_len();
    let token = Token::new(rand::random());
    let moment = Moment { mode, now: seconds(), deadline: Instant::now() + site.budget, token };
    let out_of_time = tokio::time::sleep(site.budget);
    let ended = site.ending.decide(arrived, envelope, moment, &ticket, out_of_time).await;
    if let Some((record, took)) = &ended.judged {
        figures::judged(record, bytes, *took);
        figures::carried_out(ended.carried_out);
    }
    (ended.outcome, Some(ended.receipt))
}

/// Waits for the work, which goes on by itself where nobody waits any more: what
/// blocks on a disk cannot be called off.
async fn wait(work: impl Future<Output = Done> + Send + 'static, ticket: &Ticket, patience: Duration) -> Done {
    let mut task = tokio::spawn(work.in_current_span());
    let done = match tokio::time::timeout(patience, &mut task).await {
        Ok(done) => done,
        Err(_) if ticket.give_up() == GivenUp::TooLate => task.await,
        Err(_) => {
            tracing::error!(?patience, "a message could not be carried out in time");
            figures::failure(Class::Disk);
            return (Outcome::Refused(transaction::later(Class::Disk)), None);
        }
    };
    match done {
        Ok(done) => done,
        // It ends this connection and is counted, as if it had happened here.
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(_) => (Outcome::Refused(reply::internal_error()), None),
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{pending, ready};
    use transaction::Retries;

    const SHORT: Duration = Duration::from_millis(1);
    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn a_disk_that_hangs_puts_the_sender_off() {
        let ticket = Ticket::new(Retries::default());
        let (outcome, receipt) = wait(pending(), &ticket, SHORT).await;
        assert_eq!(outcome, Outcome::Refused(reply::disk_unavailable()));
        assert!(receipt.is_none() && ticket.give_up() == GivenUp::Yes);
        let done = || (Outcome::accepted("x"), None);
        assert_eq!(wait(ready(done()), &ticket, LONG).await.0, done().0);
    }

    #[tokio::test]
    async fn a_panic_is_one_of_this_connection() {
        let ticket = Ticket::new(Retries::default());
        let connection = tokio::spawn(async move { wait(async { panic!("of this test") }, &ticket, LONG).await.0 });
        assert!(connection.await.unwrap_err().is_panic());
    }
}
