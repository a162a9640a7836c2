//! What was found out about a message before it is judged, as plain data.

use mail::Class;
use serde::{Deserialize, Serialize};

use crate::record::class_names;

/// All that a verdict rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// What the virus scanner said.
    pub scan: Scan,
    /// The form rules that applied, in the order of the configuration.
    pub rules: Vec<RuleHit>,
    /// How the message came.
    pub arrival: Arrival,
    /// For whom it is, as far as the verdict cares.
    pub recipients: Recipients,
    /// What could not be asked while judging (time spent, directory away);
    /// empty when judging was complete.
    #[serde(with = "class_names", default)]
    pub failures: Vec<Class>,
}

/// The outcome of the virus scan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Scan {
    /// Nothing was found.
    Clean,
    /// A signature matched.
    Found {
        /// The signature's name, as the feed calls it.
        name: String,
    },
    /// The scanner could not look at all of it.
    Unscannable {
        /// Why not.
        what: Unscannable,
        /// The scanner's word for it, such as the heuristic's name.
        detail: String,
    },
    /// Scanning is switched off.
    Off,
    /// The message killed the scanner three times.
    Poison,
    /// The scanner was not to be had, or its time ran out.
    Away,
}

/// Why a message could not be scanned completely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unscannable {
    /// A limit of size, depth, number or time was reached.
    Limits,
    /// Something in it is encrypted.
    Encrypted,
    /// The scanner cannot read its form.
    Broken,
}

/// One form rule that applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleHit {
    /// The rule's name in the configuration.
    pub name: String,
    /// What the rule asks for.
    pub action: RuleAction,
}

/// What a form rule asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum RuleAction {
    /// Refuse the message.
    Reject {
        /// The administrator's own sentence for the sender, where there is one.
        sentence: Option<String>,
    },
    /// Deliver into the Junk folder.
    Junk,
    /// Note the rule's name in the verdict's header and go on.
    Tag,
    /// Deliver to the inbox, whatever only looks suspicious.
    Accept,
}

/// How a message came, which decides whether it may be refused at all: a 550
/// towards a relay makes the relay send a bounce to a forged sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arrival {
    /// From the outside, over a connection of the sender's own.
    Direct,
    /// Over LMTP from a server that has already accepted it.
    Lmtp,
    /// From a relay that the configuration trusts.
    TrustedRelay,
}

/// The recipients, as far as the verdict cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recipients {
    /// At least one who is neither postmaster nor abuse.
    Ordinary,
    /// Nobody but `postmaster` and `abuse` (RFC 2142 §4 and §5).
    PostmasterOrAbuseOnly,
}
