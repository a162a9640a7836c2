//! One step of resolution: what stands in the tables for an address, in the
//! order exact, base of a subaddress, domain alias, retired, catch-all.

use mail::{Address, Domain, LocalPart};

use crate::rows::{Hosted, Target, bad};
use crate::source::{Seen, ask};
use crate::{Account, Directory, DirectoryError};

/// The most alias domains in a row.
const MAX_DOMAINS: usize = 16;

/// What one address is, without following its targets.
#[derive(Debug)]
pub(crate) enum Found {
    /// An account, targets of an alias, or both.
    Here {
        account: Option<Box<Account>>,
        targets: Vec<Address>,
        detail: Option<String>,
    },
    /// Switched off.
    Inactive,
    /// postmaster or abuse without a row.
    Postmaster(Domain),
    NoUser,
    InactiveDomain,
    Foreign,
    /// Alias domains run in a circle.
    Circle,
}

/// What was seen on the way through alias domains, and counts only when no
/// account or alias is found.
#[derive(Default)]
struct Fallback {
    retired: bool,
    catch_all: Vec<Address>,
    postmaster: Option<Address>,
    unusable: Option<String>,
}

impl Directory {
    pub(crate) async fn find(&self, asked: &Address) -> Result<Found, DirectoryError> {
        let base = self.separator.and_then(|separator| asked.local().split_detail(separator));
        let mut fallback = Fallback::default();
        let mut domain = asked.domain().clone();
        for step in 0..MAX_DOMAINS {
            let Some(seen) = self.look_up(asked.local(), &domain).await? else {
                return Ok(if step == 0 { Found::Foreign } else { Found::Circle });
            };
            if !seen.hosted.active {
                return Ok(Found::InactiveDomain);
            }
            if let Some(found) = exact(seen.account, seen.targets) {
                return Ok(found);
            }
            if let Some((base, detail)) = &base
                && let Some(found) = self.by_base(base, detail, &domain).await?
            {
                return Ok(found);
            }
            let base = base.as_ref().map_or(asked.local(), |(base, _)| base);
            fallback.retired |= ask!(self.source, is_retired(asked.local(), base, &domain))?;
            // The catch-all of the domain that is meant goes before that of
            // its alias.
            if !seen.hosted.catch_all.is_empty() {
                fallback.catch_all = seen.hosted.catch_all;
            }
            fallback.postmaster = seen.hosted.postmaster.or(fallback.postmaster);
            fallback.unusable = fallback.unusable.or(seen.hosted.unusable);
            match seen.hosted.alias_of {
                Some(next) => domain = next,
                None => return fallback.found(asked, seen.hosted.name),
            }
        }
        Ok(Found::Circle)
    }

    async fn by_base(&self, base: &LocalPart, detail: &str, domain: &Domain) -> Result<Option<Found>, DirectoryError> {
        let Some(seen) = self.look_up(base, domain).await? else { return Ok(None) };
        let mut found = exact(seen.account, seen.targets);
        if let Some(Found::Here { detail: behind, .. }) = &mut found {
            *behind = Some(detail.to_owned());
        }
        Ok(found)
    }

    async fn look_up(&self, local: &LocalPart, domain: &Domain) -> Result<Option<Seen>, DirectoryError> {
        ask!(self.source, look_up(&Address::new(local.clone(), domain.clone())))
    }

    pub(crate) async fn hosted(&self, domain: &Domain) -> Result<Option<Hosted>, DirectoryError> {
        ask!(self.source, hosted(domain))
    }
}

/// What an account and the targets of its address make together.
fn exact(account: Option<Account>, rows: Vec<Target>) -> Option<Found> {
    if account.as_ref().is_some_and(|account| !account.active) {
        return Some(Found::Inactive);
    }
    if account.is_none() && rows.is_empty() {
        return None;
    }
    let rows: Vec<Target> = rows.into_iter().filter(|row| row.active).collect();
    if account.is_none() && rows.is_empty() {
        return Some(Found::Inactive);
    }
    let gets_a_copy = |account: &Account| {
        !rows.iter().any(|row| row.exclusive) || rows.iter().any(|row| row.address == account.address)
    };
    let account = account.filter(gets_a_copy).map(Box::new);
    Some(Found::Here { account, targets: rows.into_iter().map(|row| row.address).collect(), detail: None })
}

impl Fallback {
    /// postmaster and abuse come first: they are always there, even after
    /// somebody had and gave up an account of that name.
    fn found(self, asked: &Address, domain: Domain) -> Result<Found, DirectoryError> {
        let targets = if matches!(asked.local().as_str(), "postmaster" | "abuse") {
            match self.postmaster {
                Some(target) => vec![target],
                None => return Ok(Found::Postmaster(domain)),
            }
        } else if let Some(reason) = self.unusable {
            return Err(bad("domain", reason));
        } else if self.retired || self.catch_all.is_empty() {
            return Ok(Found::NoUser);
        } else {
            self.catch_all
        };
        Ok(Found::Here { account: None, targets, detail: None })
    }
}
