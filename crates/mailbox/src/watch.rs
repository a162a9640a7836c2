//! Waking sessions: whoever changes a folder in this process tells those who
//! look at it, and so does who hears of other programs. A hint only; a lost one
//! costs time and nothing else.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use event_listener::Event;
use index::MailboxId;
use maildir::{FolderWatch, MailRoot, Watcher};

/// Wakes whoever waits for news of one folder.
#[derive(Debug)]
pub struct Watch {
    signal: Arc<Signal>,
    seen: u64,
}

impl Watch {
    /// Returns when something happened since the last call, or since the
    /// watch was made. May return once too often.
    pub async fn changed(&mut self) {
        loop {
            // The listener is made first: what happens between the look and
            // the wait wakes it.
            let listener = self.signal.event.listen();
            let now = self.signal.version.load(Ordering::Acquire);
            if now != self.seen {
                self.seen = now;
                return;
            }
            listener.await;
        }
    }

    /// Whether the kernel tells of other programs in the folder; where it does
    /// not, it is to be looked at by the clock.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.signal.is_told()
    }

    /// The folder's directories are watched for as long as somebody looks.
    pub(crate) fn keep(&self, watched: FolderWatch<MailboxId>) {
        *self.signal.outside.lock().unwrap_or_else(PoisonError::into_inner) = Some(watched);
    }
}

#[derive(Debug, Default)]
struct Signal {
    version: AtomicU64,
    event: Event,
    outside: Mutex<Option<FolderWatch<MailboxId>>>,
}

/// What is asked of whoever tends the watches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked {
    /// What the last look has cost.
    pub(crate) cost: Duration,
    /// Whether there is to be another one.
    pub(crate) again: bool,
}

impl Signal {
    fn ring(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
        self.event.notify(usize::MAX);
    }

    fn is_told(&self) -> bool {
        self.outside.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    fn lose(&self) {
        let lost = self.outside.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(lost);
        self.ring();
    }
}

/// All folders that somebody looks at.
#[derive(Debug, Default)]
pub(crate) struct Watches {
    signals: Mutex<HashMap<MailboxId, Weak<Signal>>>,
    /// What tells of other programs; nothing where the kernel gives none. Made
    /// when the first folder is watched, since a user may have few of them, and
    /// commands need none.
    watcher: OnceLock<Option<Watcher<MailboxId>>>,
    /// Rung when there is something asked.
    pub(crate) asked: Event,
    questions: Mutex<HashMap<MailboxId, Asked>>,
    said: AtomicBool,
    /// What told does so no more; nobody is to wait for it.
    gave_up: AtomicBool,
}

/// How many folders are remembered before those that nobody looks at any more
/// are dropped.
const SWEEP_AT: usize = 1024;

impl Watches {
    pub(crate) fn watch(&self, id: MailboxId) -> Watch {
        let mut all = self.signals();
        if all.len() >= SWEEP_AT {
            all.retain(|_, signal| signal.strong_count() > 0);
        }
        let signal = all.get(&id).and_then(Weak::upgrade).unwrap_or_default();
        all.insert(id, Arc::downgrade(&signal));
        let seen = signal.version.load(Ordering::Acquire);
        Watch { signal, seen }
    }

    pub(crate) fn wake(&self, id: MailboxId) {
        if let Some(signal) = self.signal(id) {
            signal.ring();
        }
    }

    pub(crate) fn wake_all(&self) {
        let all: Vec<Arc<Signal>> = self.signals().values().filter_map(Weak::upgrade).collect();
        all.into_iter().for_each(|signal| signal.ring());
    }

    /// All folders of which the kernel tells.
    pub(crate) fn ids(&self) -> Vec<MailboxId> {
        let all: Vec<_> = self.signals().iter().filter_map(|(id, signal)| Some((*id, signal.upgrade()?))).collect();
        all.into_iter().filter(|(_, signal)| signal.is_told()).map(|(id, _)| id).collect()
    }

    pub(crate) fn is_told(&self, id: MailboxId) -> bool {
        self.signal(id).is_some_and(|signal| signal.is_told())
    }

    /// What tells of other programs, made if there was none yet.
    pub(crate) fn watcher(&self, root: &MailRoot) -> Option<Watcher<MailboxId>> {
        if self.gave_up.load(Ordering::Acquire) {
            return None;
        }
        let made = self.watcher.get_or_init(|| {
            let made = root.watcher().map_err(maildir::Error::io("asking the kernel to watch Maildirs"));
            made.inspect_err(|error| self.say_once(error)).ok()
        });
        self.asked.notify(usize::MAX);
        made.clone()
    }

    /// The same, where somebody made it.
    pub(crate) fn told_by_now(&self) -> Option<Watcher<MailboxId>> {
        self.watcher.get().cloned().flatten()
    }

    /// Nobody tells any more: sessions look by the clock.
    pub(crate) fn give_up(&self) {
        self.gave_up.store(true, Ordering::Release);
        let all: Vec<Arc<Signal>> = self.signals().values().filter_map(Weak::upgrade).collect();
        all.iter().for_each(|signal| signal.lose());
    }

    /// Nobody tells of this folder any more; the next one who idles there asks
    /// anew.
    pub(crate) fn lose(&self, id: MailboxId) {
        if let Some(signal) = self.signal(id) {
            signal.lose();
        }
    }

    pub(crate) fn ask(&self, id: MailboxId, asked: Asked) {
        self.questions.lock().unwrap_or_else(PoisonError::into_inner).insert(id, asked);
        self.asked.notify(usize::MAX);
    }

    pub(crate) fn take_asked(&self) -> HashMap<MailboxId, Asked> {
        std::mem::take(&mut *self.questions.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// In the log once: it concerns all folders, or would be said at each IDLE.
    pub(crate) fn say_once(&self, error: &impl std::fmt::Display) {
        if !self.said.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                %error,
                "the kernel does not tell of other programs in Maildirs: idle sessions look now and then"
            );
        }
    }

    /// Upgraded under the lock, dropped outside of it: the last one that goes
    /// ends a watch of the kernel's.
    fn signal(&self, id: MailboxId) -> Option<Arc<Signal>> {
        self.signals().get(&id).and_then(Weak::upgrade)
    }

    fn signals(&self) -> MutexGuard<'_, HashMap<MailboxId, Weak<Signal>>> {
        self.signals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    fn ready(watch: &mut Watch) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        pin!(watch.changed()).poll(&mut context) == Poll::Ready(())
    }

    #[test]
    fn news_of_the_own_folder_only() {
        let watches = Watches::default();
        let (one, two) = (MailboxId::new(1), MailboxId::new(2));
        let mut watch = watches.watch(one);
        assert!(!ready(&mut watch));
        watches.wake(two);
        assert!(!ready(&mut watch));
        watches.wake(one);
        watches.wake(one);
        assert!(ready(&mut watch) && !ready(&mut watch));
    }

    #[test]
    fn folders_that_nobody_looks_at_are_forgotten() {
        let watches = Watches::default();
        for id in 0..5000 {
            let _ = watches.watch(MailboxId::new(id));
        }
        assert!(watches.signals().len() <= SWEEP_AT);
    }
}
