//! One step of resolution: what stands in the tables for an address, in the
//! order exact, base of a subaddress, domain alias, retired, catch-all.

use mail::{Address, Domain, LocalPart};
use sql::args;
use tracing::warn;

use crate::rows::{self, Hosted, Target, bad};
use crate::{Account, Directory, DirectoryError, Tables, statements as text};

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

/// What one look at the tables shows for an address.
struct Seen {
    hosted: Hosted,
    account: Option<Account>,
    targets: Vec<Target>,
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
            fallback.retired |= self.is_retired(asked.local(), base, &domain).await?;
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
        if let Tables::Foreign(queries) = &self.tables {
            let Some(hosted) = self.foreign_hosted(queries, domain).await? else { return Ok(None) };
            let address = Address::new(local.clone(), domain.clone());
            let account = self.foreign_account(queries, &address).await?.map(|(account, _)| account);
            return Ok(Some(Seen { hosted, account, targets: self.foreign_targets(queries, &address).await? }));
        }
        let key = args![local.as_str(), local.as_str(), domain.as_str()];
        let row = self.row(text::LOOK_UP, key, rows::looked_up).await?;
        let Some((hosted, account, count)) = row.filter(|(hosted, ..)| hosted.name == *domain) else { return Ok(None) };
        // MySQL takes 'alice ' for equal to 'alice'; we do not.
        let account = account.filter(|account| account.address.local() == local);
        // One that is switched off gets nothing, whatever its alias says.
        let is_off = account.as_ref().is_some_and(|account| !account.active);
        let targets = if count > 0 && !is_off { self.targets(local, domain).await? } else { Vec::new() };
        Ok(Some(Seen { hosted, account, targets }))
    }

    /// The account, active or not.
    pub(crate) async fn account_row(
        &self,
        local: &LocalPart,
        domain: &Domain,
    ) -> Result<Option<Account>, DirectoryError> {
        if let Tables::Foreign(queries) = &self.tables {
            let address = Address::new(local.clone(), domain.clone());
            return Ok(self.foreign_account(queries, &address).await?.map(|(account, _)| account));
        }
        let account = self.row(text::ACCOUNT, args![domain.as_str(), local.as_str()], rows::account).await?;
        // MySQL takes 'alice ' for equal to 'alice'; we do not.
        Ok(account.filter(|account| account.address.local() == local))
    }

    /// The targets of an alias.
    async fn targets(&self, local: &LocalPart, domain: &Domain) -> Result<Vec<Target>, DirectoryError> {
        let read = |row: &sql::Row| {
            let target = row.text(0)?;
            let address = Address::parse(target).map_err(|error| bad("alias", format!("{target:?}: {error}")))?;
            Ok((address, row.int(1)? != 0, row.text(2)? == local.as_str()))
        };
        let all = self.rows(text::TARGETS, args![domain.as_str(), local.as_str()], read).await?;
        let mut good = Vec::with_capacity(all.len());
        let mut wrong = None;
        for row in all {
            match row {
                Ok((address, active, true)) => good.push(Target { address, active, exclusive: false }),
                // Another alias, but for MySQL's padding.
                Ok((.., false)) => {}
                Err(error) => {
                    warn!(%error, local = local.as_str(), %domain, "target of an alias is skipped");
                    wrong = Some(error);
                }
            }
        }
        // An alias whose every target is unreadable is no reason to bounce.
        wrong.filter(|_| good.is_empty()).map_or(Ok(good), Err)
    }

    pub(crate) async fn hosted(&self, domain: &Domain) -> Result<Option<Hosted>, DirectoryError> {
        if let Tables::Foreign(queries) = &self.tables {
            return self.foreign_hosted(queries, domain).await;
        }
        let hosted = self.row(text::HOSTED, args![domain.as_str()], rows::hosted).await?;
        Ok(hosted.filter(|hosted| hosted.name == *domain))
    }

    async fn is_retired(&self, local: &LocalPart, base: &LocalPart, domain: &Domain) -> Result<bool, DirectoryError> {
        if self.tables != Tables::Own {
            return Ok(false);
        }
        let key = args![domain.as_str(), local.as_str(), base.as_str()];
        let rows = self.rows(text::RETIRED, key, |row| Ok(row.text(0)?.to_owned())).await?;
        let is_it = |retired: &String| retired == local.as_str() || retired == base.as_str();
        Ok(rows.iter().flatten().any(is_it))
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
