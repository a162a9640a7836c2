//! What opens besides the password, or together with it: app passwords, and
//! the code of two-step login. Asked for at every login, whether or not there
//! is such an account, so that the time says nothing.

use std::time::Duration;

use directory::{AppPassword, Credentials, StoredHash, TwoStep};
use mail::{Address, Secret};
use time::OffsetDateTime;
use tracing::warn;

use crate::app::{Letters, door};
use crate::pool::Lane;
use crate::totp::Totp;
use crate::verify::Reason;
use crate::{LoginError, Logins, Service};

/// The most codes that are looked at on one day without a right one. Whoever
/// tries them knows the password, so this locks nobody out by a stranger's
/// hand; and of a million codes three are right at a time.
const MOST_CODES: i64 = 10;
/// How long noting the day of a login may take until the login goes on.
const PATIENCE: Duration = Duration::from_secs(3);
const DAY: u64 = 24 * 60 * 60;

/// What is typed to get in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Given<'a> {
    pub(crate) password: &'a Secret,
    /// The code of two-step login, or a recovery code; empty where none is.
    pub(crate) code: &'a str,
    /// Where it waits for being looked at.
    pub(crate) lane: Lane,
    /// Its turn in what is remembered ([`crate::remember::Memory::begin`]).
    pub(crate) turn: u64,
}

impl<'a> Given<'a> {
    pub(crate) fn new(password: &'a Secret, code: &'a str) -> Self {
        Self { password, code, lane: Lane::Strangers, turn: 0 }
    }
}

/// What an account has besides its password.
#[derive(Debug, Default)]
pub(crate) struct Factors {
    /// The app password that was typed, whatever it opens.
    pub(crate) app: Option<(AppPassword, StoredHash)>,
    pub(crate) two_step: Option<TwoStep>,
}

impl Logins {
    /// Asks for both, whatever there is.
    pub(crate) async fn factors(
        &self,
        whose: &Address,
        password: &Secret,
        service: Service,
    ) -> Result<Factors, LoginError> {
        let two_step = self.directory().two_step(whose).await.map_err(LoginError::Away)?;
        // Whether it is asked depends on what was typed alone.
        let typed = door(service).and_then(|_| Letters::read_app_password(password.expose()));
        let app = match typed.map(|letters| letters.hash()) {
            Some(hash) => {
                let found = self.directory().app_password(whose, &hash).await.map_err(LoginError::Away)?;
                found.map(|found| (found, hash))
            }
            None => None,
        };
        Ok(Factors { app, two_step })
    }

    /// Whether the right password opens, with two-step login on; why not, if it
    /// does not.
    pub(crate) async fn second_step(
        &self,
        whose: &Credentials,
        two_step: &TwoStep,
        code: &str,
        service: Service,
    ) -> Result<Option<Reason>, LoginError> {
        if service != Service::Web {
            return Ok(Some(Reason::NeedsAppPassword));
        }
        if code.trim().is_empty() {
            return Ok(Some(Reason::CodeMissing));
        }
        let (directory, whose) = (self.directory(), &whose.address);
        // Of these there is nothing to guess.
        if let Some(recovery) = Letters::read_recovery_code(code.as_bytes()) {
            let used = directory.use_recovery_code(whose, &recovery.hash()).await.map_err(LoginError::Away)?;
            if used {
                warn!(address = %whose, "a recovery code was used");
            }
            return Ok((!used).then_some(Reason::WrongCode));
        }
        let now = self.clock().time_of_day();
        let day = i64::try_from(now.as_secs() / DAY).unwrap_or(i64::MAX);
        if !directory.count_code(whose, day, MOST_CODES).await.map_err(LoginError::Away)? {
            return Ok(Some(Reason::TooManyCodes));
        }
        let step = Totp::parse(&two_step.secret).and_then(|totp| totp.step_of(code, now));
        let Some(step) = step else { return Ok(Some(Reason::WrongCode)) };
        let used = directory.use_step(whose, &two_step.secret, step).await.map_err(LoginError::Away)?;
        Ok((!used).then_some(Reason::CodeUsedBefore))
    }

    /// Notes the day of a login with an app password, once on each. Whatever
    /// goes wrong is for the log.
    pub(crate) async fn note_use(&self, app: &AppPassword) {
        let today = day_of(self.clock().time_of_day());
        if app.used.as_deref() >= Some(today.as_str()) {
            return;
        }
        match tokio::time::timeout(PATIENCE, self.directory().app_password_used(app.key, &today)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(%error, "the use of an app password could not be noted"),
            Err(_) => warn!("the use of an app password could not be noted in time"),
        }
    }
}

/// `2026-01-31`.
fn day_of(since_1970: Duration) -> String {
    let date = (OffsetDateTime::UNIX_EPOCH + since_1970).date();
    format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days() {
        for (seconds, day) in [(0, "1970-01-01"), (DAY - 1, "1970-01-01"), (1_769_817_600, "2026-01-31")] {
            assert_eq!(day_of(Duration::from_secs(seconds)), day);
        }
    }
}
