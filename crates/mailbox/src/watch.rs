//! Waking sessions: whoever changes a folder in this process tells those who
//! look at it. A hint only; a lost one costs time and nothing else.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use event_listener::Event;
use index::MailboxId;

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
}

#[derive(Debug, Default)]
struct Signal {
    version: AtomicU64,
    event: Event,
}

impl Signal {
    fn ring(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
        self.event.notify(usize::MAX);
    }
}

/// All folders that somebody looks at.
#[derive(Debug, Default)]
pub(crate) struct Watches(Mutex<HashMap<MailboxId, Weak<Signal>>>);

/// How many folders are remembered before those that nobody looks at any more
/// are dropped.
const SWEEP_AT: usize = 1024;

impl Watches {
    pub(crate) fn watch(&self, id: MailboxId) -> Watch {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= SWEEP_AT {
            all.retain(|_, signal| signal.strong_count() > 0);
        }
        let signal = all.get(&id).and_then(Weak::upgrade).unwrap_or_default();
        all.insert(id, Arc::downgrade(&signal));
        let seen = signal.version.load(Ordering::Acquire);
        Watch { signal, seen }
    }

    pub(crate) fn wake(&self, id: MailboxId) {
        let signal = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&id).and_then(Weak::upgrade);
        if let Some(signal) = signal {
            signal.ring();
        }
    }

    pub(crate) fn wake_all(&self) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.values().filter_map(Weak::upgrade).for_each(|signal| signal.ring());
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
        assert!(watches.0.lock().unwrap().len() <= SWEEP_AT);
    }
}
