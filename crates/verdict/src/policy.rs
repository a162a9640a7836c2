//! What the site has decided beforehand: plain values from the configuration.

use serde::{Deserialize, Serialize};

/// The site's policy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Policy {
    /// What becomes of a message that could not be scanned completely.
    pub on_unscannable: OnUnscannable,
    /// Where a message goes that would be refused, but came over LMTP or from
    /// a trusted relay. Viruses are kept in quarantine in any case.
    pub relay_reject: RelayReject,
}

/// What becomes of a message that could not be scanned completely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUnscannable {
    /// Into the Junk folder.
    #[default]
    Junk,
    /// Refused.
    Reject,
    /// Accepted; the finding still stands in the header.
    Accept,
}

/// Where a message goes that may not be refused towards a relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelayReject {
    /// Into quarantine.
    #[default]
    Quarantine,
    /// Into the recipients' Junk folders.
    Junk,
}
