//! The verdict as it stands in the message:
//! `X-Gatepost-Verdict: VERDICT; reason=CLASS:DETAIL; rule=NAME; id=SPOOL-ID`,
//! with a `; tag=NAME` behind it for each tagging rule.

use std::fmt;

use mail::{SpoolId, Text};
use thiserror::Error;

use crate::{Decision, ReasonClass, Verdict, clean};

/// The most tags that a message carries.
pub(crate) const MAX_TAGS: usize = 8;
/// The longest name of a rule or tag, in bytes.
const MAX_NAME: usize = 60;
/// The longest detail, in bytes; together all stays under the 998 bytes of a
/// line (RFC 5322 §2.1.1).
const MAX_DETAIL: usize = 120;

/// The value of an `X-Gatepost-Verdict` field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictHeader {
    kind: Kind,
    class: ReasonClass,
    detail: String,
    rule: Option<String>,
    id: SpoolId,
    tags: Vec<String>,
}

/// The verdict's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Into the inbox.
    Accept,
    /// Into Junk.
    Junk,
    /// Refused; such a header stands in quarantine only.
    Reject,
    /// To be sent again; such a message is kept nowhere.
    Defer,
}

/// Some text is no value of this header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("not a verdict: `VERDICT; reason=CLASS:DETAIL; rule=NAME; id=ID` is expected")]
pub struct HeaderError;

impl VerdictHeader {
    /// The field's name.
    pub const NAME: &'static str = "X-Gatepost-Verdict";

    /// What is written on top of the message with this id.
    #[must_use]
    pub fn new(decision: &Decision, id: SpoolId) -> Self {
        let first = decision.reasons.first();
        Self {
            kind: decision.verdict.kind(),
            class: first.map_or(ReasonClass::Scan, |reason| reason.class),
            detail: first.map(|reason| detail(&reason.detail)).unwrap_or_default(),
            rule: first.and_then(|reason| reason.rule.as_deref()).map(name).filter(|rule| !rule.is_empty()),
            id,
            tags: decision.tags.iter().map(|tag| name(tag)).filter(|tag| !tag.is_empty()).take(MAX_TAGS).collect(),
        }
    }

    /// Reads the value back (the text behind the colon).
    ///
    /// # Errors
    ///
    /// [`HeaderError`] for anything that [`VerdictHeader::value`] does not
    /// write.
    pub fn parse(value: &str) -> Result<Self, HeaderError> {
        let mut parts = value.trim().split(';').map(str::trim);
        let kind = parts.next().and_then(Kind::parse).ok_or(HeaderError)?;
        let reason = parts.next().and_then(|part| part.strip_prefix("reason=")).ok_or(HeaderError)?;
        let (class, detail) = reason.split_once(':').ok_or(HeaderError)?;
        let class = ReasonClass::ALL.into_iter().find(|known| known.as_str() == class).ok_or(HeaderError)?;
        let mut parts = parts.peekable();
        let rule = parts.next_if(|part| part.starts_with("rule=")).map(|part| part["rule=".len()..].to_owned());
        let id = parts.next().and_then(|part| part.strip_prefix("id=")).ok_or(HeaderError)?;
        let id = id.parse().map_err(|_| HeaderError)?;
        let tags: Option<Vec<String>> = parts.map(|part| part.strip_prefix("tag=").map(str::to_owned)).collect();
        let read = Self { kind, class, detail: detail.to_owned(), rule, id, tags: tags.ok_or(HeaderError)? };
        // What we would not have written is not ours.
        if read.value().as_str() == value.trim() && read.is_bounded() { Ok(read) } else { Err(HeaderError) }
    }

    /// The value, one line.
    #[must_use]
    pub fn value(&self) -> Text {
        Text::sanitized(&self.to_string())
    }

    /// The verdict's word.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Class and detail of the reason that decided.
    #[must_use]
    pub fn reason(&self) -> (ReasonClass, &str) {
        (self.class, &self.detail)
    }

    /// The rule that decided, where one did.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }

    /// The message's id in the spool.
    #[must_use]
    pub fn id(&self) -> SpoolId {
        self.id
    }

    /// The names of the tagging rules that applied.
    #[must_use]
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    fn is_bounded(&self) -> bool {
        let names = self.rule.iter().chain(&self.tags);
        self.tags.len() <= MAX_TAGS
            && self.detail == detail(&self.detail)
            && names.into_iter().all(|text| !text.is_empty() && *text == name(text))
    }
}

impl fmt::Display for VerdictHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; reason={}:{}", self.kind.as_str(), self.class.as_str(), self.detail)?;
        if let Some(rule) = &self.rule {
            write!(f, "; rule={rule}")?;
        }
        write!(f, "; id={}", self.id)?;
        self.tags.iter().try_for_each(|tag| write!(f, "; tag={tag}"))
    }
}

/// The name of a rule, made harmless.
pub(crate) fn name(text: &str) -> String {
    clean::word(text, MAX_NAME)
}

/// A detail, such as the name of a signature, made harmless.
pub(crate) fn detail(text: &str) -> String {
    clean::word(text, MAX_DETAIL)
}

impl Kind {
    const ALL: [Self; 4] = [Self::Accept, Self::Junk, Self::Reject, Self::Defer];

    /// The word for it in headers, logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Junk => "junk",
            Self::Reject => "reject",
            Self::Defer => "defer",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl Verdict {
    /// The verdict's word.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Accept => Kind::Accept,
            Self::Junk => Kind::Junk,
            Self::Reject { .. } => Kind::Reject,
            Self::Defer { .. } => Kind::Defer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Arrival, Evidence, Policy, Recipients, RuleAction, RuleHit, Scan, judge};
    use proptest::prelude::*;

    fn header(scan: Scan, rules: Vec<RuleHit>) -> VerdictHeader {
        let (arrival, recipients) = (Arrival::Direct, Recipients::Ordinary);
        let evidence = Evidence { scan, rules, arrival, recipients, failures: Vec::new() };
        VerdictHeader::new(&judge(&evidence, &Policy::default()), SpoolId::new(0))
    }

    fn rule(name: &str, action: RuleAction) -> RuleHit {
        RuleHit { name: name.to_owned(), action }
    }

    #[test]
    fn values() {
        let virus = Scan::Found { name: "Win.Test.EICAR_HDB-1".to_owned() };
        let no_from = rule("no From", RuleAction::Reject { sentence: None });
        let bulk = rule("bulk", RuleAction::Tag);
        let cases = [
            (Scan::Clean, vec![], "accept; reason=scan:clean; id=aaaaaaaaaaaaa"),
            (virus, vec![], "reject; reason=virus:Win.Test.EICAR_HDB-1; id=aaaaaaaaaaaaa"),
            (Scan::Off, vec![no_from], "reject; reason=form:reject; rule=no From; id=aaaaaaaaaaaaa"),
            (Scan::Away, vec![], "defer; reason=failure:scanner; id=aaaaaaaaaaaaa"),
            (
                Scan::Clean,
                vec![bulk, rule("offers", RuleAction::Junk)],
                "junk; reason=form:junk; rule=offers; id=aaaaaaaaaaaaa; tag=bulk",
            ),
        ];
        for (scan, rules, value) in cases {
            let header = header(scan, rules);
            assert_eq!(header.value().as_str(), value);
            assert_eq!(VerdictHeader::parse(value), Ok(header));
        }
    }

    #[test]
    fn refused() {
        let long = format!("accept; reason=scan:{}; id=aaaaaaaaaaaaa", "x".repeat(121));
        let many = format!("accept; reason=scan:clean; id=aaaaaaaaaaaaa{}", "; tag=x".repeat(9));
        let cases = [
            "",
            "accept",
            "fine; reason=scan:clean; id=aaaaaaaaaaaaa",
            "accept; reason=scan; id=aaaaaaaaaaaaa",
            "accept; reason=moon:clean; id=aaaaaaaaaaaaa",
            "accept; reason=scan:clean",
            "accept; reason=scan:clean; id=AAAAAAAAAAAAA",
            "accept; reason=scan:clean; id=aaaaaaaaaaaaa; rule=late",
            "accept; reason=scan:clean; rule=; id=aaaaaaaaaaaaa",
            "accept;reason=scan:clean;id=aaaaaaaaaaaaa",
            "accept; reason=scan:cl\u{e9}an; id=aaaaaaaaaaaaa",
            &long,
            &many,
        ];
        for bad in cases {
            assert_eq!(VerdictHeader::parse(bad), Err(HeaderError), "{bad}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]
        #[test]
        fn whatever_is_named_reads_back_as_one_line(
            names in proptest::collection::vec("\\PC{0,80}|[\\x00-\\x7f]{0,30}", 0..12), virus in "[\\x00-\\x7f]{0,200}"
        ) {
            let rules = names.iter().map(|name| rule(name, RuleAction::Tag)).collect();
            let header = header(Scan::Found { name: virus }, rules);
            let value = header.value();
            prop_assert!(value.as_str().len() < 900 && value.as_str().bytes().all(|b| (32..127).contains(&b)));
            prop_assert_eq!(VerdictHeader::parse(value.as_str()), Ok(header));
        }

        #[test]
        fn nothing_makes_the_parser_fall(value in "\\PC{0,60}|(accept|junk|; |reason=|id=|rule=|tag=|scan:|a){0,12}") {
            if let Ok(header) = VerdictHeader::parse(&value) {
                prop_assert_eq!(header.to_string(), value.trim());
            }
        }
    }
}
