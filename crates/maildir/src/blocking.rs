//! Where blocking disk work runs: off the async workers, a bounded number at a
//! time.

use std::future::pending;
use std::sync::Arc;

use tokio::sync::Semaphore;

/// Runs blocking work for async callers, who need not name a runtime. Cheap to
/// clone; clones share the bound. To be used within a tokio runtime.
#[derive(Debug, Clone)]
pub struct Blocking(Arc<Semaphore>);

impl Blocking {
    /// At most this many pieces of work run at once (at least one); the others
    /// wait their turn in order.
    #[must_use]
    pub fn new(at_once: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_once.clamp(1, Semaphore::MAX_PERMITS))))
    }

    /// Runs the work on another thread and waits for its result.
    ///
    /// Work that has begun is finished even when the caller goes away; a panic
    /// in it goes on in the caller. While the runtime shuts down, work that has
    /// not begun never returns.
    pub async fn run<T, F>(&self, work: F) -> T
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        // The semaphore is never closed; without a permit we would only lose
        // the bound.
        let permit = Arc::clone(&self.0).acquire_owned().await.ok();
        let job = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permit);
            result
        });
        match job.await {
            Ok(result) => result,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_cancelled) => pending().await,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    /// Counts itself in and out, and remembers the most that ran at once.
    fn work(running: &AtomicUsize, most: &AtomicUsize) {
        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(5));
        running.fetch_sub(1, Ordering::SeqCst);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_more_than_the_bound_run_at_once() {
        let (blocking, running, most) =
            (Blocking::new(2), Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let mut tasks = Vec::new();
        for _ in 0..8 {
            let (blocking, running, most) = (blocking.clone(), Arc::clone(&running), Arc::clone(&most));
            tasks.push(tokio::spawn(async move { blocking.run(move || work(&running, &most)).await }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        assert!((1..=2).contains(&most.load(Ordering::SeqCst)));
    }

    #[tokio::test]
    async fn a_panic_reaches_the_caller_and_frees_its_place() {
        let blocking = Blocking::new(1);
        let clone = blocking.clone();
        let task = tokio::spawn(async move { clone.run(|| panic!("in the work")).await });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(blocking.run(|| 7).await, 7);
    }
}
