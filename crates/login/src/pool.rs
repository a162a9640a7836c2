//! The pool that hashes: so many at a time, so many in the queue, and never on
//! an asynchronous worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

/// Bounds how many hashes run and how many wait.
#[derive(Debug)]
pub(crate) struct Pool {
    running: Semaphore,
    inside: Arc<AtomicUsize>,
    most: usize,
}

/// The queue is full, or a worker broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Busy;

impl Pool {
    pub(crate) fn new(at_a_time: usize, waiting: usize) -> Self {
        let at_a_time = at_a_time.max(1);
        Self { running: Semaphore::new(at_a_time), inside: Arc::default(), most: at_a_time + waiting }
    }

    /// Runs `work` on a thread where it may block.
    pub(crate) async fn run<T, F>(&self, work: F) -> Result<T, Busy>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let place = Place::take(&self.inside, self.most).ok_or(Busy)?;
        let permit = self.running.acquire().await.map_err(|_| Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let done = work();
            drop(place);
            done
        })
        .await;
        drop(permit);
        done.map_err(|_| Busy)
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
    use std::sync::mpsc;

    #[tokio::test]
    async fn the_queue_ends() {
        let pool = Arc::new(Pool::new(1, 1));
        let (go, wait) = mpsc::channel::<()>();
        let (first, second) = (Arc::clone(&pool), Arc::clone(&pool));
        let running = tokio::spawn(async move { first.run(move || wait.recv().is_ok()).await });
        let waiting = tokio::spawn(async move { second.run(|| true).await });
        while pool.inside.load(Ordering::Relaxed) < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.run(|| true).await, Err(Busy));
        go.send(()).unwrap();
        assert_eq!((running.await.unwrap(), waiting.await.unwrap()), (Ok(true), Ok(true)));
        assert_eq!(pool.run(|| true).await, Ok(true));
    }
}
