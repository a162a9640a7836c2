//! Tombstones of messages that went are kept as long as anybody may ask for
//! them, and then go in small pieces.

use std::sync::atomic::Ordering;

use crate::Store;

/// How long they are kept, in seconds: a client that was away for longer reads
/// the folder anew.
const KEPT_SECS: i64 = 90 * 86_400;
/// How often the old ones are looked for, in seconds.
const EVERY_SECS: i64 = 60;

impl Store {
    /// Removes some; the next tick goes on while there are more.
    pub(crate) async fn purge_tombstones(&self) {
        let now = self.now_secs();
        let since = now.saturating_sub(self.inner.purged_at.load(Ordering::Acquire));
        if (0..EVERY_SECS).contains(&since) {
            return;
        }
        match self.inner.index.purge_tombstones(now.saturating_sub(KEPT_SECS)).await {
            Ok(count) if count >= index::MAX_ROWS => return,
            Ok(_) => {}
            Err(error) => tracing::debug!(%error, "old tombstones stay for now"),
        }
        self.inner.purged_at.store(now, Ordering::Release);
    }
}
