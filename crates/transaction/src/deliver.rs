//! The last stage: what the verdict asks for is done, and only then is the
//! peer answered.

use std::collections::{HashMap, HashSet};

use mail::{Address, Class, Classified, Domain, ReversePath, Text};
use mailbox::{AccountId, DeliveredCopy, Delivery, Flags, Store, StoreError, Target};
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
            Disposition::Deliver(place) => Box::pin(self.deliver(mode, arrived, envelope, record, place)).await,
            Disposition::RefuseAndKeep => Box::pin(self.refuse_and_keep(arrived, envelope, record, token)).await,
            Disposition::TakeAndKeep => Box::pin(self.take_and_keep(arrived, envelope, record, token)).await,
            Disposition::Defer => Outcome::Refused(deferral(&record.decision.verdict)),
        }
    }

    /// In SMTP all recipients share one reply, so they share one delivery. In
    /// LMTP each has his own, and one who cannot be served must not keep the
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
        let groups = groups(mode, &envelope.recipients);
        let deliveries = copies.of(&envelope.recipients, &groups);
        let outcomes = match Box::pin(self.store_each(arrived, deliveries)).await {
            Ok(outcomes) => outcomes,
            Err(refusal) => return Outcome::Refused(refusal),
        };
        let refused = |group: usize| outcomes.get(group).and_then(|outcome| outcome.as_ref().err().cloned());
        match mode {
            Mode::Smtp => refused(0).map_or(Outcome::Accepted(text), Outcome::Refused),
            Mode::Lmtp => {
                Outcome::Each(groups.into_iter().map(|group| refused(group).map_or(Ok(text.clone()), Err)).collect())
            }
        }
    }

    async fn store_each(
        &self,
        arrived: Arrived,
        deliveries: Vec<Vec<Delivery>>,
    ) -> Result<Vec<Result<(), Refusal>>, Refusal> {
        let id = arrived.hop.id;
        let refusal = |error: StoreError| {
            tracing::error!(%id, %error, class = error.class().as_str(), "a message could not be delivered");
            later(error.class())
        };
        let header = trace::without_pretenders(arrived.spooled.header(), &self.hostname);
        let done = self.store.deliver_each(arrived.spooled, header, deliveries).await.map_err(refusal)?;
        let copies: Vec<_> = done.iter().flatten().flat_map(|done| done.copies()).map(place_of).collect();
        if !copies.is_empty() {
            tracing::info!(%id, copies = copies.join(", "), "delivered");
        }
        Ok(done.into_iter().map(|done| done.map(drop).map_err(refusal)).collect())
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
    /// The copies of each group of recipients. Two recipients may lead to the
    /// same mailbox: it gets one copy.
    fn of(&self, recipients: &[LocalRecipient], groups: &[usize]) -> Vec<Vec<Delivery>> {
        let mut deliveries: Vec<Vec<Delivery>> = recipients.iter().map(|_| Vec::new()).collect();
        let mut got = HashSet::new();
        for (recipient, group) in recipients.iter().zip(groups) {
            for copy in recipient.copies() {
                if got.insert(copy.account) {
                    deliveries[*group].push(Delivery {
                        account: copy.account,
                        folder: self.folder.clone(),
                        trace: trace::block(self.hop, self.sender, &copy.address, self.verdict),
                        flags: Flags::default(),
                    });
                }
            }
        }
        deliveries
    }
}

/// For each recipient the group whose copies are made together or not at all:
/// all in SMTP. In LMTP those who lead to the same mailbox, since one of them
/// who is told to come again would bring its owner a second copy.
fn groups(mode: Mode, recipients: &[LocalRecipient]) -> Vec<usize> {
    let mut groups: Vec<usize> = match mode {
        Mode::Smtp => vec![0; recipients.len()],
        Mode::Lmtp => (0..recipients.len()).collect(),
    };
    let mut first: HashMap<AccountId, usize> = HashMap::new();
    for (at, recipient) in recipients.iter().enumerate() {
        for copy in recipient.copies() {
            let (own, earlier) = (groups[at], groups[*first.entry(copy.account).or_insert(at)]);
            if own != earlier {
                groups.iter_mut().filter(|group| **group == own).for_each(|group| *group = earlier);
            }
        }
    }
    groups
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
