//! `gatepost domain`.

use mail::{Address, Domain};
use sql::{Arg, args};

use super::fits;
use crate::source::ask;
use crate::{Directory, DirectoryError, DomainEntry, statements as text};

const MAX_COMMENT: usize = 1000;
/// The most alias domains in a row, as resolution follows them.
const MAX_DOMAINS: usize = 16;

/// A domain to be added.
#[derive(Debug, Clone)]
pub struct NewDomain {
    /// Its name.
    pub name: Domain,
    /// Another domain whose addresses are valid in it too.
    pub alias_of: Option<Domain>,
    /// Who gets mail for addresses that are not there.
    pub catch_all: Option<Address>,
    /// Who gets mail for postmaster and abuse.
    pub postmaster: Option<Address>,
    /// For people.
    pub comment: String,
}

impl NewDomain {
    /// A domain of this name and nothing else.
    #[must_use]
    pub fn new(name: Domain) -> Self {
        Self { name, alias_of: None, catch_all: None, postmaster: None, comment: String::new() }
    }
}

/// What to change: `None` leaves it, `Some(None)` clears it.
#[derive(Debug, Clone, Default)]
pub struct DomainChange {
    /// Switches it on or off.
    pub active: Option<bool>,
    /// See [`NewDomain::alias_of`].
    pub alias_of: Option<Option<Domain>>,
    /// See [`NewDomain::catch_all`].
    pub catch_all: Option<Option<Address>>,
    /// See [`NewDomain::postmaster`].
    pub postmaster: Option<Option<Address>>,
    /// For people.
    pub comment: Option<String>,
}

impl Directory {
    /// All domains, sorted by name.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Sql`].
    pub async fn domains(&self) -> Result<Vec<DomainEntry>, DirectoryError> {
        ask!(self.source, domains())
    }

    /// One domain.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::UnknownDomain`].
    pub async fn domain(&self, name: &Domain) -> Result<DomainEntry, DirectoryError> {
        let found = ask!(self.source, domain(name))?;
        found.ok_or_else(|| DirectoryError::UnknownDomain(name.clone()))
    }

    /// Adds a domain.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::DomainAlreadyThere`], [`DirectoryError::Literal`],
    /// [`DirectoryError::TooLong`]; [`DirectoryError::UnknownDomain`] or
    /// [`DirectoryError::DomainWouldLoop`] about `alias_of`.
    pub async fn add_domain(&self, new: &NewDomain) -> Result<DomainEntry, DirectoryError> {
        let own = self.own()?;
        if new.name.is_literal() {
            return Err(DirectoryError::Literal(new.name.clone()));
        }
        fits("the comment", &new.comment, MAX_COMMENT)?;
        if let Some(alias_of) = &new.alias_of {
            self.may_be_alias_of(&new.name, alias_of).await?;
        }
        let (catch_all, postmaster) = (shown(new.catch_all.as_ref()), shown(new.postmaster.as_ref()));
        let alias_of = new.alias_of.as_ref().map(Domain::as_str);
        let row = args![new.name.as_str(), true, alias_of, catch_all.as_ref(), postmaster.as_ref(), &new.comment];
        let pool = own.pool().await?;
        sql::retry(|| async {
            let mut tx = pool.begin().await?;
            tx.execute(text::ADD_DOMAIN, row).await?;
            tx.execute(text::FORGET_REMOVED_DOMAIN, args![new.name.as_str()]).await?;
            tx.commit().await
        })
        .await
        .map_err(|error| match error {
            sql::SqlError::Duplicate(_) => DirectoryError::DomainAlreadyThere(new.name.clone()),
            other => other.into(),
        })?;
        self.domain(&new.name).await
    }

    /// Changes a domain.
    ///
    /// # Errors
    ///
    /// As [`Directory::add_domain`], and [`DirectoryError::UnknownDomain`].
    pub async fn change_domain(&self, name: &Domain, change: &DomainChange) -> Result<DomainEntry, DirectoryError> {
        let own = self.own()?;
        self.must_be_hosted(name).await?;
        if let Some(comment) = &change.comment {
            fits("the comment", comment, MAX_COMMENT)?;
        }
        if let Some(Some(alias_of)) = &change.alias_of {
            self.may_be_alias_of(name, alias_of).await?;
        }
        let alias_of = change.alias_of.as_ref().and_then(Option::as_ref).map(Domain::as_str);
        let catch_all = shown(change.catch_all.as_ref().and_then(Option::as_ref));
        let postmaster = shown(change.postmaster.as_ref().and_then(Option::as_ref));
        let row = args![
            change.active,
            change.alias_of.is_some(),
            alias_of,
            change.catch_all.is_some(),
            catch_all.as_ref(),
            change.postmaster.is_some(),
            postmaster.as_ref(),
            change.comment.as_ref(),
            name.as_str(),
        ];
        let pool = own.pool().await?;
        sql::retry(|| pool.execute(text::CHANGE_DOMAIN, row)).await?;
        self.domain(name).await
    }

    /// Removes a domain with its aliases, and notes that it was on purpose.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::UnknownDomain`], or [`DirectoryError::DomainInUse`]
    /// while it has accounts or alias domains.
    pub async fn remove_domain(&self, name: &Domain) -> Result<(), DirectoryError> {
        let own = self.own()?;
        let in_use = |accounts, domains| DirectoryError::DomainInUse { domain: name.clone(), accounts, domains };
        let entry = self.domain(name).await?;
        let domains = own.count(text::ALIAS_DOMAINS_OF, name).await?;
        if entry.accounts > 0 || domains > 0 {
            return Err(in_use(entry.accounts, domains));
        }
        let pool = own.pool().await?;
        let row: &[Arg<'_>] = args![name.as_str()];
        let removed = sql::retry(|| async {
            let mut tx = pool.begin().await?;
            tx.execute(text::REMOVE_DOMAIN, row).await?;
            tx.execute(text::FORGET_REMOVED_DOMAIN, row).await?;
            tx.execute(text::NOTE_REMOVED_DOMAIN, row).await?;
            tx.commit().await
        })
        .await;
        match removed {
            // Somebody added a user just now.
            Err(sql::SqlError::Reference(_)) => Err(in_use(self.domain(name).await?.accounts, domains)),
            done => Ok(done?),
        }
    }

    /// Follows `alias_of` as resolution would.
    async fn may_be_alias_of(&self, name: &Domain, alias_of: &Domain) -> Result<(), DirectoryError> {
        let circle = || DirectoryError::DomainWouldLoop { domain: name.clone(), alias_of: alias_of.clone() };
        let mut next = alias_of.clone();
        for _ in 1..MAX_DOMAINS {
            if next == *name {
                return Err(circle());
            }
            let hosted = self.hosted(&next).await?.ok_or_else(|| DirectoryError::UnknownDomain(next.clone()))?;
            match hosted.alias_of {
                Some(further) => next = further,
                None => return Ok(()),
            }
        }
        Err(circle())
    }
}

fn shown(address: Option<&Address>) -> Option<String> {
    address.map(Address::to_string)
}
