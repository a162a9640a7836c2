//! The last stage: what the verdict asks for is done, and only then is the
//! peer answered.

use mail::{Address, Class, Classified, Domain, Text};
use mailbox::{Delivery, Flags, Store, StoreError, Target};
use smtp::{Mode, Outcome, Refusal, reply};
use verdict::{Disposition, Place, Record, Token, Verdict, VerdictHeader};

use crate::arrival::Arrived;
use crate::judge::Envelope;
use crate::quarantine::Quarantine;
use crate::recipient::{Copy, LocalRecipient};
use crate::trace;

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
            Disposition::RefuseAndKeep => self.refuse_and_keep(&arrived, envelope, record, token).await,
            Disposition::TakeAndKeep => self.take_and_keep(&arrived, envelope, record, token).await,
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
        let verdict = VerdictHeader::new(&record.decision, arrived.hop.id).value();
        let id = arrived.hop.id;
        let prepared = Prepared { arrived, envelope, place, verdict: verdict.as_str().to_owned() };
        match mode {
            Mode::Smtp => {
                let all: Vec<&LocalRecipient> = envelope.recipients.iter().collect();
                match self.deliver_to(&prepared, &all).await {
                    Ok(()) => Outcome::accepted(&format!("Delivered, id {id}.")),
                    Err(error) => Outcome::Refused(refusal_of(&error)),
                }
            }
            Mode::Lmtp => {
                let mut outcomes = Vec::new();
                for recipient in &envelope.recipients {
                    let text = Text::sanitized(&format!("Delivered, id {id}."));
                    let delivered = self.deliver_to(&prepared, &[recipient]).await;
                    outcomes.push(delivered.map(|()| text).map_err(|error| refusal_of(&error)));
                }
                Outcome::Each(outcomes)
            }
        }
    }

    async fn deliver_to(&self, prepared: &Prepared<'_>, recipients: &[&LocalRecipient]) -> Result<(), StoreError> {
        let mut deliveries: Vec<Delivery> = Vec::new();
        for recipient in recipients {
            for copy in recipient.copies() {
                // Two recipients may lead to the same mailbox: one copy.
                if deliveries.iter().all(|delivery| delivery.account != copy.account) {
                    deliveries.push(prepared.delivery(copy, &self.hostname));
                }
            }
        }
        let delivered = self.store.deliver(&prepared.arrived.spooled, deliveries).await?;
        tracing::info!(id = %prepared.arrived.hop.id, copies = ?delivered.copies(), "delivered");
        Ok(())
    }

    /// If the copy cannot be kept, the refusal stands all the same.
    async fn refuse_and_keep(&self, arrived: &Arrived, envelope: &Envelope, record: &Record, token: &Token) -> Outcome {
        if let Err(error) = self.quarantine.keep(arrived, envelope, record, token).await {
            tracing::error!(id = %arrived.hop.id, %error, "no copy of a refused message was kept");
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
    async fn take_and_keep(&self, arrived: &Arrived, envelope: &Envelope, record: &Record, token: &Token) -> Outcome {
        match self.quarantine.keep(arrived, envelope, record, token).await {
            Ok(()) => Outcome::accepted(&format!("Taken for review, id {}.", arrived.hop.id)),
            Err(error) => {
                tracing::error!(id = %arrived.hop.id, %error, "a message could not be kept in quarantine");
                Outcome::Refused(reply::of_class(error.class()))
            }
        }
    }
}

struct Prepared<'a> {
    arrived: Arrived,
    envelope: &'a Envelope,
    place: Place,
    verdict: String,
}

impl Prepared<'_> {
    fn delivery(&self, copy: &Copy, hostname: &Domain) -> Delivery {
        let mut header = trace::block(&self.arrived.hop, &self.envelope.sender, &copy.address, &self.verdict);
        header.extend(trace::without_pretenders(self.arrived.spooled.header(), hostname));
        let folder = match self.place {
            Place::Inbox => Target::Inbox,
            Place::Junk => Target::Junk,
        };
        Delivery { account: copy.account, folder, header, flags: Flags::default() }
    }
}

fn deferral(verdict: &Verdict) -> Refusal {
    match verdict {
        Verdict::Defer { class } => reply::of_class(*class),
        _ => reply::internal_error(),
    }
}

/// A store that does not find what was there at RCPT is out of order; nothing
/// about the recipient is permanent any more at this point.
fn refusal_of(error: &StoreError) -> Refusal {
    match error.class() {
        Class::Missing | Class::Invalid => reply::internal_error(),
        class => reply::of_class(class),
    }
}
