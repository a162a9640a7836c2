//! Where the rows come from: our own tables, another program's, or something
//! else. All are asked the same questions, and what is done with the answers
//! does not depend on who gave them.

mod foreign;
mod ldap;
mod own;
mod shown;
mod users;

use std::collections::HashSet;

use mail::{Address, Domain, LocalPart, Secret};

use crate::explain::{Question, ShownRow};
use crate::rows::{Checked, Hosted, Target, usable};
use crate::{Account, AliasEntry, Credentials, DirectoryError, DomainEntry, Replaced, StoredHash};

pub(crate) use self::ldap::LdapSource;
pub(crate) use foreign::Foreign;
pub(crate) use own::Own;
#[cfg(test)]
pub(crate) use own::schema;
pub(crate) use users::UsersFile;
pub use users::UsersFileError;

/// What one look at an address shows, in a domain that is hosted.
pub(crate) struct Seen {
    pub(crate) hosted: Hosted,
    pub(crate) account: Option<Account>,
    pub(crate) targets: Vec<Target>,
}

/// An account with its password.
pub(crate) type WithHash = (Account, Option<StoredHash>);

/// The questions. Those with an answer here are answered so by sources that
/// know no better.
pub(crate) trait Source {
    /// Whether questions are answered at present.
    async fn ping(&self) -> Result<(), DirectoryError>;

    /// Lets go of what was opened.
    async fn close(&self);

    /// The domain of this name, active or not.
    async fn hosted(&self, domain: &Domain) -> Result<Option<Hosted>, DirectoryError>;

    /// The account of this address with its password, active or not.
    async fn account(&self, address: &Address) -> Result<Option<WithHash>, DirectoryError>;

    /// Where the alias of this address leads; nothing where there is none.
    async fn targets(&self, address: &Address) -> Result<Vec<Target>, DirectoryError>;

    /// All domains, sorted; what cannot be used is left out.
    async fn domains(&self) -> Result<Vec<DomainEntry>, DirectoryError>;

    /// One domain with what lists show of it.
    async fn domain(&self, name: &Domain) -> Result<Option<DomainEntry>, DirectoryError> {
        Ok(self.domains().await?.into_iter().find(|domain| domain.name == *name))
    }

    /// All accounts, or those of a domain that is hosted, each checked by
    /// itself.
    async fn accounts(&self, of: Option<&Domain>) -> Result<Vec<Checked<WithHash>>, DirectoryError>;

    /// All aliases.
    async fn aliases(&self) -> Result<Vec<AliasEntry>, DirectoryError>;

    /// One alias.
    async fn alias(&self, address: &Address) -> Result<Option<AliasEntry>, DirectoryError>;

    /// Puts a hash in the place of the one that was read; says whether it was
    /// still there.
    async fn replace_hash(&self, whose: &Credentials, new: &StoredHash) -> Result<bool, DirectoryError>;

    /// Who answers this question, in words that name the setting.
    async fn place(&self, question: Question) -> String;

    /// The rows that answer a question, as people see them.
    async fn shown(&self, question: Question, about: &Address) -> Result<Vec<ShownRow>, DirectoryError> {
        Ok(match question {
            Question::Domain => self.hosted(about.domain()).await?.iter().map(shown::domain).collect(),
            Question::Account => self.account(about).await?.iter().map(shown::account).collect(),
            Question::Alias => self.targets(about).await?.iter().map(shown::target).collect(),
        })
    }

    /// Whether this is the password of an account whose hash is not shown to
    /// us. Asked of sources that have such accounts.
    async fn verify(&self, _: &Credentials, _: &Secret) -> Result<bool, DirectoryError> {
        Ok(false)
    }

    /// Takes as long as [`Source::verify`] does about a wrong password, for an
    /// account that is not there.
    async fn verify_nobody(&self, _: &Secret) -> Result<(), DirectoryError> {
        Ok(())
    }

    /// Puts a new password in the place of the old one, where the source hashes
    /// it itself.
    async fn change_password(&self, _: &Credentials, _: &Secret, _: &Secret) -> Result<Replaced, DirectoryError> {
        Err(DirectoryError::ForeignTables)
    }

    /// The three questions of a recipient in one; `None` where the domain is
    /// none of ours.
    async fn look_up(&self, address: &Address) -> Result<Option<Seen>, DirectoryError> {
        let Some(hosted) = self.hosted(address.domain()).await? else { return Ok(None) };
        let account = self.account(address).await?.map(|(account, _)| account);
        Ok(Some(Seen { hosted, account, targets: self.targets(address).await? }))
    }

    /// What a login is checked against.
    async fn credentials(&self, address: &Address) -> Result<Option<Credentials>, DirectoryError> {
        let Some((account, hash)) = self.account(address).await? else { return Ok(None) };
        let Some(hosted) = self.hosted(address.domain()).await? else { return Ok(None) };
        let active = account.active && hosted.active;
        Ok(Some(Credentials { key: account.key, address: account.address, hash, active }))
    }

    /// Whether there is any active domain.
    async fn any_active(&self) -> Result<bool, DirectoryError> {
        Ok(self.domains().await?.iter().any(|domain| domain.active))
    }

    /// The names of the active domains, sorted.
    async fn active_domains(&self) -> Result<Vec<Domain>, DirectoryError> {
        let all = self.domains().await?.into_iter();
        Ok(all.filter(|domain| domain.active).map(|domain| domain.name).collect())
    }

    /// The domains that were removed on purpose. Where nobody notes it, each
    /// counts as an accident for a day.
    async fn removed_domains(&self) -> Result<Vec<Domain>, DirectoryError> {
        Ok(Vec::new())
    }

    /// Whether the catch-all leaves an address alone, by itself or by its base.
    async fn is_retired(&self, _: &LocalPart, _: &LocalPart, _: &Domain) -> Result<bool, DirectoryError> {
        Ok(false)
    }

    /// Who is `<Postmaster>`.
    async fn site_postmaster(&self) -> Result<Option<Address>, DirectoryError> {
        Ok(None)
    }

    /// [`Account::identity`] of every account.
    async fn identities(&self) -> Result<HashSet<String>, DirectoryError> {
        // One that were left out would make somebody's mail nobody's.
        self.accounts(None).await?.into_iter().map(|row| row.map(|(account, _)| account.identity())).collect()
    }

    /// The passwords of all accounts that have one.
    async fn passwords(&self) -> Result<Vec<(Address, StoredHash)>, DirectoryError> {
        let rows = usable(self.accounts(None).await?).into_iter();
        Ok(rows.filter_map(|(account, hash)| Some((account.address, hash?))).collect())
    }

    /// What is wrong with rows that people wrote, one sentence each.
    async fn slips(&self) -> Result<Vec<String>, DirectoryError> {
        Ok(Vec::new())
    }
}

/// The source that a directory has.
#[derive(Debug)]
pub(crate) enum Sources {
    Own(Own),
    Foreign(Box<Foreign>),
    Users(UsersFile),
    Ldap(Box<LdapSource>),
}

/// Asks whichever source it is.
macro_rules! ask {
    ($sources:expr, $question:ident($($argument:expr),*)) => {{
        use $crate::source::{Source as _, Sources};
        match &$sources {
            Sources::Own(source) => source.$question($($argument),*).await,
            Sources::Foreign(source) => source.$question($($argument),*).await,
            Sources::Users(source) => source.$question($($argument),*).await,
            Sources::Ldap(source) => source.$question($($argument),*).await,
        }
    }};
}
pub(crate) use ask;
