//! The pool that hashes: so many at a time, so many in the queue, and never on
//! an asynchronous worker. Those who guess from a thousand places fill their
//! own queue and not that of the people who come from where they came before.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Whose work it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Of somebody who was not seen there before.
    Strangers,
    /// Of an account that has logged in from that network, or is logged in.
    Known,
}

/// Bounds how many hashes run and how many wait.
#[derive(Debug)]
pub(crate) struct Pool {
    strangers: Queue,
    /// One more at a time, for those who find the others taken.
    known: Queue,
}

#[derive(Debug)]
struct Queue {
    running: Arc<Semaphore>,
    /// Those who wait.
    inside: Arc<AtomicUsize>,
    most: usize,
}

/// The queue is full, or a worker broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy;

impl Pool {
    pub(crate) fn new(at_a_time: usize, waiting: usize) -> Self {
        Self { strangers: Queue::new(at_a_time.max(1), waiting), known: Queue::new(1, waiting) }
    }

    /// Runs `work` on a thread where it may block.
    pub(crate) async fn run<T, F>(&self, lane: Lane, work: F) -> Result<T, Busy>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let permit = match (lane, Arc::clone(&self.strangers.running).try_acquire_owned()) {
            (_, Ok(permit)) => permit,
            (Lane::Strangers, Err(_)) => self.strangers.wait().await?,
            (Lane::Known, Err(_)) => self.known.wait().await?,
        };
        // Whoever hangs up meanwhile does not make room for the next: the work
        // goes on.
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(permit);
            done
        });
        done.await.map_err(|_| Busy)
    }
}

impl Queue {
    fn new(at_a_time: usize, waiting: usize) -> Self {
        Self { running: Arc::new(Semaphore::new(at_a_time)), inside: Arc::default(), most: waiting }
    }

    async fn wait(&self) -> Result<OwnedSemaphorePermit, Busy> {
        let _place = Place::take(&self.inside, self.most).ok_or(Busy)?;
        Arc::clone(&self.running).acquire_owned().await.map_err(|_| Busy)
    }
}

/// A place in the queue, given back when it is dropped.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(inside: &Arc<AtomicUsize>, most: usize) -> Option<Self> {
        let place = Self(Arc::clone(inside));
        (inside.fetch_add(1, Ordering::Relaxed) < most).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};
    use tokio::task::JoinHandle;

    /// A pool of one thread whose only place to wait is taken.
    async fn full() -> (Arc<Pool>, Sender<()>, [JoinHandle<Result<bool, Busy>>; 2]) {
        let pool = Arc::new(Pool::new(1, 1));
        let (go, wait) = channel::<()>();
        let (first, second) = (Arc::clone(&pool), Arc::clone(&pool));
        let running = tokio::spawn(async move { first.run(Lane::Strangers, move || wait.recv().is_ok()).await });
        while pool.strangers.running.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        let waiting = tokio::spawn(async move { second.run(Lane::Strangers, || true).await });
        while pool.strangers.inside.load(Ordering::Relaxed) < 1 {
            tokio::task::yield_now().await;
        }
        (pool, go, [running, waiting])
    }

    #[tokio::test]
    async fn the_queue_ends() {
        let (pool, go, [running, waiting]) = full().await;
        assert_eq!(pool.run(Lane::Strangers, || true).await, Err(Busy));
        go.send(()).unwrap();
        assert_eq!((running.await.unwrap(), waiting.await.unwrap()), (Ok(true), Ok(true)));
        assert_eq!(pool.run(Lane::Strangers, || true).await, Ok(true));
    }

    #[tokio::test]
    async fn who_is_known_does_not_wait_behind_strangers() {
        let (pool, go, [running, waiting]) = full().await;
        assert_eq!(pool.run(Lane::Known, || true).await, Ok(true));
        go.send(()).unwrap();
        assert_eq!((running.await.unwrap(), waiting.await.unwrap()), (Ok(true), Ok(true)));
    }

    #[tokio::test]
    async fn who_hangs_up_makes_no_room() {
        let (pool, go, [running, waiting]) = full().await;
        running.abort();
        assert!(running.await.is_err());
        assert_eq!(pool.strangers.running.available_permits(), 0, "it runs still");
        assert_eq!(pool.run(Lane::Strangers, || true).await, Err(Busy));
        go.send(()).unwrap();
        assert_eq!(waiting.await.unwrap(), Ok(true));
    }
}
