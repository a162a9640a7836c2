//! `gatepost alias`.

use std::collections::HashSet;

use mail::Address;
use sql::{Arg, SqlError, args};

use super::account::key;
use crate::source::{Own, ask};
use crate::{AliasEntry, Directory, DirectoryError, Resolution, statements as text};

impl Directory {
    /// All aliases, sorted by domain and local part.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Sql`].
    pub async fn aliases(&self) -> Result<Vec<AliasEntry>, DirectoryError> {
        ask!(self.source, aliases())
    }

    /// One alias.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::UnknownAlias`].
    pub async fn alias(&self, address: &Address) -> Result<AliasEntry, DirectoryError> {
        let entry = ask!(self.source, alias(address))?;
        entry.ok_or_else(|| DirectoryError::UnknownAlias(address.clone()))
    }

    /// Adds targets to an alias, which is made if it is not there. Beside an
    /// account of the same address the targets get copies.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::UnknownDomain`],
    /// [`DirectoryError::AliasAlreadyThere`], or
    /// [`DirectoryError::AliasWouldLoop`]; nothing was added then.
    pub async fn add_alias(&self, address: &Address, targets: &[Address]) -> Result<AliasEntry, DirectoryError> {
        let own = self.own()?;
        self.must_be_hosted(address.domain()).await?;
        self.may_point_to(address, targets).await?;
        self.write_targets(own, address, targets, Existing::Keep).await?;
        self.alias(address).await
    }

    /// Gives an alias these targets instead of those that it has.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::UnknownAlias`], [`DirectoryError::AliasWouldLoop`].
    pub async fn replace_alias(&self, address: &Address, targets: &[Address]) -> Result<AliasEntry, DirectoryError> {
        let own = self.own()?;
        self.alias(address).await?;
        self.may_point_to(address, targets).await?;
        self.write_targets(own, address, targets, Existing::Drop).await?;
        self.alias(address).await
    }

    /// Switches an alias on with all its targets.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::UnknownAlias`].
    pub async fn enable_alias(&self, address: &Address) -> Result<AliasEntry, DirectoryError> {
        let own = self.own()?;
        self.switch_alias(own, address, 1).await
    }

    /// Switches an alias off with all its targets.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::UnknownAlias`].
    pub async fn disable_alias(&self, address: &Address) -> Result<AliasEntry, DirectoryError> {
        let own = self.own()?;
        self.switch_alias(own, address, 0).await
    }

    /// Removes an alias with all its targets; where no account has the
    /// address, it is retired.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::UnknownAlias`].
    pub async fn remove_alias(&self, address: &Address) -> Result<AliasEntry, DirectoryError> {
        let own = self.own()?;
        let entry = self.alias(address).await?;
        let is_account = self.account_row(address).await?.is_some();
        let (domain, local) = key(address);
        let pool = own.pool().await?;
        sql::retry(|| async {
            let mut tx = pool.begin().await?;
            tx.execute(text::REMOVE_ALIAS, args![domain, local]).await?;
            tx.execute(text::UNRETIRE, args![domain, local]).await?;
            if !is_account {
                tx.execute(text::RETIRE, args![domain, local]).await?;
            }
            tx.commit().await
        })
        .await?;
        Ok(entry)
    }

    /// Removes one target of an alias.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::UnknownAlias`], [`DirectoryError::UnknownTarget`].
    pub async fn remove_target(&self, address: &Address, target: &Address) -> Result<(), DirectoryError> {
        let own = self.own()?;
        let unknown = || DirectoryError::UnknownTarget { address: address.clone(), target: target.clone() };
        let entry = self.alias(address).await?;
        let stored = entry.targets.iter().find(|known| known.address == *target).ok_or_else(unknown)?;
        if entry.targets.len() == 1 {
            return self.remove_alias(address).await.map(drop);
        }
        let (domain, local) = key(address);
        let pool = own.pool().await?;
        let stored = stored.address.to_string();
        let row: &[Arg<'_>] = args![domain, local, &stored];
        sql::retry(|| pool.execute(text::REMOVE_TARGET, row)).await?;
        Ok(())
    }

    async fn switch_alias(&self, own: &Own, address: &Address, active: i64) -> Result<AliasEntry, DirectoryError> {
        self.alias(address).await?;
        let (domain, local) = key(address);
        let pool = own.pool().await?;
        let row: &[Arg<'_>] = args![active, domain, local];
        sql::retry(|| pool.execute(text::SWITCH_ALIAS, row)).await?;
        self.alias(address).await
    }

    async fn write_targets(
        &self,
        own: &Own,
        address: &Address,
        targets: &[Address],
        existing: Existing,
    ) -> Result<(), DirectoryError> {
        let (domain, local) = key(address);
        let pool = own.pool().await?;
        let known: HashSet<Address> = match existing {
            Existing::Drop => HashSet::new(),
            Existing::Keep => match self.alias(address).await {
                Ok(entry) => entry.targets.into_iter().map(|target| target.address).collect(),
                Err(error) if error.is_missing() => HashSet::new(),
                Err(error) => return Err(error),
            },
        };
        if let Some(twice) = targets.iter().find(|target| known.contains(*target)) {
            return Err(DirectoryError::AliasAlreadyThere { address: address.clone(), target: twice.clone() });
        }
        let texts = each_once(targets);
        sql::retry(|| async {
            let mut tx = pool.begin().await?;
            if existing == Existing::Drop {
                tx.execute(text::REMOVE_ALIAS, args![domain, local]).await?;
            }
            for target in &texts {
                tx.execute(text::ADD_TARGET, args![local, domain, target]).await?;
            }
            tx.execute(text::UNRETIRE, args![domain, local]).await?;
            tx.commit().await
        })
        .await
        .map_err(|error| match error {
            SqlError::Reference(_) => DirectoryError::UnknownDomain(address.domain().clone()),
            other => other.into(),
        })
    }

    /// Each target is resolved as mail would be. A target that is the address
    /// itself is only good beside an account.
    async fn may_point_to(&self, address: &Address, targets: &[Address]) -> Result<(), DirectoryError> {
        let is_account = self.account_row(address).await?.is_some();
        for target in targets {
            let circle = || DirectoryError::AliasWouldLoop { address: address.clone(), target: target.clone() };
            if is_account && target == address {
                continue;
            }
            if target == address || self.leads_to(target, address).await? {
                return Err(circle());
            }
            if matches!(self.resolve_address(target).await?, Resolution::AliasLoop { .. }) {
                return Err(circle());
            }
        }
        Ok(())
    }

    /// Whether mail to `from` passes `to`: breadth first along the targets.
    async fn leads_to(&self, from: &Address, to: &Address) -> Result<bool, DirectoryError> {
        let mut seen = HashSet::from([from.clone()]);
        let mut waiting = vec![from.clone()];
        while let Some(address) = waiting.pop() {
            let targets = self.next_of(&address, to).await?;
            let Some(targets) = targets else { return Ok(true) };
            // Resolution refuses more than this many as well.
            if seen.len() > 1000 {
                return Ok(true);
            }
            waiting.extend(targets.into_iter().filter(|target| seen.insert(target.clone())));
        }
        Ok(false)
    }

    /// The targets of an address; `None` where one of them is `to`.
    async fn next_of(&self, address: &Address, to: &Address) -> Result<Option<Vec<Address>>, DirectoryError> {
        if address == to {
            return Ok(None);
        }
        match self.find(address).await? {
            crate::find::Found::Here { targets, .. } if targets.contains(to) => Ok(None),
            crate::find::Found::Here { targets, .. } => Ok(Some(targets)),
            _ => Ok(Some(Vec::new())),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Existing {
    Keep,
    Drop,
}

/// The texts to store. Equal addresses are stored once.
fn each_once(targets: &[Address]) -> Vec<String> {
    let mut seen = HashSet::new();
    targets.iter().filter(|target| seen.insert(*target)).map(Address::to_string).collect()
}
