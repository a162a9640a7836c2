//! The task by which idle sessions are woken for what other programs do in
//! Maildirs: it lends the store the machine's time.

use std::future::Future;
use std::time::Duration;

use mailbox::{Store, Timer};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// Runs until the server stops.
pub async fn tend(store: Store, mut stopping: watch::Receiver<bool>) {
    let timer = SinceStart(Instant::now());
    tokio::select! {
        () = store.tend_watches(&timer) => {}
        _ = stopping.changed() => {}
    }
}

struct SinceStart(Instant);

impl Timer for SinceStart {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send {
        sleep(time)
    }
}
