//! What the directory knows, as types: accounts, domains, aliases, and what an
//! address resolves to.

use std::fmt;

use mail::{Address, Domain};

/// The key of an account: the id that the database gave its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountKey(i64);

impl AccountKey {
    /// From the number in the database.
    #[must_use]
    pub fn new(id: i64) -> Self {
        Self(id)
    }

    /// The number in the database.
    #[must_use]
    pub fn as_i64(self) -> i64 {
        self.0
    }
}

impl fmt::Display for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Somebody with a mailbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The key of the row.
    pub key: AccountKey,
    /// The address, in normal form.
    pub address: Address,
    /// What the person is called; may be empty.
    pub name: String,
    /// The most bytes of mail; `None`: no limit.
    pub quota: Option<u64>,
    /// Whether the account takes mail and logs in.
    pub active: bool,
    /// Whether a password is set.
    pub has_password: bool,
    /// BCP 47 tag; empty: the site's.
    pub language: String,
    /// Name in the time zone database; empty: the site's.
    pub time_zone: String,
    /// When the row was made: RFC 3339, UTC; empty where another program's
    /// tables do not say it.
    pub created: String,
}

impl Account {
    /// Who this is for those who keep something of his: the key with the time
    /// at which the row was made. The key alone would not do: a database that
    /// is restored from yesterday gives the ids of today's accounts away again.
    #[must_use]
    pub fn identity(&self) -> String {
        // Where nothing says when the row was made, the address must be the
        // same for it to be the same account: an id may be given away again.
        let made = if self.created.is_empty() { &self.address.normal() } else { &self.created };
        identity(self.key, made)
    }
}

/// The one form of [`Account::identity`].
pub(crate) fn identity(key: AccountKey, created: &str) -> String {
    format!("{key}@{created}")
}

/// A domain whose mail is taken here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainEntry {
    /// The domain.
    pub name: Domain,
    /// Whether it takes mail and its accounts log in.
    pub active: bool,
    /// Another domain whose addresses are valid here too.
    pub alias_of: Option<Domain>,
    /// Who gets mail for addresses that are not there.
    pub catch_all: Option<Address>,
    /// Who gets mail for postmaster and abuse where they have no row.
    pub postmaster: Option<Address>,
    /// For people.
    pub comment: String,
    /// When the row was made: RFC 3339, UTC.
    pub created: String,
    /// How many accounts are in it.
    pub accounts: u64,
    /// How many alias addresses are in it.
    pub aliases: u64,
}

/// An address that stands for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasEntry {
    /// The address.
    pub address: Address,
    /// Its targets, in the order in which they were added.
    pub targets: Vec<AliasTarget>,
}

/// One target of an alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasTarget {
    /// Where the mail goes.
    pub address: Address,
    /// Whether it goes there at present.
    pub active: bool,
    /// Whether the target's domain is none of ours.
    pub outside: bool,
}

/// What an address is, as far as the directory knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// These get it; at least one of the two lists is not empty.
    Deliver {
        /// Accounts here, each once, all active.
        accounts: Vec<Account>,
        /// Addresses elsewhere, each once.
        outside: Vec<Address>,
        /// What stood behind the separator of a subaddress (RFC 5233), as it
        /// was written: text from outside.
        detail: Option<String>,
    },
    /// postmaster or abuse (RFC 5321 §4.5.1, RFC 2142) of a domain that names
    /// nobody for it, or `<Postmaster>` without a domain: it is taken
    /// nevertheless and goes to the domain's (the site's) own account.
    Postmaster {
        /// The hosted domain; `None` for the site.
        domain: Option<Domain>,
    },
    /// The domain is ours; the address is not there.
    NoSuchUser,
    /// The account or alias is there and switched off.
    InactiveAccount,
    /// The domain is there and switched off.
    InactiveDomain,
    /// The domain is none of ours.
    ForeignDomain,
    /// Aliases (or alias domains) run in a circle, more than 16 deep or to
    /// more than 1000 targets. An error of the configuration, not of the
    /// sender: it is told to try again later.
    AliasLoop {
        /// Where it was noticed.
        address: Address,
    },
}
