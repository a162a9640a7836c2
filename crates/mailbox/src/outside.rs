//! Other programs in folders that sessions look at: the kernel tells of them,
//! and the sessions are woken to look.
//!
//! The look itself is the sessions' own ([`Store::changes`]): one of them does
//! it, whoever comes at the same time waits for that one. Here is only decided
//! when. See docs/decisions/0012.

use std::future::{Future, pending, poll_fn};
use std::io;
use std::pin::pin;
use std::sync::PoisonError;
use std::task::Poll;
use std::time::Duration;

use index::MailboxId;
use maildir::{Touched, Watcher};

use crate::agenda::Agenda;
use crate::watch::Asked;
use crate::{Mailbox, Store, StoreError, Watch};

/// Time that only goes on, and waiting: the shell's, or a test's.
pub trait Timer: Send + Sync {
    /// How much time has passed since some moment.
    fn now(&self) -> Duration;
    /// Returns when so much more has passed.
    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send;
}

/// What the loop waits for.
enum Woken {
    Disk(io::Result<Touched<MailboxId>>),
    Asked,
    Time,
}

impl Store {
    /// Wakes when something happens to the folder: in this process, and, where
    /// the kernel tells of it and somebody runs [`Store::tend_watches`], by
    /// other programs.
    pub async fn watch(&self, mailbox: &Mailbox) -> Watch {
        let watch = self.inner.watches.watch(mailbox.id);
        if !watch.is_told()
            && let Err(error) = Box::pin(self.watch_disk(mailbox, &watch)).await
        {
            tracing::debug!(%error, "a folder could not be watched");
        }
        watch
    }

    async fn watch_disk(&self, mailbox: &Mailbox, watch: &Watch) -> Result<(), StoreError> {
        let Some(watcher) = self.inner.watches.watcher(&self.inner.root) else { return Ok(()) };
        let row = self.row(mailbox).await?;
        let (path, dir) = self.place_of(&row).await?;
        let id = mailbox.id;
        let watched = self
            .blocking(move |store| {
                let folder = store.open_folder(&path, &dir)?;
                Ok::<_, StoreError>(watcher.watch(&folder, id).map_err(maildir::Error::io("watching a folder")))
            })
            .await?;
        match watched {
            Ok(watched) => watch.keep(watched),
            Err(error) => self.inner.watches.say_once(&error),
        }
        // What happened until now was told to nobody.
        self.touch(id);
        Ok(())
    }

    /// Wakes the sessions that look at folders in which other programs are, for
    /// as long as it is polled: the shell gives it a task of its own.
    pub async fn tend_watches(&self, timer: &impl Timer) {
        let watches = &self.inner.watches;
        let mut agenda = Agenda::default();
        let mut told = watches.told_by_now();
        loop {
            let listener = watches.asked.listen();
            self.note_asked(&mut agenda, timer.now());
            told = told.or_else(|| watches.told_by_now());
            let wait = agenda.next().map(|due| due.saturating_sub(timer.now()));
            match self.woken(told.as_ref(), listener, timer, wait).await {
                Woken::Asked | Woken::Time => {}
                Woken::Disk(Ok(Touched::These { folders, lost })) => {
                    lost.into_iter().for_each(|id| watches.lose(id));
                    folders.into_iter().for_each(|id| agenda.touched(id, timer.now()));
                }
                Woken::Disk(Ok(Touched::All)) => {
                    tracing::debug!("more happened in Maildirs than the kernel could tell: all are looked at");
                    watches.ids().into_iter().for_each(|id| agenda.touched(id, timer.now()));
                }
                Woken::Disk(Err(error)) => {
                    tracing::error!(%error, "the kernel does not tell of Maildirs any more");
                    watches.give_up();
                    return;
                }
            }
            for id in agenda.take(timer.now()) {
                self.touch(id);
                watches.wake(id);
            }
        }
    }

    async fn woken(
        &self,
        told: Option<&Watcher<MailboxId>>,
        asked: event_listener::EventListener,
        timer: &impl Timer,
        wait: Option<Duration>,
    ) -> Woken {
        let mut disk = pin!(async {
            match told {
                Some(watcher) => watcher.next().await,
                None => pending().await,
            }
        });
        let mut time = pin!(async {
            match wait {
                Some(wait) => timer.sleep(wait).await,
                None => pending().await,
            }
        });
        let mut asked = pin!(asked);
        poll_fn(|context| {
            if let Poll::Ready(touched) = disk.as_mut().poll(context) {
                return Poll::Ready(Woken::Disk(touched));
            }
            if asked.as_mut().poll(context).is_ready() {
                return Poll::Ready(Woken::Asked);
            }
            time.as_mut().poll(context).map(|()| Woken::Time)
        })
        .await
    }

    fn note_asked(&self, agenda: &mut Agenda, now: Duration) {
        for (id, asked) in self.inner.watches.take_asked() {
            agenda.looked(id, asked.cost, now);
            if asked.again {
                agenda.again(id, now);
            }
        }
    }

    /// After a look that a session made: whether another is needed, and what it
    /// has cost.
    pub(crate) fn after_look(&self, id: MailboxId) {
        if !self.inner.watches.is_told(id) {
            return;
        }
        let state = self.folder_state(id);
        let looks = state.looks.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = Asked { cost: looks.cost(), again: looks.is_in_doubt() };
        drop(looks);
        self.inner.watches.ask(id, asked);
    }

    /// The next session that asks for news looks, however fresh the last look
    /// is.
    fn touch(&self, id: MailboxId) {
        self.folder_state(id).looks.lock().unwrap_or_else(PoisonError::into_inner).touch();
    }
}
