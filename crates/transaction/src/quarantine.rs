//! What was refused is kept: one copy for each recipient domain, in the
//! mailbox of whoever looks after it.

use mail::{Address, Domain, ForwardPath};
use mailbox::{Refused, RefusedFor, Store};
use sha2::{Digest, Sha256};
use verdict::{RejectClass, Token, Verdict};

use crate::arrival::Arrived;
use crate::home::{Home, HomeError};
use crate::judge::Envelope;
use crate::trace;

/// Keeps copies of refused messages.
#[derive(Clone)]
pub struct Quarantine {
    store: Store,
    home: Home,
    hostname: Domain,
}

impl Quarantine {
    /// In this store.
    #[must_use]
    pub fn new(store: Store, home: Home, hostname: Domain) -> Self {
        Self { store, home, hostname }
    }

    /// Keeps a copy for each recipient domain that shows only that domain's
    /// recipients.
    ///
    /// # Errors
    ///
    /// [`HomeError`] where a copy could not be kept.
    pub async fn keep(
        &self,
        arrived: Arrived,
        envelope: &Envelope,
        record: &verdict::Record,
        token: &Token,
    ) -> Result<(), HomeError> {
        let reason = record.decision.reasons.first().map(|r| format!("{}:{}", r.class.as_str(), r.detail));
        let reason = reason.unwrap_or_default();
        let mut copies = Vec::new();
        for (domain, recipients) in by_domain(envelope, &self.hostname) {
            let owner = self.home.of(Some(&domain)).await?;
            copies.push(Refused {
                account: owner.account,
                trace: trace_of(&arrived, envelope, token, &reason, &recipients),
                domain,
                recipients,
                sender: envelope.sender.to_string(),
                token_hash: Sha256::digest(token.bytes()).into(),
                kind: kind(&record.decision.verdict),
                reason: reason.clone(),
            });
        }
        let header = trace::without_pretenders(arrived.spooled.header(), &self.hostname);
        self.store.quarantine(arrived.spooled, header, copies).await?;
        Ok(())
    }
}

fn trace_of(arrived: &Arrived, envelope: &Envelope, token: &Token, reason: &str, to: &[Address]) -> Vec<u8> {
    let to: Vec<String> = to.iter().map(ToString::to_string).collect();
    let line = format!("token={token}; reason={reason}; rcpt={}", to.join(","));
    let mut trace = format!("Return-Path: <{}>\n", envelope.sender).into_bytes();
    trace.extend(arrived.hop.received(None));
    trace.extend(format!("X-Gatepost-Quarantine: {}\n", mail::Text::sanitized(&line)).into_bytes());
    trace
}

fn kind(verdict: &Verdict) -> RefusedFor {
    match verdict {
        Verdict::Reject { class: RejectClass::Virus | RejectClass::Poison, .. } => RefusedFor::Virus,
        _ => RefusedFor::Content,
    }
}

/// The recipients as they were given, by domain, in the order of RCPT.
fn by_domain(envelope: &Envelope, hostname: &Domain) -> Vec<(Domain, Vec<Address>)> {
    let mut domains: Vec<(Domain, Vec<Address>)> = Vec::new();
    for recipient in &envelope.recipients {
        let address = match recipient.given() {
            ForwardPath::Address(address) => address.clone(),
            ForwardPath::Postmaster => match recipient.copies().first() {
                Some(copy) => copy.address.clone(),
                None => continue,
            },
        };
        let domain = recipient.domain().unwrap_or(hostname).clone();
        match domains.iter_mut().find(|(known, _)| *known == domain) {
            Some((_, addresses)) => addresses.push(address),
            None => domains.push((domain, vec![address])),
        }
    }
    domains
}
