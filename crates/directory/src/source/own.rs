//! Our own tables, made and brought up to date by us; people write into them
//! with any tool.

use std::collections::HashSet;

use mail::{Address, Domain, LocalPart};
use sql::{Arg, Pool, Row, Schema, args};
use tokio::sync::OnceCell;
use tracing::warn;

use super::{Seen, Source, WithHash};
use crate::explain::Question;
use crate::rows::{self, Checked, Hosted, Target, bad, domain_at, domain_entry, usable};
use crate::types::identity;
use crate::{
    AccountKey, AliasEntry, AliasTarget, Credentials, DirectoryError, DomainEntry, StoredHash, statements as text,
};

/// The tables of a database that is ours.
#[derive(Debug)]
pub(crate) struct Own {
    pool: Pool,
    /// Set when the schema was seen to be there. A database that is away at
    /// the start is brought up to date when it answers for the first time.
    migrated: OnceCell<()>,
}

/// The migrations of the directory.
pub(crate) fn schema() -> Schema {
    Schema::new(
        "_gatepost_directory_migrations",
        sqlx::migrate!("../../schema/directory/mysql"),
        sqlx::migrate!("../../schema/directory/sqlite"),
    )
}

impl Own {
    pub(crate) fn new(pool: Pool) -> Self {
        Self { pool, migrated: OnceCell::new() }
    }

    /// The pool, with the schema known to be there.
    pub(crate) async fn pool(&self) -> Result<&Pool, DirectoryError> {
        // In a box: it is done once, and each question would carry it.
        self.migrated.get_or_try_init(|| Box::pin(async { self.pool.migrate(&schema()).await })).await?;
        Ok(&self.pool)
    }

    /// Rows, each checked by itself.
    pub(crate) async fn rows<T: Send + Unpin>(
        &self,
        statement: &'static str,
        args: &[Arg<'_>],
        read: impl Fn(&Row) -> Checked<T> + Send + Sync,
    ) -> Result<Vec<Checked<T>>, DirectoryError> {
        Ok(self.pool().await?.fetch_all(statement, args, |row| Ok(read(row))).await?)
    }

    /// One row by a key; a row that cannot be used is an error, since taking
    /// it for missing would bounce mail.
    pub(crate) async fn row<T: Send + Unpin>(
        &self,
        statement: &'static str,
        args: &[Arg<'_>],
        read: impl Fn(&Row) -> Checked<T> + Send + Sync,
    ) -> Result<Option<T>, DirectoryError> {
        self.rows(statement, args, read).await?.into_iter().next().transpose()
    }

    /// How many, by a statement that counts.
    pub(crate) async fn count(&self, statement: &'static str, domain: &Domain) -> Result<u64, DirectoryError> {
        let read = |row: &Row| Ok(rows::count(row, 0)?);
        Ok(self.row(statement, args![domain.as_str()], read).await?.unwrap_or(0))
    }

    /// Rows in order, put together by address.
    async fn grouped(&self, rows: Vec<TargetRow>) -> Result<Vec<AliasEntry>, DirectoryError> {
        let ours: HashSet<Domain> =
            usable(self.rows(text::DOMAINS, &[], |row| domain_at(row, 0)).await?).into_iter().collect();
        let mut entries: Vec<AliasEntry> = Vec::new();
        for (address, target, active) in rows {
            let target = AliasTarget { outside: !ours.contains(target.domain()), address: target, active };
            match entries.last_mut() {
                Some(last) if last.address == address => last.targets.push(target),
                _ => entries.push(AliasEntry { address, targets: vec![target] }),
            }
        }
        Ok(entries)
    }
}

impl Source for Own {
    async fn ping(&self) -> Result<(), DirectoryError> {
        Ok(self.pool().await?.ping().await?)
    }

    async fn close(&self) {
        self.pool.close().await;
    }

    async fn place(&self, question: Question) -> String {
        format!("the table {}", question.as_str())
    }

    async fn look_up(&self, address: &Address) -> Result<Option<Seen>, DirectoryError> {
        let (local, domain) = (address.local(), address.domain());
        let key = args![local.as_str(), local.as_str(), domain.as_str()];
        let row = self.row(text::LOOK_UP, key, rows::looked_up).await?;
        let Some((hosted, account, count)) = row.filter(|(hosted, ..)| hosted.name == *domain) else { return Ok(None) };
        // MySQL takes 'alice ' for equal to 'alice'; we do not.
        let account = account.filter(|account| account.address.local() == local);
        // One that is switched off gets nothing, whatever its alias says.
        let is_off = account.as_ref().is_some_and(|account| !account.active);
        let targets = if count > 0 && !is_off { self.targets(address).await? } else { Vec::new() };
        Ok(Some(Seen { hosted, account, targets }))
    }

    async fn hosted(&self, domain: &Domain) -> Result<Option<Hosted>, DirectoryError> {
        let hosted = self.row(text::HOSTED, args![domain.as_str()], rows::hosted).await?;
        Ok(hosted.filter(|hosted| hosted.name == *domain))
    }

    async fn account(&self, address: &Address) -> Result<Option<WithHash>, DirectoryError> {
        let args = args![address.domain().as_str(), address.local().as_str()];
        let found = self.row(text::ACCOUNT, args, with_hash).await?;
        // MySQL takes 'alice ' for equal to 'alice'; we do not.
        Ok(found.filter(|(account, _)| account.address == *address))
    }

    async fn targets(&self, address: &Address) -> Result<Vec<Target>, DirectoryError> {
        let (local, domain) = (address.local(), address.domain());
        let read = |row: &Row| {
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

    async fn credentials(&self, address: &Address) -> Result<Option<Credentials>, DirectoryError> {
        let read = |row: &Row| {
            let stored =
                rows::address(row.text(4)?, row.text(5)?).map_err(|error| bad("account", error.to_string()))?;
            Ok(Credentials {
                key: AccountKey::new(row.int(0)?),
                address: stored,
                hash: stored_hash(row, 1)?,
                active: row.int(2)? != 0 && row.int(3)? != 0,
            })
        };
        let args = args![address.domain().as_str(), address.local().as_str()];
        let found = self.row(text::CREDENTIALS, args, read).await?;
        Ok(found.filter(|found| found.address == *address))
    }

    async fn replace_hash(&self, whose: &Credentials, new: &StoredHash) -> Result<bool, DirectoryError> {
        let Some(old) = &whose.hash else { return Ok(false) };
        let args = args![new.expose(), whose.key.as_i64(), old.expose()];
        Ok(self.pool().await?.execute(text::REHASH, args).await?.rows > 0)
    }

    async fn domains(&self) -> Result<Vec<DomainEntry>, DirectoryError> {
        Ok(usable(self.rows(text::DOMAINS, &[], domain_entry).await?))
    }

    async fn domain(&self, name: &Domain) -> Result<Option<DomainEntry>, DirectoryError> {
        let found = self.row(text::DOMAIN_ENTRY, args![name.as_str()], domain_entry).await?;
        Ok(found.filter(|found| found.name == *name))
    }

    async fn accounts(&self, of: Option<&Domain>) -> Result<Vec<Checked<WithHash>>, DirectoryError> {
        match of {
            None => self.rows(text::ACCOUNTS, &[], with_hash).await,
            Some(domain) => self.rows(text::ACCOUNTS_OF, args![domain.as_str()], with_hash).await,
        }
    }

    async fn aliases(&self) -> Result<Vec<AliasEntry>, DirectoryError> {
        let rows = usable(self.rows(text::ALIASES, &[], target_row).await?);
        self.grouped(rows).await
    }

    async fn alias(&self, address: &Address) -> Result<Option<AliasEntry>, DirectoryError> {
        let key = args![address.domain().as_str(), address.local().as_str()];
        let mut rows = usable(self.rows(text::ALIAS_ENTRY, key, target_row).await?);
        rows.retain(|row| row.0 == *address);
        Ok(self.grouped(rows).await?.pop())
    }

    async fn any_active(&self) -> Result<bool, DirectoryError> {
        Ok(self.row(text::ANY_ACTIVE, &[], |_| Ok(())).await?.is_some())
    }

    async fn active_domains(&self) -> Result<Vec<Domain>, DirectoryError> {
        Ok(usable(self.rows(text::ACTIVE_DOMAINS, &[], |row| domain_at(row, 0)).await?))
    }

    async fn removed_domains(&self) -> Result<Vec<Domain>, DirectoryError> {
        Ok(usable(self.rows(text::REMOVED_DOMAINS, &[], |row| domain_at(row, 0)).await?))
    }

    async fn is_retired(&self, local: &LocalPart, base: &LocalPart, domain: &Domain) -> Result<bool, DirectoryError> {
        let key = args![domain.as_str(), local.as_str(), base.as_str()];
        let rows = self.rows(text::RETIRED, key, |row| Ok(row.text(0)?.to_owned())).await?;
        let is_it = |retired: &String| retired == local.as_str() || retired == base.as_str();
        Ok(rows.iter().flatten().any(is_it))
    }

    async fn site_postmaster(&self) -> Result<Option<Address>, DirectoryError> {
        let read =
            |row: &Row| Address::parse(row.text(0)?).map_err(|error| bad("setting", format!("postmaster: {error}")));
        self.row(text::SITE_POSTMASTER, args![], read).await
    }

    /// Also of rows that cannot be used otherwise: whose mail it is does not
    /// depend on their other columns.
    async fn identities(&self) -> Result<HashSet<String>, DirectoryError> {
        let read = |row: &Row| Ok(identity(AccountKey::new(row.int(0)?), &rows::rfc3339(row.text(1)?)));
        self.rows(text::IDENTITIES, &[], read).await?.into_iter().collect()
    }

    async fn passwords(&self) -> Result<Vec<(Address, StoredHash)>, DirectoryError> {
        let read = |row: &Row| {
            let found = rows::address(row.text(0)?, row.text(1)?);
            let stored = StoredHash::new(row.text(2)?);
            found.map(|address| (address, stored)).map_err(|error| bad("account", error.to_string()))
        };
        Ok(usable(self.rows(text::PASSWORDS, &[], read).await?))
    }

    /// Columns that cannot be read, and users of domains that are not there.
    async fn slips(&self) -> Result<Vec<String>, DirectoryError> {
        let domains = self.rows(text::DOMAINS, &[], rows::hosted).await?;
        let accounts = self.rows(text::ACCOUNTS, &[], rows::account).await?;
        let aliases = self.rows(text::ALIASES, &[], target_row).await?;
        let mut found: Vec<String> = domains.iter().flatten().filter_map(|domain| domain.unusable.clone()).collect();
        let is_there = |name: &Domain| domains.iter().flatten().any(|domain| domain.name == *name);
        let lost = accounts.iter().flatten().filter(|account| !is_there(account.address.domain()));
        found.extend(lost.map(|account| format!("user {}: there is no such domain", account.address)));
        found.extend(wrong(&domains).chain(wrong(&accounts)).chain(wrong(&aliases)));
        Ok(found)
    }
}

/// The address, the target, whether it is active.
type TargetRow = (Address, Address, bool);

fn target_row(row: &Row) -> Checked<TargetRow> {
    let address = rows::address(row.text(0)?, row.text(1)?).map_err(|error| bad("alias", error.to_string()))?;
    let target = row.text(2)?;
    let target =
        Address::parse(target).map_err(|error| bad("alias", format!("{address}: target {target:?}: {error}")))?;
    Ok((address, target, row.int(3)? != 0))
}

/// The columns of an account, and its password behind them.
fn with_hash(row: &Row) -> Checked<WithHash> {
    Ok((rows::account(row)?, stored_hash(row, 10)?))
}

fn stored_hash(row: &Row, column: usize) -> Checked<Option<StoredHash>> {
    Ok(row.opt_text(column)?.filter(|hash| !hash.is_empty()).map(StoredHash::new))
}

fn wrong<T>(rows: &[Checked<T>]) -> impl Iterator<Item = String> {
    rows.iter().filter_map(|row| row.as_ref().err().map(ToString::to_string))
}
