//! The last stage: what the verdict asks for is done, and only then is the
//! peer answered.

use mail::{Address, Class, Classified, Domain, ReversePath, Text};
use mailbox::{DeliveredCopy, Delivery, Flags, Store, StoreError, Target};
use smtp::{Mode, Outcome, Refusal, reply};
use verdict::{Disposition, Place, Record, Token, Verdict, VerdictHeader};

use crate::arrival::Arrived;
use crate::judge::Envelope;
use crate::quarantine::Quarantine;
use crate::recipient::LocalRecipient;
use crate::trace::{self, Hop};

/// Carries out verdicts under one configuration.
#[derive(Clone)]
pub struct Deliverer {
    store: Store,
    quarantine: Quarantine,
    hostname: Domain,
    report_base: String,
}

impl Deliverer {
    /// Into this store; `report_base` is what stands before
    /// `/report/TOKEN` in the link of a refusal.
    #[must_use]
    pub fn new(store: Store, quarantine: Quarantine, hostname: Domain, report_base: String) -> Self {
        Self { store, quarantine, hostname, report_base }
    }

    /// The refusal of a message that goes in circles, to be asked for before it
    /// is judged.
    #[must_use]
    pub fn loop_refusal(&self, arrived: &Arrived, envelope: &Envelope) -> Option<Refusal> {
        let addresses: Vec<Address> =
            envelope.recipients.iter().flat_map(LocalRecipient::copies).map(|copy| copy.address.clone()).collect();
        trace::is_looping(arrived.spooled.header(), &self.hostname, &addresses).then(reply::mail_loop)
    }

    /// Does what the verdict asks for. `token` is fresh randomness for the link
    /// in a refusal.
    pub async fn carry_out(
        &self,
        mode: Mode,
        arrived: Arrived,
        envelope: &Envelope,
        record: &Record,
        token: &Token,
    ) -> Outcome {
        match record.decision.disposition {
            Disposition::Deliver(place) => self.deliver(mode, arrived, envelope, record, place).await,
            Disposition::RefuseAndKeep => self.refuse_and_keep(arrived, envelope, record, token).await,
            Disposition::TakeAndKeep => self.take_and_keep(arrived, envelope, record, token).await,
            Disposition::Defer => Outcome::Refused(deferral(&record.decision.verdict)),
        }
    }

    /// In SMTP all recipients share one reply, so they share one delivery. In
    /// LMTP each has his own, and one who is over quota must not keep the
    /// message from the others.
    async fn deliver(
        &self,
        mode: Mode,
        arrived: Arrived,
        envelope: &Envelope,
        record: &Record,
        place: Place,
    ) -> Outcome {
        let text = Text::sanitized(&format!("Delivered, id {}.", arrived.hop.id));
        let verdict = VerdictHeader::new(&record.decision, arrived.hop.id).value();
        let folder = match place {
            Place::Inbox => Target::Inbox,
            Place::Junk => Target::Junk,
        };
        let copies = Copies { hop: &arrived.hop, sender: &envelope.sender, verdict: verdict.as_str(), folder };
        let size = arrived.spooled.message_len();
        let mut refusals: Vec<Option<Refusal>> = Vec::with_capacity(envelope.recipients.len());
        let mut deliveries: Vec<Delivery> = Vec::new();
        for recipient in &envelope.recipients {
            let refusal = if mode == Mode::Lmtp { self.no_room(recipient, size).await } else { None };
            if refusal.is_none() {
                copies.add(recipient, &mut deliveries);
            }
            refusals.push(refusal);
        }
        let id = arrived.hop.id;
        let delivered = self.store_all(arrived, deliveries).await.map_err(|error| {
            tracing::error!(%id, %error, class = error.class().as_str(), "a message could not be delivered");
            refusal_of(&error)
        });
        match (mode, delivered) {
            (Mode::Smtp, Ok(())) => Outcome::Accepted(text),
            (_, Err(refusal)) => Outcome::Refused(refusal),
            (Mode::Lmtp, Ok(())) => {
                Outcome::Each(refusals.into_iter().map(|refusal| refusal.map_or(Ok(text.clone()), Err)).collect())
            }
        }
    }

    async fn no_room(&self, recipient: &LocalRecipient, size: u64) -> Option<Refusal> {
        for copy in recipient.copies() {
            if let Err(error) = self.store.room_for(copy.account, size).await {
                return Some(refusal_of(&error));
            }
        }
        None
    }

    async fn store_all(&self, arrived: Arrived, deliveries: Vec<Delivery>) -> Result<(), StoreError> {
        let id = arrived.hop.id;
        let header = trace::without_pretenders(arrived.spooled.header(), &self.hostname);
        let delivered = self.store.deliver(arrived.spooled, header, deliveries).await?;
        let copies: Vec<_> = delivered.copies().iter().map(place_of).collect();
        tracing::info!(%id, copies = copies.join(", "), "delivered");
        Ok(())
    }

    /// If the copy cannot be kept, the refusal stands all the same.
    async fn refuse_and_keep(&self, arrived: Arrived, envelope: &Envelope, record: &Record, token: &Token) -> Outcome {
        let id = arrived.hop.id;
        if let Err(error) = self.quarantine.keep(arrived, envelope, record, token).await {
            tracing::error!(%id, %error, "no copy of a refused message was kept");
        }
        let sentence = match &record.decision.verdict {
            Verdict::Reject { sentence, .. } => sentence.as_str(),
            _ => "Your message was refused.",
        };
        let link = format!("{}/report/{token}", self.report_base.trim_end_matches('/'));
        Outcome::Refused(reply::refused_for_content(&Text::sanitized(sentence), &Text::sanitized(&link)))
    }

    /// Here the copy is all that is left of the message: without it there is no
    /// 250.
    async fn take_and_keep(&self, arrived: Arrived, envelope: &Envelope, record: &Record, token: &Token) -> Outcome {
        let id = arrived.hop.id;
        match self.quarantine.keep(arrived, envelope, record, token).await {
            Ok(()) => Outcome::accepted(&format!("Taken for review, id {id}.")),
            Err(error) => {
                tracing::error!(%id, %error, "a message could not be kept in quarantine");
                Outcome::Refused(later(error.class()))
            }
        }
    }
}

/// What the copies of one message have in common.
struct Copies<'a> {
    hop: &'a Hop,
    sender: &'a ReversePath,
    verdict: &'a str,
    folder: Target,
}

impl Copies<'_> {
    /// Two recipients may lead to the same mailbox: it gets one copy.
    fn add(&self, recipient: &LocalRecipient, to: &mut Vec<Delivery>) {
        for copy in recipient.copies() {
            if to.iter().all(|delivery| delivery.account != copy.account) {
                let trace = trace::block(self.hop, self.sender, &copy.address, self.verdict);
                to.push(Delivery {
                    account: copy.account,
                    folder: self.folder.clone(),
                    trace,
                    flags: Flags::default(),
                });
            }
        }
    }
}

/// `ACCOUNT/FOLDER/UID`, as the index numbers them.
fn place_of(copy: &DeliveredCopy) -> String {
    let uid = copy.uid.map_or_else(|| "?".to_owned(), |uid| uid.to_string());
    format!("{}/{}/{uid}", copy.account.number(), copy.mailbox.number())
}

fn deferral(verdict: &Verdict) -> Refusal {
    match verdict {
        Verdict::Defer { class } => later(*class),
        _ => reply::internal_error(),
    }
}

fn refusal_of(error: &StoreError) -> Refusal {
    later(error.class())
}

/// What the peer hears of a failure of ours. A store that does not find what
/// it should have, a configuration or a disk that is wrong: all that may be
/// right soon, and no class may turn into a permanent refusal here.
#[must_use]
pub fn later(class: Class) -> Refusal {
    match class {
        Class::Missing | Class::Invalid => reply::internal_error(),
        class => reply::of_class(class),
    }
}
