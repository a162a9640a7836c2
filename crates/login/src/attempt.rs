//! What is told of each attempt to whoever keeps figures and last logins.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use directory::AccountKey;
use mail::{Address, Domain};

use crate::Service;

/// An attempt that is over.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// The account that was meant and its address; nothing where there is none,
    /// so that nobody fills anything with names.
    pub account: Option<(AccountKey, &'a Address)>,
    /// What it was for.
    pub service: Service,
    /// Where it came from.
    pub from: IpAddr,
    /// How it ended.
    pub verdict: Verdict,
    /// How long verifying took, without what was waited for before.
    pub took: Duration,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The password was right.
    Right,
    /// It was not, or does not open this.
    Refused,
}

/// Whoever wants to know. It must not take time: the client waits.
pub(crate) struct Witness(pub(crate) Box<dyn Fn(&Attempt<'_>) + Send + Sync>);

impl std::fmt::Debug for Witness {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Witness(…)")
    }
}

/// Domains of accounts that somebody has tried: what the log may say of an
/// account that is not there. People type passwords where the name belongs, and
/// `secret@work` is an address too.
#[derive(Debug, Default)]
pub(crate) struct Domains(Mutex<HashSet<Domain>>);

/// The most of them.
const MOST: usize = 10_000;

impl Domains {
    pub(crate) fn note(&self, domain: &Domain) {
        let mut known = self.known();
        if !known.contains(domain) && known.len() < MOST {
            known.insert(domain.clone());
        }
    }

    /// Who was tried: the address of an account; of one that is not there no
    /// more than a domain that has others; else nothing.
    pub(crate) fn shown(&self, account: Option<&Address>, tried: Option<&Address>) -> Option<String> {
        if let Some(address) = account {
            return Some(address.to_string());
        }
        let domain = tried?.domain();
        self.known().contains(domain).then(|| format!("?@{domain}"))
    }

    fn known(&self) -> MutexGuard<'_, HashSet<Domain>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_never_says_what_may_be_a_password() {
        let domains = Domains::default();
        let parse = |text: &str| Address::parse(text).unwrap();
        domains.note(parse("alice@example.org").domain());
        let alice = parse("alice@example.org");
        let cases = [
            (Some(&alice), Some(parse("alice@example.org")), Some("alice@example.org")),
            (None, Some(parse("secret@example.org")), Some("?@example.org")),
            (None, Some(parse("secret@work")), None),
            (None, None, None),
        ];
        for (account, tried, expected) in cases {
            assert_eq!(domains.shown(account, tried.as_ref()).as_deref(), expected);
        }
        (0..2 * MOST).for_each(|n| domains.note(parse(&format!("x@d{n}.example")).domain()));
        assert_eq!(domains.known().len(), MOST);
    }
}
