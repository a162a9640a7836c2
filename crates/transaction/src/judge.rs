//! Between the last byte and the reply: evidence is gathered, and one verdict
//! made of it.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use mail::{ForwardPath, ReversePath};
use maildir::Blocking;
use rules::{Action, Facts, Hit, Rules};
use verdict::{Arrival, Evidence, Policy, Record, RuleAction, RuleHit, Scan};

use crate::arrival::Arrived;
use crate::recipient::LocalRecipient;
use crate::scan::{Examiner, scan};

/// Who sent it to whom, and which way it came.
#[derive(Debug, Clone)]
pub struct Envelope {
    /// The sender.
    pub sender: ReversePath,
    /// The recipients, in the order of RCPT; at least one.
    pub recipients: Vec<LocalRecipient>,
    /// Which way.
    pub arrival: Arrival,
}

/// Judges messages under one configuration.
#[derive(Clone)]
pub struct Judge {
    /// The virus scanner; none where scanning is switched off.
    pub scanner: Option<Arc<dyn Examiner>>,
    /// The form rules.
    pub rules: Arc<Rules>,
    /// The site's policy.
    pub policy: Policy,
    /// Where work is done that takes its time.
    pub blocking: Blocking,
}

impl Judge {
    /// Gathers the evidence and judges. `now` is in seconds since 1970; nobody
    /// waits for the scanner any more after `deadline`.
    pub async fn judge(&self, arrived: &Arrived, envelope: &Envelope, now: u64, deadline: Instant) -> Record {
        let rules = self.rule_hits(arrived, envelope).await;
        let scan = scan(self.scanner.as_deref(), &arrived.spooled, deadline, &self.blocking).await;
        let record = Record::judge(arrived.hop.id, now, self.evidence(scan, rules, envelope), &self.policy);
        log(&record, arrived, envelope);
        record
    }

    /// The record of a message whose time for judgement is spent.
    #[must_use]
    pub fn out_of_time(&self, arrived: &Arrived, envelope: &Envelope, now: u64) -> Record {
        let record = Record::judge(arrived.hop.id, now, self.evidence(Scan::Away, Vec::new(), envelope), &self.policy);
        log(&record, arrived, envelope);
        record
    }

    /// The record of a message that is not looked at, since that ended badly
    /// each time.
    pub(crate) fn poison(&self, arrived: &Arrived, envelope: &Envelope, now: u64) -> Record {
        let evidence = self.evidence(Scan::Poison, Vec::new(), envelope);
        let record = Record::judge(arrived.hop.id, now, evidence, &self.policy);
        log(&record, arrived, envelope);
        record
    }

    fn evidence(&self, scan: Scan, rules: Vec<RuleHit>, envelope: &Envelope) -> Evidence {
        let only_human = envelope.recipients.iter().all(LocalRecipient::is_postmaster_or_abuse);
        let recipients =
            if only_human { verdict::Recipients::PostmasterOrAbuseOnly } else { verdict::Recipients::Ordinary };
        Evidence { scan, rules, arrival: envelope.arrival, recipients, failures: Vec::new() }
    }

    /// Many rules over a large header take their time: that is no work for a
    /// thread that others wait for.
    async fn rule_hits(&self, arrived: &Arrived, envelope: &Envelope) -> Vec<RuleHit> {
        let asked = Asked::of(arrived, envelope);
        let header = arrived.spooled.header();
        let hits = if header.len() > SMALL {
            let (rules, header) = (Arc::clone(&self.rules), header.to_vec());
            self.blocking.run(move || asked.evaluate(&rules, &header)).await
        } else {
            asked.evaluate(&self.rules, header)
        };
        hits.into_iter().map(|hit| RuleHit { name: hit.name, action: action(hit.action) }).collect()
    }
}

/// A header block up to so many octets is looked at in passing.
const SMALL: usize = 32 << 10;

/// What rules are asked about besides the header block.
struct Asked {
    sender: ReversePath,
    recipients: Vec<ForwardPath>,
    helo: String,
    peer: Option<IpAddr>,
    size: u64,
}

impl Asked {
    fn of(arrived: &Arrived, envelope: &Envelope) -> Self {
        let spooled = &arrived.spooled;
        Self {
            sender: envelope.sender.clone(),
            recipients: envelope.recipients.iter().map(|r| r.given().clone()).collect(),
            helo: arrived.hop.helo.clone(),
            peer: arrived.hop.peer,
            size: spooled.message_len() + spooled.message_lf(),
        }
    }

    fn evaluate(&self, rules: &Rules, header: &[u8]) -> Vec<Hit> {
        let Self { sender, recipients, helo, peer, size } = self;
        rules.evaluate(&Facts { header, sender, recipients, helo, peer: *peer, size: *size })
    }
}

fn action(action: Action) -> RuleAction {
    match action {
        Action::Reject { sentence } => RuleAction::Reject { sentence },
        Action::Junk => RuleAction::Junk,
        Action::Tag => RuleAction::Tag,
        Action::Accept => RuleAction::Accept,
    }
}

/// One structured event for each verdict, with all that explains it.
fn log(record: &Record, arrived: &Arrived, envelope: &Envelope) {
    let spooled = &arrived.spooled;
    let recipients: Vec<String> = envelope.recipients.iter().map(|r| r.given().to_string()).collect();
    let reason = record.decision.reasons.first();
    tracing::info!(
        id = %arrived.hop.id,
        verdict = record.decision.verdict.kind().as_str(),
        reason = reason.map_or("", |r| r.class.as_str()),
        detail = reason.map_or("", |r| r.detail.as_str()),
        rule = reason.and_then(|r| r.rule.as_deref()).unwrap_or(""),
        sender = %envelope.sender,
        recipients = recipients.join(", "),
        bytes = spooled.message_len() + spooled.message_lf(),
        "verdict"
    );
    tracing::debug!(record = serde_json::to_string(record).unwrap_or_default(), "all that the verdict rests on");
}
