//! What a login rests on, and whether it is still there: a password that was
//! changed, an app password that was revoked, or an account that is switched
//! off ends what was opened with it, whichever tool changed the row.

use directory::{AppPasswordKey, Directory, DirectoryError, StoredHash};

use crate::app::door;
use crate::verify::Proof;
use crate::{Login, Service};

/// What was shown to get in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Opener {
    /// The password of the account.
    Password,
    /// One of its app passwords.
    App(AppPasswordKey),
}

/// Whether a login still holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// It does.
    Holds,
    /// The account is gone, or the row of its address is another one.
    Replaced,
    /// The account or its domain was switched off.
    SwitchedOff,
    /// The password was changed.
    NewPassword,
    /// The app password was revoked, or does not open this any more.
    Revoked,
    /// Two-step login was switched on: the password opens the page alone.
    TwoStep,
}

impl Login {
    /// Asks the directory whether this login still holds. What does not is not
    /// remembered any more either.
    ///
    /// # Errors
    ///
    /// [`DirectoryError`] where the directory cannot be asked.
    pub async fn ground(&self, directory: &Directory) -> Result<Ground, DirectoryError> {
        let ground = self.look(directory).await?;
        if ground != Ground::Holds {
            self.memory().forget(self.account());
        }
        Ok(ground)
    }

    async fn look(&self, directory: &Directory) -> Result<Ground, DirectoryError> {
        let Some(row) = directory.credentials(self.address()).await? else { return Ok(Ground::Replaced) };
        if row.key != self.account() {
            return Ok(Ground::Replaced);
        }
        if !row.active {
            return Ok(Ground::SwitchedOff);
        }
        match self.opener() {
            Opener::Password if !self.rests_on(row.hash.as_ref()) => Ok(Ground::NewPassword),
            Opener::Password if self.service() == Service::Web => Ok(Ground::Holds),
            Opener::Password => {
                let two_step = directory.two_step(self.address()).await?;
                Ok(if two_step.is_some() { Ground::TwoStep } else { Ground::Holds })
            }
            Opener::App(key) => {
                let Some(hash) = self.app_hash() else { return Ok(Ground::Revoked) };
                let found = directory.app_password(self.address(), hash).await?.filter(|app| app.key == key);
                let opens = |scope: directory::Scope| door(self.service()).is_some_and(|door| scope.opens(door));
                // An account without a password is one that nobody logs in to.
                let holds = row.hash.is_some() && found.is_some_and(|app| opens(app.scope));
                Ok(if holds { Ground::Holds } else { Ground::Revoked })
            }
        }
    }

    fn rests_on(&self, stored: Option<&StoredHash>) -> bool {
        match self.proof() {
            Proof::Hash(hash) => stored == Some(hash),
            Proof::Recalled(recalled) => stored.is_some_and(|stored| recalled.rests_on(stored)),
        }
    }

    fn app_hash(&self) -> Option<&StoredHash> {
        match self.proof() {
            Proof::Hash(hash) => Some(hash),
            Proof::Recalled(recalled) => recalled.app.as_ref(),
        }
    }
}
