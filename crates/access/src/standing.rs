//! Whether the login of a session still holds: an account that is switched off,
//! removed, or has a new password ends its sessions, and an app password that is
//! revoked ends those that were opened with it, whichever tool changed the row.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use directory::{Directory, DirectoryError};
use login::{Ground, Login};

/// What was seen of the row is good for so long.
const FRESH: Duration = Duration::from_secs(5);
/// A directory that does not answer is left alone for so long: people go on
/// reading meanwhile, and must not wait for it at each command.
const AWAY: Duration = Duration::from_secs(60);
/// Or for so long, where it was not asked at the login either.
const UNASKED: Duration = Duration::from_secs(10);

/// The row that a session was opened by.
pub(crate) struct Standing {
    directory: Arc<Directory>,
    login: Login,
    /// When the row was seen, and how long that is good.
    seen: Option<(SystemTime, Duration)>,
}

impl Standing {
    /// As the row is now; it is looked at again with the first command.
    pub(crate) fn new(directory: Arc<Directory>, login: Login) -> Self {
        Self { directory, login, seen: None }
    }

    /// As it was remembered, by a directory that did not answer just now.
    pub(crate) fn unasked(directory: Arc<Directory>, login: Login, now: SystemTime) -> Self {
        Self { directory, login, seen: Some((now, UNASKED)) }
    }

    /// Whether the session may go on, asked by the clock: what was seen just
    /// now does not count, so that a change counts with the next look.
    pub(crate) async fn look(&mut self, now: SystemTime) -> bool {
        if self.seen.is_some_and(|(_, good)| good == FRESH) {
            self.seen = None;
        }
        self.holds(now).await
    }

    /// Whether the session may go on.
    pub(crate) async fn holds(&mut self, now: SystemTime) -> bool {
        if self.seen.is_some_and(|(at, good)| now.duration_since(at).is_ok_and(|age| age < good)) {
            return true;
        }
        let (ground, good) = match self.login.ground(&self.directory).await {
            Ok(ground) => (ground, FRESH),
            Err(error) if error.is_away() => {
                tracing::debug!(%error, "whether a login still holds cannot be asked");
                (Ground::Holds, if self.login.recalled().is_some() { UNASKED } else { AWAY })
            }
            // Somebody else was in the way: the next look tells.
            Err(DirectoryError::Sql(error)) if error.is_conflict() => (Ground::Holds, FRESH),
            Err(error) => {
                tracing::warn!(%error, address = %self.login.address(), "nobody can say whether a login still holds");
                return false;
            }
        };
        self.seen = Some((now, good));
        if ground != Ground::Holds {
            tracing::info!(address = %self.login.address(), ?ground, "a login does not hold any more");
        }
        ground == Ground::Holds
    }
}
