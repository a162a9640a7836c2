//! `[web]`.

use super::super::reader::Document;
use super::super::value::Number;

/// `[web]`: the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Web {
    /// The least number of characters of a new password.
    pub min_password: usize,
    /// The most connections.
    pub connections: usize,
    /// The most connections of one network.
    pub connections_per_network: usize,
}

pub(in super::super) fn web(document: &Document<'_>) -> Web {
    let s = document.section("web", "The pages on which people change their own password.");
    Web {
        min_password: s
            .get(
                "min_password",
                Number::<8, 64>(10),
                "The least number of characters of a new password. One that is easily guessed is refused whatever \
                 its length.",
            )
            .usize(),
        connections: s.get("connections", Number::<1, 1_000_000>(500), "The most connections at a time.").usize(),
        connections_per_network: s
            .get("connections_per_network", Number::<1, 1_000_000>(50), "The most from one IPv4 address or IPv6 /64.")
            .usize(),
    }
}
