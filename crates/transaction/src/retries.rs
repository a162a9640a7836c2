//! What was delivered without its sender knowing: the 250 was lost, so he comes
//! again with the same message, and shall not leave a second copy.
//!
//! A message is the same if its bytes, its sender and the recipient are. Two
//! messages of a device that writes no date into them would be that too without
//! being a retry; so only those are remembered that say which one they are.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use mail::{Ledger, Text, header};
use sha2::{Digest, Sha256};
use smtp::{Mode, Outcome};

use crate::arrival::Arrived;
use crate::judge::Envelope;

/// Senders try again for days, but the first time soon.
const MEMORY: Duration = Duration::from_hours(24);
/// How many deliveries are remembered, some hundred bytes each.
const CAPACITY: usize = 10_000;
/// Fields that differ between two messages with the same text.
const TELLING: [&str; 3] = ["Message-ID", "Date", "Received"];

/// The record of such deliveries; of this process, so that a restart forgets
/// them. Cheap to clone; clones share it.
#[derive(Debug, Clone)]
pub struct Retries {
    known: Arc<Mutex<Ledger<Known>>>,
    begin: Instant,
}

/// What became of one recipient's copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is being delivered: for a sender who waits for that, or for one who
    /// did not wait long enough.
    UnderWay,
    /// It was delivered; this is what would have been said.
    Delivered(Text),
}

/// A message and its recipients, in the order of RCPT.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Keys(pub(crate) Vec<[u8; 32]>);

/// A delivery that is remembered from now on, since its sender does not know of
/// it yet: whatever ends the connection, he may come again, perhaps before its
/// end was noticed here.
#[derive(Debug)]
pub struct Receipt {
    retries: Retries,
    delivered: Vec<[u8; 32]>,
}

impl Default for Retries {
    fn default() -> Self {
        Self { known: Arc::new(Mutex::new(Ledger::new(MEMORY, CAPACITY))), begin: Instant::now() }
    }
}

impl Retries {
    /// What is known of each recipient's copy.
    pub(crate) fn known(&self, keys: &Keys) -> Vec<Option<Known>> {
        let (ledger, now) = (self.ledger(), self.begin.elapsed());
        keys.0.iter().map(|key| ledger.get(key, now).cloned()).collect()
    }

    /// From now on these are being delivered; not where one of them is known
    /// already, since its sender may have come again while the first delivery
    /// was still under way. In one step, so that of two only one goes on.
    #[must_use]
    pub(crate) fn claim(&self, keys: &Keys) -> bool {
        let (mut ledger, now) = (self.ledger(), self.begin.elapsed());
        let is_free = keys.0.iter().all(|key| ledger.get(key, now).is_none());
        if is_free {
            keys.0.iter().for_each(|key| ledger.put(*key, Known::UnderWay, now));
        }
        is_free
    }

    /// It was not delivered after all.
    pub(crate) fn forget(&self, keys: &Keys) {
        let mut ledger = self.ledger();
        keys.0.iter().for_each(|key| ledger.remove(key));
    }

    /// Remembers the recipients that got it, and forgets the others.
    pub(crate) fn receipt(&self, keys: &Keys, outcome: &Outcome) -> Receipt {
        let taken: Vec<Option<&Text>> = match outcome {
            Outcome::Accepted(text) => vec![Some(text); keys.0.len()],
            Outcome::Refused(_) => Vec::new(),
            Outcome::Each(each) => each.iter().map(|one| one.as_ref().ok()).collect(),
        };
        let (mut ledger, now) = (self.ledger(), self.begin.elapsed());
        let mut delivered = Vec::new();
        keys.0.iter().for_each(|key| ledger.remove(key));
        for (key, text) in keys.0.iter().zip(taken) {
            if let Some(text) = text {
                ledger.put(*key, Known::Delivered(text.clone()), now);
                delivered.push(*key);
            }
        }
        Receipt { retries: self.clone(), delivered }
    }

    /// Where there is nothing to remember, or nothing more.
    pub(crate) fn no_receipt(&self) -> Receipt {
        Receipt { retries: self.clone(), delivered: Vec::new() }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger<Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Receipt {
    /// How many recipients got it.
    pub(crate) fn delivered(&self) -> usize {
        self.delivered.len()
    }

    /// The sender knows: what he sends from now on is another message.
    pub fn confirm(self) {
        self.retries.forget(&Keys(self.delivered));
    }
}

impl Keys {
    /// None for a message that may be sent twice and be two.
    pub(crate) fn of(arrived: &Arrived, envelope: &Envelope) -> Self {
        let tells = header::fields(arrived.spooled.header()).any(|field| TELLING.iter().any(|name| field.is(name)));
        let recipients = if tells { &envelope.recipients[..] } else { &[] };
        let sha256 = arrived.spooled.survey().sha256;
        let sender = envelope.sender.to_string();
        Self(recipients.iter().map(|recipient| key(sha256, &sender, &recipient.given().to_string())).collect())
    }

    /// Those of which nothing is known.
    pub(crate) fn fresh(&self, known: &[Option<Known>]) -> Self {
        Self(self.0.iter().zip(known).filter(|(_, known)| known.is_none()).map(|(key, _)| *key).collect())
    }
}

/// No two triples run together: neither addresses nor the null sender have a
/// NUL.
fn key(sha256: [u8; 32], sender: &str, recipient: &str) -> [u8; 32] {
    let parts = [&sha256[..], sender.as_bytes(), b"\0", recipient.as_bytes()];
    parts.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize().into()
}

/// The outcome for all recipients, from that for those who had not got the
/// message before.
pub(crate) fn together(mode: Mode, known: Vec<Option<Known>>, fresh: Outcome) -> Outcome {
    if mode == Mode::Smtp {
        return fresh;
    }
    let mut each = match fresh {
        Outcome::Each(each) => each.into_iter(),
        Outcome::Accepted(text) => vec![Ok(text); known.len()].into_iter(),
        Outcome::Refused(refusal) => vec![Err(refusal); known.len()].into_iter(),
    };
    let one = |known| match known {
        Some(Known::Delivered(text)) => Ok(text),
        _ => each.next().unwrap_or_else(|| Err(smtp::reply::internal_error())),
    };
    Outcome::Each(known.into_iter().map(one).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(word: &str) -> Text {
        Text::sanitized(word)
    }

    #[test]
    fn what_was_not_confirmed_is_remembered() {
        let retries = Retries::default();
        let keys = Keys(vec![[1; 32], [2; 32]]);
        retries.receipt(&keys, &Outcome::accepted("sure")).confirm();
        assert_eq!(retries.known(&keys), [None, None]);
        let _nothing = retries.receipt(&keys, &Outcome::Refused(smtp::reply::internal_error()));
        assert_eq!(retries.known(&keys), [None, None]);
        let _unsure = retries.receipt(&keys, &Outcome::Each(vec![Err(smtp::reply::over_quota()), Ok(text("x"))]));
        assert_eq!(retries.known(&keys), [None, Some(Known::Delivered(text("x")))]);
        assert_eq!(keys.fresh(&retries.known(&keys)), Keys(vec![[1; 32]]));
        assert!(!retries.claim(&keys), "one of them is known");
        assert_eq!(retries.known(&keys)[0], None, "all or none");
        retries.forget(&keys);
        assert!(retries.claim(&keys) && !retries.claim(&keys), "once");
        assert_eq!(retries.known(&keys), [Some(Known::UnderWay), Some(Known::UnderWay)]);
        let _partly = retries.receipt(&keys, &Outcome::Each(vec![Err(smtp::reply::over_quota()), Ok(text("x"))]));
        assert_eq!(retries.known(&keys), [None, Some(Known::Delivered(text("x")))]);
    }

    #[test]
    fn a_recipient_who_was_named_twice_is_no_retry() {
        let retries = Retries::default();
        assert!(retries.claim(&Keys(vec![[1; 32], [1; 32]])));
    }

    #[test]
    fn each_part_makes_another_key() {
        let base = key([1; 32], "a@b.example", "c@d.example");
        for (sha256, sender, recipient) in [
            ([2; 32], "a@b.example", "c@d.example"),
            ([1; 32], "", "c@d.example"),
            ([1; 32], "a@b.example", "e@d.example"),
            ([1; 32], "a@b.examplec", "@d.example"),
        ] {
            assert_ne!(key(sha256, sender, recipient), base, "{sender} {recipient}");
        }
        assert_eq!(key([1; 32], "a@b.example", "c@d.example"), base);
    }

    #[test]
    fn outcomes_come_together() {
        let known = || vec![None, Some(Known::Delivered(text("before"))), None];
        let full = || Err(smtp::reply::over_quota());
        let each = Outcome::Each(vec![Ok(text("now")), full()]);
        let expected = vec![Ok(text("now")), Ok(text("before")), full()];
        assert_eq!(together(Mode::Lmtp, known(), each), Outcome::Each(expected));
        let refused = Outcome::Refused(smtp::reply::over_quota());
        assert_eq!(
            together(Mode::Lmtp, known(), refused.clone()),
            Outcome::Each(vec![full(), Ok(text("before")), full()])
        );
        assert_eq!(together(Mode::Smtp, known(), refused.clone()), refused);
    }
}
