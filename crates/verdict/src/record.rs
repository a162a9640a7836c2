//! The verdict record: what the log keeps of a judgement, enough to explain it
//! and to replay it under another policy.

use mail::SpoolId;
use serde::{Deserialize, Serialize};

use crate::{Decision, Evidence, Policy};

/// The form of the record; raised when a field changes its meaning.
const VERSION: u32 = 1;

/// One judgement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The form of this record.
    pub version: u32,
    /// The message's id in the spool.
    pub id: String,
    /// When, in seconds since 1970.
    pub time: u64,
    /// What was found.
    pub evidence: Evidence,
    /// The policy of that moment.
    pub policy: Policy,
    /// What came of it.
    pub decision: Decision,
}

impl Record {
    /// Judges and records it. `time` is in seconds since 1970.
    #[must_use]
    pub fn judge(id: SpoolId, time: u64, evidence: Evidence, policy: &Policy) -> Self {
        let decision = crate::judge(&evidence, policy);
        Self { version: VERSION, id: id.to_string(), time, evidence, policy: policy.clone(), decision }
    }

    /// What the same evidence would come to under another policy.
    #[must_use]
    pub fn replay(&self, policy: &Policy) -> Decision {
        crate::judge(&self.evidence, policy)
    }
}

const CLASSES: [mail::Class; 9] = [
    mail::Class::Directory,
    mail::Class::Index,
    mail::Class::Scanner,
    mail::Class::DiskFull,
    mail::Class::Disk,
    mail::Class::Quota,
    mail::Class::Missing,
    mail::Class::Invalid,
    mail::Class::Internal,
];

fn class_from<E: serde::de::Error>(name: &str) -> Result<mail::Class, E> {
    let known = CLASSES.into_iter().find(|class| class.as_str() == name);
    known.ok_or_else(|| E::custom(format_args!("no such class: {name}")))
}

/// A reason class as its word.
pub(crate) mod class_name {
    use mail::Class;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(class: &Class, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(class.as_str())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Class, D::Error> {
        super::class_from(&String::deserialize(from)?)
    }
}

/// Several reason classes as their words.
pub(crate) mod class_names {
    use mail::Class;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(classes: &[Class], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(classes.iter().map(|class| class.as_str()))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Class>, D::Error> {
        Vec::<String>::deserialize(from)?.iter().map(|name| super::class_from(name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arrival, OnUnscannable, Recipients, RuleAction, RuleHit, Scan, Unscannable, Verdict};

    fn evidence() -> Evidence {
        Evidence {
            scan: Scan::Unscannable { what: Unscannable::Limits, detail: String::new() },
            rules: vec![RuleHit { name: "bulk".to_owned(), action: RuleAction::Tag }],
            arrival: Arrival::TrustedRelay,
            recipients: Recipients::Ordinary,
            failures: Vec::new(),
        }
    }

    #[test]
    fn reads_back_and_replays() {
        let record = Record::judge(SpoolId::new(5), 1_800_000_000, evidence(), &Policy::default());
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        assert_eq!(record.replay(&record.policy), record.decision);
        let laxer = Policy { on_unscannable: OnUnscannable::Accept, ..Policy::default() };
        assert_eq!(record.replay(&laxer).verdict, Verdict::Accept);
        assert_eq!(record.decision.verdict, Verdict::Junk);
    }

    #[test]
    fn every_class_has_its_word() {
        for class in CLASSES {
            let failed = Evidence { failures: vec![class], ..evidence() };
            let record = Record::judge(SpoolId::new(5), 0, failed, &Policy::default());
            assert_eq!(record.decision.verdict, Verdict::Defer { class });
            let text = serde_json::to_string(&record).unwrap();
            assert!(text.contains(class.as_str()));
            assert_eq!(serde_json::from_str::<Record>(&text).unwrap(), record);
        }
        let text = serde_json::to_string(&Record::judge(SpoolId::new(5), 0, evidence(), &Policy::default())).unwrap();
        assert!(serde_json::from_str::<Record>(&text.replace("\"failures\":[]", "\"failures\":[\"moon\"]")).is_err());
    }
}
