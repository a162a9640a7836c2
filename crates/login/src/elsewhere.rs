//! Passwords whose hash is kept by somebody who does not show it, such as an
//! LDAP server: it is asked whether one is right, within the same throttle and
//! the same floor, and hashes a new one itself.

use directory::{Credentials, DirectoryError, StoredHash};
use mail::Secret;
use tracing::info;

use crate::factor::Given;
use crate::{ChangeError, LoginError, Logins, Match, Weakness};

impl Logins {
    /// Whether this is the password, by whoever can say it. A "no" from
    /// elsewhere costs a hash here too, as that about an account that is not
    /// there.
    pub(crate) async fn matches(
        &self,
        given: Given<'_>,
        whose: &Credentials,
        hash: &StoredHash,
    ) -> Result<Match, LoginError> {
        if !hash.is_elsewhere() {
            return self.check(given, Some(hash.clone())).await;
        }
        if self.directory().verify(whose, given.password).await.map_err(LoginError::Away)? {
            return Ok(Match::Yes);
        }
        self.check(given, None).await
    }

    /// Hands the new password over with the old one.
    pub(crate) async fn change_elsewhere(
        &self,
        proven: &Credentials,
        (old, new): (&Secret, &Secret),
    ) -> Result<(), ChangeError> {
        match self.directory().change_password(proven, old, new).await {
            Ok(directory::Replaced::Yes) => {
                self.memory().forget(&proven.address);
                Ok(())
            }
            Ok(directory::Replaced::ChangedMeanwhile) => Err(ChangeError::ChangedMeanwhile),
            // It has rules of its own, of which the page knows nothing.
            Err(error @ DirectoryError::NewPasswordRefused(_)) => {
                info!(address = %proven.address, %error, "a new password was refused");
                Err(ChangeError::Weak(Weakness::Common))
            }
            Err(error) => Err(ChangeError::NotStored(error)),
        }
    }
}
