//! The verdict: from all that was found, what becomes of the message.
//!
//! Two steps. What the message deserves is decided first (a virus before a
//! failure, a failure before the rules, the rules before what is only
//! suspicious); then how that is carried out towards this sender and these
//! recipients, since not everybody may be told 550.

use mail::Class;
use serde::{Deserialize, Serialize};

use crate::record::class_name;
use crate::{
    Arrival, Evidence, OnUnscannable, Policy, Recipients, RelayReject, RuleAction, RuleHit, Scan, Unscannable,
};
use crate::{clean, header};

/// The longest sentence of a rule that is kept; a reply line cuts it further.
const MAX_SENTENCE: usize = 300;

/// Judges a message. The verdict is one for all recipients: viruses and form
/// are the site's policy and never split among them.
#[must_use]
pub fn judge(evidence: &Evidence, policy: &Policy) -> Decision {
    let deserved = deserve(evidence, policy);
    let (verdict, disposition) = carry_out(deserved.verdict, evidence, policy);
    let tags = evidence.rules.iter().filter(|hit| hit.action == RuleAction::Tag).map(|hit| header::name(&hit.name));
    let mut reasons = vec![deserved.reason.clone()];
    reasons.extend(findings(evidence).into_iter().filter(|finding| *finding != deserved.reason));
    Decision { verdict, disposition, reasons, tags: tags.take(header::MAX_TAGS).collect() }
}

/// What becomes of a message, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// The verdict.
    pub verdict: Verdict,
    /// What is done about it towards this sender.
    pub disposition: Disposition,
    /// All findings; the one that decided stands first. Never empty.
    pub reasons: Vec<Reason>,
    /// The names of the tagging rules that applied.
    pub tags: Vec<String>,
}

/// What the message deserves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Verdict {
    /// Into the inbox.
    Accept,
    /// Into the Junk folder.
    Junk,
    /// Not to be delivered.
    Reject {
        /// Why.
        class: RejectClass,
        /// One sentence for the sender, in one line of ASCII.
        sentence: String,
    },
    /// Not now: the sender shall try again.
    Defer {
        /// What is missing.
        #[serde(with = "class_name")]
        class: Class,
    },
}

/// Why a message is refused, in the classes that a sender is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectClass {
    /// A virus.
    Virus,
    /// A form rule of the site.
    Form,
    /// The scanner could not see all of it, and the site wants it refused then.
    Unscannable,
    /// It kills the scanner.
    Poison,
}

impl RejectClass {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Virus, Self::Form, Self::Unscannable, Self::Poison];

    /// Whether a recipient may get such a message after all, in Junk. What is
    /// dangerous to open never is.
    fn may_be_delivered(self) -> bool {
        matches!(self, Self::Form | Self::Unscannable)
    }
}

/// What is done with the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "place")]
pub enum Disposition {
    /// 250 once it is durably delivered there for every recipient.
    Deliver(Place),
    /// 550 to the sender, and a copy into quarantine.
    RefuseAndKeep,
    /// 250 to the sender, a copy into quarantine, nothing to the recipients.
    TakeAndKeep,
    /// 451: nothing is kept, the sender tries again. For the whole transaction.
    Defer,
}

/// Where in a mailbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// INBOX.
    Inbox,
    /// The Junk folder.
    Junk,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Its class.
    pub class: ReasonClass,
    /// What exactly, made harmless for a header.
    pub detail: String,
    /// The form rule behind it, made harmless for a header.
    pub rule: Option<String>,
}

/// The class of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReasonClass {
    /// What the scanner has to say of an unsuspicious message: clean, or off.
    Scan,
    /// A virus.
    Virus,
    /// A form rule.
    Form,
    /// Not to be scanned completely.
    Unscannable,
    /// It kills the scanner.
    Poison,
    /// Something could not be asked.
    Failure,
}

impl ReasonClass {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Scan, Self::Virus, Self::Form, Self::Unscannable, Self::Poison, Self::Failure];

    /// The word for it in headers, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Virus => "virus",
            Self::Form => "form",
            Self::Unscannable => "unscannable",
            Self::Poison => "poison",
            Self::Failure => "failure",
        }
    }
}

struct Deserved {
    verdict: Verdict,
    reason: Reason,
}

/// What the message deserves, whoever sent it and whoever gets it.
///
/// A virus is a virus even if something else failed meanwhile; a failure comes
/// before the rules, for a message that was not looked at is not to be
/// delivered to anybody, not even into Junk.
fn deserve(evidence: &Evidence, policy: &Policy) -> Deserved {
    let scan = scan_reason(&evidence.scan);
    let rule = evidence.rules.iter().find(|hit| hit.action != RuleAction::Tag);
    match (&evidence.scan, evidence.failures.first(), rule) {
        (Scan::Found { .. }, _, _) => reject(RejectClass::Virus, None, scan),
        (Scan::Poison, _, _) => reject(RejectClass::Poison, None, scan),
        (Scan::Away, _, _) => Deserved { verdict: Verdict::Defer { class: Class::Scanner }, reason: scan },
        (_, Some(class), _) => Deserved { verdict: Verdict::Defer { class: *class }, reason: failure_reason(*class) },
        (_, _, Some(hit)) => by_rule(hit, evidence, policy),
        (_, _, None) => by_scan(evidence, policy),
    }
}

/// An accepting rule lifts what would be junk, but neither a virus nor what
/// the site wants refused as unscannable: whoever knows the rule could
/// otherwise send anything in an encrypted archive.
fn by_rule(hit: &RuleHit, evidence: &Evidence, policy: &Policy) -> Deserved {
    let reason = rule_reason(hit);
    let scanned = by_scan(evidence, policy);
    match &hit.action {
        RuleAction::Reject { sentence } => reject(RejectClass::Form, sentence.as_deref(), reason),
        _ if matches!(scanned.verdict, Verdict::Reject { .. }) => scanned,
        RuleAction::Junk => Deserved { verdict: Verdict::Junk, reason },
        RuleAction::Accept | RuleAction::Tag => Deserved { verdict: Verdict::Accept, reason },
    }
}

fn by_scan(evidence: &Evidence, policy: &Policy) -> Deserved {
    let reason = scan_reason(&evidence.scan);
    match (&evidence.scan, policy.on_unscannable) {
        (Scan::Unscannable { .. }, OnUnscannable::Reject) => reject(RejectClass::Unscannable, None, reason),
        (Scan::Unscannable { .. }, OnUnscannable::Junk) => Deserved { verdict: Verdict::Junk, reason },
        _ => Deserved { verdict: Verdict::Accept, reason },
    }
}

fn reject(class: RejectClass, sentence: Option<&str>, reason: Reason) -> Deserved {
    let own = sentence.map(|own| clean::sentence(own, MAX_SENTENCE)).filter(|own| !own.is_empty());
    let sentence = own.unwrap_or_else(|| class.sentence().to_owned());
    Deserved { verdict: Verdict::Reject { class, sentence }, reason }
}

/// How the verdict is carried out. Mail to postmaster or abuse alone is never
/// refused for its content, since that is where people complain about
/// refusals; and a relay is never told 550.
fn carry_out(verdict: Verdict, evidence: &Evidence, policy: &Policy) -> (Verdict, Disposition) {
    let class = match verdict {
        Verdict::Accept => return (verdict, Disposition::Deliver(Place::Inbox)),
        Verdict::Junk => return (verdict, Disposition::Deliver(Place::Junk)),
        Verdict::Defer { .. } => return (verdict, Disposition::Defer),
        Verdict::Reject { class, .. } => class,
    };
    let to_postmaster = evidence.recipients == Recipients::PostmasterOrAbuseOnly;
    let from_relay = evidence.arrival != Arrival::Direct;
    let into_junk = to_postmaster || (from_relay && policy.relay_reject == RelayReject::Junk);
    if into_junk && class.may_be_delivered() {
        return (Verdict::Junk, Disposition::Deliver(Place::Junk));
    }
    if to_postmaster || from_relay {
        return (verdict, Disposition::TakeAndKeep);
    }
    (verdict, Disposition::RefuseAndKeep)
}

/// All findings, in the order scan, failures, rules.
fn findings(evidence: &Evidence) -> Vec<Reason> {
    let mut all = vec![scan_reason(&evidence.scan)];
    all.extend(evidence.failures.iter().map(|class| failure_reason(*class)));
    all.extend(evidence.rules.iter().filter(|hit| hit.action != RuleAction::Tag).map(rule_reason));
    all
}

fn scan_reason(scan: &Scan) -> Reason {
    let (class, detail) = match scan {
        Scan::Clean => (ReasonClass::Scan, "clean"),
        Scan::Off => (ReasonClass::Scan, "off"),
        Scan::Found { name } => (ReasonClass::Virus, name.as_str()),
        Scan::Unscannable { what, detail } if detail.is_empty() => (ReasonClass::Unscannable, what.as_str()),
        Scan::Unscannable { detail, .. } => (ReasonClass::Unscannable, detail.as_str()),
        Scan::Poison => (ReasonClass::Poison, "scanner"),
        Scan::Away => (ReasonClass::Failure, "scanner"),
    };
    Reason { class, detail: header::detail(detail), rule: None }
}

fn rule_reason(hit: &RuleHit) -> Reason {
    let detail = match hit.action {
        RuleAction::Reject { .. } => "reject",
        RuleAction::Junk => "junk",
        RuleAction::Tag => "tag",
        RuleAction::Accept => "accept",
    };
    Reason { class: ReasonClass::Form, detail: detail.to_owned(), rule: Some(header::name(&hit.name)) }
}

fn failure_reason(class: Class) -> Reason {
    Reason { class: ReasonClass::Failure, detail: class.as_str().to_owned(), rule: None }
}

impl Unscannable {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Limits => "limits",
            Self::Encrypted => "encrypted",
            Self::Broken => "broken",
        }
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
