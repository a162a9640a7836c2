//! The one gate: whoever wants to touch a mailbox shows a login here, and gets
//! a handle that reaches that login's account and no other.
//!
//! No command knows the number of an account. What one login can name, another
//! cannot, because every name is looked up within the account of the handle.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::SystemTime;

use directory::{Account, Directory, DirectoryError};
use login::{Ground, Login, Opener, Service};
use mail::{Address, Class, Classified};
use mailbox::{
    AccountId, AccountKey, Folder, FolderName, Mailbox, Mode, Quota, SpecialUse, Status, Store, StoreError, View,
};
use thiserror::Error;

use crate::seats::{Ending, Seat, Seats};
use crate::sessions::{Entry, Session};
use crate::standing::Standing;

/// Opens accounts for logins.
#[derive(Clone)]
pub struct Gate {
    store: Store,
    directory: Arc<Directory>,
    seats: Arc<Seats>,
}

/// Proof that a login opened its own account. Only [`Gate::open`] makes it.
/// It counts as a session of the account until it is dropped.
pub struct Opened {
    store: Store,
    account: AccountId,
    standing: Standing,
    seat: Seat,
}

/// Why the gate stays shut.
#[derive(Debug, Error)]
pub enum GateError {
    /// The directory cannot be asked, or does not know the account any more.
    #[error("the account cannot be looked up: {0}")]
    Directory(#[from] DirectoryError),
    /// The row of this address is another one than the login was made for.
    #[error("the account was replaced since the login")]
    Replaced,
    /// The account or its domain was switched off since the login.
    #[error("the account was switched off since the login")]
    SwitchedOff,
    /// The password was changed since the login.
    #[error("the password was changed since the login")]
    NewPassword,
    /// The app password was revoked since the login.
    #[error("the app password was revoked since the login")]
    Revoked,
    /// Two-step login was switched on since the login.
    #[error("two-step login was switched on since the login")]
    TwoStep,
    /// The account has as many sessions as it may have.
    #[error("the account has too many sessions")]
    TooManySessions,
    /// The store refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Classified for GateError {
    fn class(&self) -> Class {
        match self {
            Self::Directory(error) => error.class(),
            Self::Replaced | Self::SwitchedOff | Self::NewPassword | Self::Revoked | Self::TwoStep => Class::Missing,
            Self::TooManySessions => Class::Quota,
            Self::Store(error) => error.class(),
        }
    }
}

impl Gate {
    /// A gate to this store; the directory says what an account may keep. An
    /// account has at most so many sessions at a time. Make it once: its clones
    /// count together.
    #[must_use]
    pub fn new(store: Store, directory: Arc<Directory>, sessions_per_account: usize) -> Self {
        Self { store, directory, seats: Seats::new(sessions_per_account) }
    }

    /// Whether there is an account, active or not, with just this address.
    ///
    /// # Errors
    ///
    /// [`DirectoryError`] where the directory cannot be asked.
    pub async fn has_account(&self, address: &Address) -> Result<bool, DirectoryError> {
        Ok(self.directory.credentials(address).await?.is_some())
    }

    /// Opens the account of a login from this address, now. Its first login
    /// makes it.
    ///
    /// # Errors
    ///
    /// [`GateError`].
    pub async fn open(&self, login: &Login, peer: IpAddr, now: SystemTime) -> Result<Opened, GateError> {
        // Before the row is read: a change that comes after it ends this session.
        let seat = self.seats.take(login.account(), Entry::new(login, peer, now)).ok_or(GateError::TooManySessions)?;
        let (foreign_key, quota, standing) = match login.recalled() {
            // The directory was away just now: it is not waited for again.
            Some(known) => {
                let standing = Standing::unasked(Arc::clone(&self.directory), login.clone(), now);
                (known.identity.clone(), known.quota, standing)
            }
            None => {
                let row = self.holding(login).await?;
                (row.identity(), row.quota, Standing::new(Arc::clone(&self.directory), login.clone()))
            }
        };
        let key = AccountKey { source: "directory", foreign_key };
        let quota = quota.map_or(Quota::Unlimited, Quota::Bytes);
        let account = self.store.account(&key, login.address(), quota).await?;
        Ok(Opened { store: self.store.clone(), account, standing, seat })
    }

    /// The account's row, where the login still holds.
    async fn holding(&self, login: &Login) -> Result<Account, GateError> {
        let row = self.directory.account(login.address()).await?;
        if row.key != login.account() {
            return Err(GateError::Replaced);
        }
        match login.ground(&self.directory).await? {
            Ground::Holds => Ok(row),
            Ground::Replaced => Err(GateError::Replaced),
            Ground::SwitchedOff => Err(GateError::SwitchedOff),
            Ground::NewPassword => Err(GateError::NewPassword),
            Ground::Revoked => Err(GateError::Revoked),
            Ground::TwoStep => Err(GateError::TwoStep),
        }
    }

    /// Ends all sessions that were opened by this: the account has a new
    /// password, or the app password was revoked. Other sessions go on.
    pub fn end_sessions(&self, account: directory::AccountKey, opener: Opener) {
        self.seats.end(account, opener);
    }

    /// Ends all sessions of an address because the administrator wants it; says
    /// how many there were.
    pub fn end_sessions_of(&self, address: &Address) -> usize {
        self.seats.end_of(address)
    }

    /// Who is logged in now, or how one address is, sorted by address, door and
    /// time.
    #[must_use]
    pub fn sessions(&self, of: Option<&Address>) -> Vec<Session> {
        let mut sessions = self.seats.list(of);
        sessions.sort_by_cached_key(|session| (session.address.normal(), session.service.to_string(), session.since));
        sessions
    }

    /// How many are logged in through this door.
    #[must_use]
    pub fn open_sessions(&self, service: Service) -> usize {
        self.seats.count(service)
    }
}

/// Folders of the account. Errors are those of the [`Store`]'s function of the
/// same name.
#[allow(clippy::missing_errors_doc, reason = "they stand at the functions of the store")]
impl Opened {
    /// Whether the login still holds; asked before a command is obeyed. The
    /// directory is asked every five seconds at most, and what it said last
    /// counts while it is away.
    pub async fn still_holds(&mut self, now: SystemTime) -> bool {
        !self.seat.ending().has_come() && self.standing.holds(now).await
    }

    /// The same, asked by the clock between commands: the directory is asked
    /// each time, unless it was away just now.
    pub async fn look(&mut self, now: SystemTime) -> bool {
        !self.seat.ending().has_come() && self.standing.look(now).await
    }

    /// When the session has to end.
    #[must_use]
    pub fn ending(&self) -> Ending {
        self.seat.ending().clone()
    }

    /// Where the session says what it does.
    pub(crate) fn entry(&self) -> &Entry {
        self.seat.entry()
    }

    /// All folders, `INBOX` first.
    pub async fn folders(&self) -> Result<Vec<Folder>, StoreError> {
        self.store.folders(self.account).await
    }

    /// All names subscribed to.
    pub async fn subscriptions(&self) -> Result<Vec<FolderName>, StoreError> {
        self.store.subscriptions(self.account).await
    }

    /// Makes a folder.
    pub async fn create(&self, name: &FolderName, special_use: Option<SpecialUse>) -> Result<(), StoreError> {
        self.store.create_folder(self.account, name, special_use).await
    }

    /// Removes a folder.
    pub async fn delete(&self, name: &FolderName) -> Result<(), StoreError> {
        self.store.delete_folder(self.account, name).await
    }

    /// Renames a folder with its children.
    pub async fn rename(&self, from: &FolderName, to: &FolderName) -> Result<(), StoreError> {
        self.store.rename_folder(self.account, from, to).await
    }

    /// Subscribes to a name.
    pub async fn subscribe(&self, name: &FolderName) -> Result<(), StoreError> {
        self.store.subscribe(self.account, name).await
    }

    /// Ends a subscription.
    pub async fn unsubscribe(&self, name: &FolderName) -> Result<(), StoreError> {
        self.store.unsubscribe(self.account, name).await
    }

    /// The counts of a folder.
    pub async fn status(&self, name: &FolderName) -> Result<Status, StoreError> {
        self.store.status(self.account, name).await
    }

    /// The handle of a folder, for what is done to messages.
    pub async fn mailbox(&self, name: &FolderName) -> Result<Mailbox, StoreError> {
        self.store.mailbox(self.account, name).await
    }

    /// A folder with all its messages.
    pub async fn select(&self, name: &FolderName, mode: Mode) -> Result<View, StoreError> {
        self.store.select(self.account, name, mode).await
    }

    /// The store, for what is done to messages: it takes a [`Mailbox`], which
    /// comes from here.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }
}
