//! What goes on beside the connections: debts of the store, the memory of
//! domains, the signature folder, figures.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use avscan_client::Scanner;
use login::Service;
use metrics::gauge;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use super::accept::Doors;
use super::logbook::Which;
use super::open::Parts;
use super::reload::Reloadable;
use super::{certificates, figures, watching};
use crate::metrics as names;

/// The tasks beside the connections.
pub struct Housekeeping(Vec<JoinHandle<()>>);

/// How often the store pays its debts.
const TICK: Duration = Duration::from_secs(1);
/// How often the active domains are noted.
const DOMAINS: Duration = Duration::from_secs(60);
/// How often figures that nobody counts are read.
const FIGURES: Duration = Duration::from_secs(10);

/// How often last logins are written.
const LOGINS: Duration = Duration::from_secs(60);
/// How often old ones are forgotten.
const OLD_LOGINS: Duration = Duration::from_secs(86_400);

/// How long a task that an error of our own has ended stays away.
const PAUSE: Duration = Duration::from_secs(10);

/// How long a stop waits for what is under way.
const PATIENCE: Duration = Duration::from_secs(10);

/// Starts them; they end when the server stops.
pub fn start(parts: &Parts, reloadable: &Reloadable, doors: &Doors, stopping: watch::Receiver<bool>) -> Housekeeping {
    let mut tasks = vec![
        every(TICK, stopping.clone(), parts.clone(), |parts| async move { parts.store.tick().await }),
        every(DOMAINS, stopping.clone(), parts.clone(), |parts| async move { note_domains(&parts).await }),
        every(FIGURES, stopping.clone(), doors.clone(), |doors| async move { show_logins(&doors) }),
        every(LOGINS, stopping.clone(), parts.clone(), |parts| async move { write_logins(&parts, Which::Due).await }),
        every(OLD_LOGINS, stopping.clone(), parts.clone(), |parts| async move { forget_logins(&parts).await }),
    ];
    let (store, until) = (parts.store.clone(), stopping.clone());
    tasks.push(lasting(PAUSE, stopping.clone(), move || watching::tend(store.clone(), until.clone())));
    if let Some(tls) = reloadable.tls() {
        tasks.push(every(certificates::LOOK, stopping.clone(), Arc::clone(tls), certificates::look));
    }
    tasks.extend(reloadable.orders().map(|orders| orders.keep(stopping.clone())));
    if let Some(scanner) = reloadable.scanner() {
        let (watched, until) = (scanner.clone(), stopping.clone());
        tasks.push(lasting(PAUSE, stopping.clone(), move || watch_signatures(watched.clone(), until.clone())));
        tasks.push(every(FIGURES, stopping, scanner.clone(), |scanner| async move { show(&scanner) }));
    }
    Housekeeping(tasks)
}

impl Housekeeping {
    /// Waits until all have ended; not for long, since a database that is
    /// silent would keep the server from stopping.
    pub async fn finish(self) {
        let all = async {
            for task in self.0 {
                if task.await.is_err() {
                    tracing::error!("a task beside the connections has failed");
                }
            }
        };
        if timeout(PATIENCE, all).await.is_err() {
            tracing::warn!("tasks beside the connections are cut off");
        }
    }
}

fn every<T, F, W>(period: Duration, mut stopping: watch::Receiver<bool>, with: T, work: W) -> JoinHandle<()>
where
    T: Clone + Send + Sync + 'static,
    F: Future<Output = ()> + Send + 'static,
    W: Fn(T) -> F + Send + Sync + 'static,
{
    tokio::spawn(async move {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => {
                    guarded(work(with.clone())).await;
                }
                _ = stopping.changed() => return,
            }
        }
    })
}

/// Rounds of work that takes long: one that is under way is left when the
/// server stops.
pub(super) fn rounds<F, W>(period: Duration, mut stopping: watch::Receiver<bool>, work: W) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
    W: Fn() -> F + Send + Sync + 'static,
{
    tokio::spawn(async move {
        let mut ticks = interval(period);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let going = async {
            loop {
                ticks.tick().await;
                guarded(work()).await;
            }
        };
        tokio::select! {
            () = going => {}
            _ = stopping.changed() => {}
        }
    })
}

/// One piece of work that ends when the server stops, or gives up by itself.
/// After an error of our own it begins anew.
fn lasting<F, W>(pause: Duration, mut stopping: watch::Receiver<bool>, work: W) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
    W: Fn() -> F + Send + Sync + 'static,
{
    tokio::spawn(async move {
        while guarded(work()).await == Ended::ByAnError {
            tokio::select! {
                () = sleep(pause) => {}
                _ = stopping.changed() => return,
            }
        }
    })
}

/// How work came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    ByItself,
    ByAnError,
}

/// An error of our own ends this round, not all that come after it.
async fn guarded(work: impl Future<Output = ()> + Send + 'static) -> Ended {
    let mut task = Left(tokio::spawn(work));
    match (&mut task.0).await {
        Ok(()) => Ended::ByItself,
        Err(error) => {
            tracing::error!(%error, "an error of our own ended a task beside the connections");
            figures::incident();
            Ended::ByAnError
        }
    }
}

/// Work that is given up when nobody waits for it any more.
struct Left(JoinHandle<()>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A domain that was seen here and is gone tomorrow without having been removed
/// by command is not refused.
async fn note_domains(parts: &Parts) {
    let domains = match Arc::clone(&parts.directory).active_domains().await {
        Ok(domains) => domains,
        Err(error) => return tracing::warn!(%error, "the domains cannot be read"),
    };
    if domains.is_empty() {
        tracing::error!("the directory has no active domain: all mail is deferred");
    } else if let Err(error) = parts.store.remember_domains(&domains).await {
        tracing::warn!(%error, "the domains cannot be remembered");
    }
}

/// How often the signature folder is looked at: a set that is being written is
/// loaded when it has been still for two looks.
const SIGNATURES: Duration = Duration::from_secs(1);

async fn watch_signatures(scanner: Scanner, stopping: watch::Receiver<bool>) {
    let mut ticker = Ticks { interval: interval(SIGNATURES), stopping };
    signatures::watch(&scanner, &mut ticker).await;
}

struct Ticks {
    interval: tokio::time::Interval,
    stopping: watch::Receiver<bool>,
}

impl signatures::Ticker for Ticks {
    async fn tick(&mut self) -> Option<Instant> {
        tokio::select! {
            now = self.interval.tick() => Some(now.into_std()),
            _ = self.stopping.changed() => None,
        }
    }
}

fn show_logins(doors: &Doors) {
    for (service, result, count) in doors.logins().counts() {
        metrics::counter!(names::LOGINS, "protocol" => service.as_str(), "result" => result).absolute(count);
    }
    for service in [Service::Imap, Service::Pop3] {
        figures::sessions(service.as_str(), doors.gate().open_sessions(service));
    }
}

/// Writes down who logged in. An index that is away only delays that.
pub async fn write_logins(parts: &Parts, which: Which) {
    let now = (Instant::now(), SystemTime::now());
    match timeout(PATIENCE, parts.logbook.write(&parts.index, which, now)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "last logins cannot be written"),
        Err(_) => tracing::warn!("last logins cannot be written in time"),
    }
}

async fn forget_logins(parts: &Parts) {
    if let Err(error) = parts.logbook.forget_old(&parts.index, SystemTime::now()).await {
        tracing::debug!(%error, "old logins cannot be forgotten");
    }
}

fn show(scanner: &Scanner) {
    let status = scanner.status();
    gauge!(names::SCANNER_READY).set(if scanner.is_ready() { 1.0 } else { 0.0 });
    gauge!(names::SIGNATURES_REFUSED).set(if status.refused.is_some() { 1.0 } else { 0.0 });
    metrics::counter!(names::SCANNER_CRASHES).absolute(status.crashes);
    if let Some(loaded) = status.loaded {
        gauge!(names::SIGNATURES).set(f64::from(loaded.signatures));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_round_that_fails_is_not_the_last() {
        let rounds = Arc::new(AtomicUsize::new(0));
        let (stop, stopping) = watch::channel(false);
        let task = every(Duration::from_millis(1), stopping, Arc::clone(&rounds), |rounds| async move {
            assert!(rounds.fetch_add(1, Ordering::Relaxed) != 1, "the second round fails");
        });
        let later = async {
            while rounds.load(Ordering::Relaxed) < 4 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), later).await.unwrap();
        stop.send(true).unwrap();
        task.await.unwrap();
    }

    /// Says when it is dropped.
    struct Held(Arc<AtomicUsize>);

    impl Drop for Held {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn until(count: &AtomicUsize, expected: usize) {
        let counted = async {
            while count.load(Ordering::Relaxed) < expected {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(30), counted).await.unwrap();
    }

    #[tokio::test]
    async fn a_long_round_may_fail_and_is_left_at_the_end() {
        let (begun, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (stop, stopping) = watch::channel(false);
        let (count, ends) = (Arc::clone(&begun), Arc::clone(&dropped));
        let task = rounds(Duration::from_millis(1), stopping, move || {
            let (count, held) = (Arc::clone(&count), Held(Arc::clone(&ends)));
            async move {
                let _held = held;
                assert!(count.fetch_add(1, Ordering::Relaxed) != 0, "the first round fails");
                std::future::pending::<()>().await;
            }
        });
        until(&begun, 2).await;
        stop.send(true).unwrap();
        task.await.unwrap();
        until(&dropped, 2).await;
    }

    #[tokio::test]
    async fn what_lasts_begins_anew_after_an_error_and_not_when_it_gave_up() {
        let begun = Arc::new(AtomicUsize::new(0));
        let (_stop, stopping) = watch::channel(false);
        let count = Arc::clone(&begun);
        let task = lasting(Duration::from_millis(1), stopping, move || {
            let count = Arc::clone(&count);
            async move { assert!(count.fetch_add(1, Ordering::Relaxed) >= 2, "it fails twice") }
        });
        tokio::time::timeout(Duration::from_secs(30), task).await.unwrap().unwrap();
        assert_eq!(begun.load(Ordering::Relaxed), 3);
        // A stop ends the pause.
        let (stop, stopping) = watch::channel(false);
        let task = lasting(Duration::from_secs(86_400), stopping, || async { panic!("it fails") });
        stop.send(true).unwrap();
        tokio::time::timeout(Duration::from_secs(30), task).await.unwrap().unwrap();
    }
}
