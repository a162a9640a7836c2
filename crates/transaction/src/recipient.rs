//! RCPT: is there such a mailbox here, and has it room?

use std::sync::Arc;
use std::time::Duration;

use directory::{Account, Directory, DirectoryError, Resolution};
use mail::{Address, Class, Classified, Domain, ForwardPath};
use mailbox::{AccountId, Store, StoreError};
use smtp::{Refusal, reply};
use thiserror::Error;

use crate::deliver::later;
use crate::home::{Home, HomeError};

/// A domain that was there so short a time ago did not vanish on purpose.
const REMEMBERED: Duration = Duration::from_secs(24 * 3600);

/// Octets that our own trace header adds to a message, about: who has no room
/// for them is full.
const TRACE: u64 = 512;
/// The most copies that one transaction makes, unless it has a single recipient:
/// each is a file with its descriptors, and all are written before the first is
/// seen.
const MAX_COPIES: usize = 1000;

/// Answers RCPT.
#[derive(Clone)]
pub struct Recipients {
    directory: Arc<Directory>,
    store: Store,
    home: Home,
}

/// Proof that there is at least one mailbox for what was given at RCPT; only
/// [`Recipients::resolve`] makes it.
#[derive(Debug, Clone)]
pub struct LocalRecipient {
    given: ForwardPath,
    domain: Option<Domain>,
    copies: Vec<Copy>,
}

/// One mailbox that gets a copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copy {
    /// The mailbox.
    pub account: AccountId,
    /// The account's address.
    pub address: Address,
}

impl LocalRecipient {
    /// What the peer gave.
    #[must_use]
    pub fn given(&self) -> &ForwardPath {
        &self.given
    }

    /// The recipient's domain; none for `<Postmaster>`.
    #[must_use]
    pub fn domain(&self) -> Option<&Domain> {
        self.domain.as_ref()
    }

    /// Who gets a copy; at least one.
    #[must_use]
    pub fn copies(&self) -> &[Copy] {
        &self.copies
    }

    /// Whether the copies for this one and for those before it are few enough
    /// for one transaction. The first always is.
    #[must_use]
    pub fn fits_beside(&self, others: &[Self]) -> bool {
        let copies: usize = others.iter().map(|other| other.copies.len()).sum();
        others.is_empty() || copies + self.copies.len() <= MAX_COPIES
    }

    /// Whether it is an address at which a human must be reachable
    /// (RFC 5321 §4.5.1, RFC 2142 §4).
    #[must_use]
    pub fn is_postmaster_or_abuse(&self) -> bool {
        match &self.given {
            ForwardPath::Postmaster => true,
            ForwardPath::Address(address) => matches!(address.local().as_str(), "postmaster" | "abuse"),
        }
    }
}

/// Why a recipient is not taken.
#[derive(Debug, Error)]
pub enum RecipientError {
    /// The domain is ours; there is no such address in it.
    #[error("no such recipient")]
    NoSuchRecipient,
    /// The account is switched off.
    #[error("the account is inactive")]
    InactiveAccount,
    /// The domain is switched off.
    #[error("the domain is inactive")]
    InactiveDomain,
    /// The domain is not ours, and nobody has logged in.
    #[error("the domain is not hosted here")]
    ForeignDomain,
    /// The domain was ours a short time ago and was not removed by command.
    #[error("the domain {0} was here and has vanished from the directory")]
    VanishedDomain(Domain),
    /// An alias with a target elsewhere.
    #[error("an outside target, and nothing can be sent")]
    OutsideTarget,
    /// Aliases run in a circle.
    #[error("aliases run in a circle at {0}")]
    AliasLoop(Address),
    /// The mailbox has no room for the size that was given.
    #[error("over quota")]
    OverQuota,
    /// The directory cannot be asked.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The index or the disk.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Classified for RecipientError {
    fn class(&self) -> Class {
        match self {
            Self::NoSuchRecipient | Self::InactiveAccount | Self::InactiveDomain | Self::ForeignDomain => {
                Class::Missing
            }
            Self::VanishedDomain(_) | Self::OutsideTarget | Self::AliasLoop(_) => Class::Directory,
            Self::OverQuota => Class::Quota,
            Self::Directory(error) => error.class(),
            Self::Store(error) => error.class(),
        }
    }
}

impl RecipientError {
    /// What the peer hears.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::NoSuchRecipient => reply::no_such_recipient(),
            Self::InactiveAccount => reply::inactive_account(),
            Self::InactiveDomain => reply::inactive_domain(),
            Self::ForeignDomain => reply::foreign_domain(),
            Self::OutsideTarget => reply::outside_target(),
            other => later(other.class()),
        }
    }
}

impl From<HomeError> for RecipientError {
    fn from(error: HomeError) -> Self {
        match error {
            HomeError::Directory(error) => Self::Directory(error),
            HomeError::Store(error) => Self::Store(error),
        }
    }
}

impl Recipients {
    /// Over this directory and store.
    #[must_use]
    pub fn new(directory: Arc<Directory>, store: Store, home: Home) -> Self {
        Self { directory, store, home }
    }

    /// Finds the mailboxes behind a recipient; `size` is what MAIL promised.
    ///
    /// # Errors
    ///
    /// [`RecipientError`]; whatever could not be asked is never "not there".
    pub async fn resolve(&self, to: &ForwardPath, size: Option<u64>) -> Result<LocalRecipient, RecipientError> {
        let domain = to.domain().cloned();
        let copies = match self.directory.resolve(to).await? {
            Resolution::Deliver { accounts, outside, .. } => self.copies(accounts, &outside).await?,
            Resolution::Postmaster { domain } => {
                let owner = self.home.of(domain.as_ref()).await?;
                vec![Copy { account: owner.account, address: owner.address }]
            }
            Resolution::NoSuchUser => return Err(RecipientError::NoSuchRecipient),
            Resolution::InactiveAccount => return Err(RecipientError::InactiveAccount),
            Resolution::InactiveDomain => return Err(RecipientError::InactiveDomain),
            Resolution::ForeignDomain => return Err(self.foreign(domain).await),
            Resolution::AliasLoop { address } => return Err(RecipientError::AliasLoop(address)),
        };
        self.has_room(&copies, size.unwrap_or_default()).await?;
        Ok(LocalRecipient { given: to.clone(), domain, copies })
    }

    async fn copies(&self, accounts: Vec<Account>, outside: &[Address]) -> Result<Vec<Copy>, RecipientError> {
        if !outside.is_empty() {
            return Err(RecipientError::OutsideTarget);
        }
        let mut copies = Vec::with_capacity(accounts.len());
        for account in accounts {
            copies.push(Copy { account: self.home.mailbox(&account).await?, address: account.address });
        }
        Ok(copies)
    }

    /// One full mailbox behind an alias defers the alias: its copy cannot be
    /// dropped, and a message is delivered to all or to nobody. Said here it
    /// keeps the message from nobody but the alias; said behind DATA it would
    /// keep it from all recipients of the transaction, each time.
    async fn has_room(&self, copies: &[Copy], size: u64) -> Result<(), RecipientError> {
        for copy in copies {
            match self.store.room_for(copy.account, size.saturating_add(TRACE)).await {
                Ok(()) => {}
                Err(StoreError::ExceedsQuota) => return Err(RecipientError::OverQuota),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// A domain that was active within a day and was not removed by command is
    /// not foreign: a restore or a wrong query must not bounce its mail.
    async fn foreign(&self, domain: Option<Domain>) -> RecipientError {
        let Some(domain) = domain else { return RecipientError::ForeignDomain };
        match self.store.domain_seen(&domain, REMEMBERED).await {
            Ok(false) => return RecipientError::ForeignDomain,
            Ok(true) => {}
            Err(error) => return error.into(),
        }
        match self.directory.removed_domains().await {
            Ok(removed) if removed.contains(&domain) => RecipientError::ForeignDomain,
            Ok(_) => RecipientError::VanishedDomain(domain),
            Err(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(copies: i64) -> Result<LocalRecipient, mail::AddressError> {
        let address = Address::parse("list@example.org")?;
        let copy = |n| Copy { account: AccountId::new(n), address: address.clone() };
        let copies = (0..copies).map(copy).collect();
        Ok(LocalRecipient { given: ForwardPath::Address(address.clone()), domain: None, copies })
    }

    #[test]
    fn a_transaction_makes_so_many_copies() {
        for (before, more, fits) in [
            (&[][..], 5000, true),
            (&[1], 999, true),
            (&[1], 1000, false),
            (&[5000], 1, false),
            (&[500, 499], 1, true),
            (&[500, 499], 2, false),
        ] {
            let others: Vec<_> = before.iter().map(|copies| list(*copies).unwrap()).collect();
            assert_eq!(list(more).unwrap().fits_beside(&others), fits, "{before:?} {more}");
        }
    }
}
