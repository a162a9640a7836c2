//! Trying a whole transaction again when somebody else was in the way.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tracing::debug;

use crate::SqlError;

/// How often a transaction is tried in all.
const ATTEMPTS: u32 = 8;
/// The first pause; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(4);

/// An error that knows whether the whole transaction should be tried again.
pub trait Conflict: std::fmt::Display {
    /// Whether somebody else was in the way, so that the same may work now.
    fn is_conflict(&self) -> bool;
}

impl Conflict for SqlError {
    fn is_conflict(&self) -> bool {
        Self::is_conflict(self)
    }
}

/// Runs `work`, from begin to commit, until it ends with something else than a
/// conflict, at most eight times with growing pauses (about a second in all).
/// Nothing that `work` does outside its transaction may depend on the attempt.
///
/// # Errors
///
/// The last error of `work`.
pub async fn retry<T, E, F, W>(mut work: W) -> Result<T, E>
where
    E: Conflict,
    F: Future<Output = Result<T, E>>,
    W: FnMut() -> F,
{
    let mut attempt = 1;
    loop {
        match work().await {
            Err(error) if error.is_conflict() && attempt < ATTEMPTS => {
                debug!(attempt, %error, "transaction is tried again");
                tokio::time::sleep(pause(attempt)).await;
                attempt += 1;
            }
            done => return done,
        }
    }
}

/// Doubled each time, with up to as much again at random, so that two that met
/// do not meet again.
fn pause(attempt: u32) -> Duration {
    let base = FIRST_PAUSE * 2_u32.pow(attempt - 1);
    let jitter = RandomState::new().hash_one(attempt) % 1000;
    base + base * u32::try_from(jitter).unwrap_or(0) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn conflict() -> SqlError {
        SqlError::Conflict(sqlx::Error::RowNotFound)
    }

    #[tokio::test]
    async fn conflicts_are_tried_again_and_nothing_else_is() {
        let calls = Cell::new(0);
        let done = retry(async || {
            calls.set(calls.get() + 1);
            if calls.get() < 3 { Err(conflict()) } else { Ok(calls.get()) }
        });
        assert_eq!(done.await.unwrap(), 3);

        calls.set(0);
        let refused: Result<(), _> = retry(async || {
            calls.set(calls.get() + 1);
            Err(SqlError::from(sqlx::Error::PoolTimedOut))
        })
        .await;
        assert!(refused.unwrap_err().is_away());
        assert_eq!(calls.get(), 1);
    }

    #[tokio::test]
    async fn it_ends() {
        let calls = Cell::new(0);
        let refused: Result<(), _> = retry(async || {
            calls.set(calls.get() + 1);
            Err(conflict())
        })
        .await;
        assert!(refused.unwrap_err().is_conflict());
        assert_eq!(calls.get(), ATTEMPTS);
    }
}
