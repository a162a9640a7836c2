//! What the owner of an account does on the page, once signed in: app
//! passwords are made and taken back, two-step login is switched on and off.

use std::net::IpAddr;

use directory::{AccountKey, AppPassword, AppPasswordKey, DirectoryError, NewAppPassword, Scope, TwoStep};
use mail::{Address, Class, Classified, Secret};
use thiserror::Error;
use tracing::info;

use crate::app::Letters;
use crate::factor::Given;
use crate::totp::Totp;
use crate::{Ground, Login, LoginError, Logins, Service};

/// How many recovery codes there are.
const RECOVERY_CODES: usize = 10;

/// Why two-step login was not switched.
#[derive(Debug, Error)]
pub enum TwoStepError {
    /// The code is not the one that the app shows now.
    #[error("the code is wrong")]
    WrongCode,
    /// Password or code was not accepted, or could not be verified.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The directory refuses, or cannot be asked.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
}

impl Classified for TwoStepError {
    fn class(&self) -> Class {
        match self {
            Self::WrongCode => Class::Invalid,
            Self::Login(error) => error.class(),
            Self::Directory(error) => error.class(),
        }
    }
}

/// Errors are those of the directory's functions of the same name.
#[allow(clippy::missing_errors_doc, reason = "they stand at the functions of the directory")]
impl Logins {
    /// Lets somebody in to the page; `code` is empty where none was typed.
    ///
    /// # Errors
    ///
    /// As [`Self::verify`]; the answer does not say whether the password was
    /// right and the code was not.
    pub async fn sign_in(
        &self,
        who: &str,
        (password, code): (Secret, &str),
        from: IpAddr,
    ) -> Result<Login, LoginError> {
        self.enter(who, password, code, (from, Service::Web)).await
    }

    /// Whether a login still holds.
    pub async fn ground(&self, login: &Login) -> Result<Ground, DirectoryError> {
        login.ground(self.directory()).await
    }

    /// Whether accounts can have app passwords and two-step login here: they
    /// need tables of our own.
    #[must_use]
    pub fn has_factors(&self) -> bool {
        self.directory().has_own_tables()
    }

    /// The app passwords of the account.
    pub async fn app_passwords(&self, login: &Login) -> Result<Vec<AppPassword>, DirectoryError> {
        self.directory().app_passwords(login.address()).await
    }

    /// Makes one; what it is can be read here and never again.
    pub async fn make_app_password(
        &self,
        login: &Login,
        (name, scope): (&str, Scope),
        random: [u8; 16],
    ) -> Result<(AppPassword, Letters), DirectoryError> {
        let letters = Letters::app_password(random);
        let new = NewAppPassword { name: name.to_owned(), scope, hash: letters.hash() };
        let made = self.directory().add_app_password(login.address(), &new).await?;
        info!(address = %login.address(), id = made.key.as_i64(), scope = %made.scope, "app password made by its owner");
        Ok((made, letters))
    }

    /// Takes one back. Says whether there was such a one.
    pub async fn revoke_app_password(&self, login: &Login, which: AppPasswordKey) -> Result<bool, DirectoryError> {
        let revoked = self.directory().revoke_app_password(login.address(), which).await?;
        if revoked {
            self.memory().forget(login.account());
            info!(address = %login.address(), id = which.as_i64(), "app password revoked by its owner");
        }
        Ok(revoked)
    }

    /// Takes all back. Says which there were.
    pub async fn revoke_app_passwords(&self, login: &Login) -> Result<Vec<AppPasswordKey>, DirectoryError> {
        self.revoke_all(login.account(), login.address()).await
    }

    /// The two-step login of the account; `None` where it is off.
    pub async fn two_step(&self, login: &Login) -> Result<Option<TwoStep>, DirectoryError> {
        self.directory().two_step(login.address()).await
    }

    /// Switches two-step login on, if the code shows that the app knows the
    /// secret. What is returned are the recovery codes, which can be read here
    /// and never again.
    ///
    /// # Errors
    ///
    /// [`TwoStepError`]; it is off then, or on already.
    pub async fn switch_two_step_on(
        &self,
        login: &Login,
        (totp, code): (&Totp, &str),
        random: fn() -> [u8; 16],
    ) -> Result<Vec<Letters>, TwoStepError> {
        let step = totp.step_of(code, self.clock().time_of_day()).ok_or(TwoStepError::WrongCode)?;
        let codes: Vec<Letters> = (0..RECOVERY_CODES).map(|_| Letters::recovery_code(random())).collect();
        let hashes: Vec<_> = codes.iter().map(Letters::hash).collect();
        self.directory().switch_two_step_on(login.address(), (&totp.base32(), step), &hashes).await?;
        // What was let in before must not be let in while the directory is away.
        self.memory().forget(login.account());
        info!(address = %login.address(), "two-step login switched on by its owner");
        Ok(codes)
    }

    /// Switches two-step login off, with the password and a code; both are
    /// counted as at a login.
    ///
    /// # Errors
    ///
    /// [`TwoStepError`]; it is as it was then.
    pub async fn switch_two_step_off(
        &self,
        login: &Login,
        (password, code): (Secret, &str),
        from: IpAddr,
    ) -> Result<(), TwoStepError> {
        let given = Given::new(&password, code);
        let proven = self.prove(&login.address().to_string(), given, (from, Service::Web)).await;
        self.tally().count(Service::Web, &proven);
        let proven = proven?;
        self.directory().switch_two_step_off(&proven.credentials.address).await?;
        info!(address = %proven.credentials.address, %from, "two-step login switched off by its owner");
        Ok(())
    }
}

impl Logins {
    /// Takes all app passwords of an account back. Says which there were.
    pub(crate) async fn revoke_all(
        &self,
        account: AccountKey,
        whose: &Address,
    ) -> Result<Vec<AppPasswordKey>, DirectoryError> {
        let all = self.directory().app_passwords(whose).await?;
        if self.directory().revoke_app_passwords(whose).await? > 0 {
            self.memory().forget(account);
            info!(address = %whose, "all app passwords revoked by their owner");
        }
        Ok(all.into_iter().map(|app| app.key).collect())
    }
}
