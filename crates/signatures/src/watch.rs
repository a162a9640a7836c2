//! The loop over the ticks: look, decide, load, and say what came of it.

use std::future::Future;
use std::io;
use std::time::Instant;

use avscan_client::{Fingerprint, Hello, ReloadError, Scanner};

use crate::watcher::{Step, Watcher};

/// When to look: every few seconds.
pub trait Ticker {
    /// Waits for the next tick and returns its time, or `None` when it is over.
    fn tick(&mut self) -> impl Future<Output = Option<Instant>> + Send;
}

/// A folder of signatures that can be looked at and loaded.
pub trait Sets {
    /// What the folder looks like.
    fn fingerprint(&self) -> impl Future<Output = io::Result<Fingerprint>> + Send;
    /// Whether the folder could not be loaded while an earlier set is in use.
    fn is_refused(&self) -> bool;
    /// Loads it; the old set stays in use if that fails.
    fn reload(&self) -> impl Future<Output = Result<Hello, ReloadError>> + Send;
}

impl Sets for Scanner {
    fn fingerprint(&self) -> impl Future<Output = io::Result<Fingerprint>> + Send {
        Self::fingerprint(self)
    }

    fn is_refused(&self) -> bool {
        self.status().refused.is_some()
    }

    fn reload(&self) -> impl Future<Output = Result<Hello, ReloadError>> + Send {
        Self::reload(self)
    }
}

/// Watches the folder until the ticker ends or the scanner stops. To be started
/// together with the scanner: what is there at the beginning is taken for what
/// the scanner loads.
pub async fn watch(sets: &impl Sets, ticker: &mut impl Ticker) {
    let mut watcher: Option<Watcher> = None;
    let mut readable = true;
    while let Some(now) = ticker.tick().await {
        let folder = match sets.fingerprint().await {
            Ok(folder) => folder,
            Err(error) => {
                if readable {
                    tracing::error!(%error, "the signature folder cannot be read");
                }
                readable = false;
                continue;
            }
        };
        readable = true;
        let Some(watcher) = &mut watcher else {
            watcher = Some(Watcher::new(folder));
            continue;
        };
        if sets.is_refused() {
            watcher.began_refused(now);
        }
        match watcher.tick(folder, now) {
            Step::Wait => continue,
            Step::Load(files) => tracing::info!(?files, "the signature set has changed and is tried"),
            Step::Retry => tracing::info!("the signature set that was refused is tried again"),
        }
        match sets.reload().await {
            Ok(hello) => {
                watcher.loaded();
                tracing::info!(signatures = hello.signatures, load_ms = hello.load_ms, "the signature set is in use");
            }
            Err(ReloadError::Refused(reason)) => {
                let pause = watcher.refused(now);
                tracing::error!(reason, again_in = ?pause, "the signature set is refused; the old one stays in use");
            }
            // Somebody else loads it right now: the next tick sees whether it
            // was this set.
            Err(ReloadError::UnderWay) => {}
            Err(ReloadError::Stopped) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Duration;

    use avscan_client::Confinement;

    use super::*;

    /// The shell gives the watch a task of its own.
    const _: fn(&Scanner, &mut Seconds) = |scanner, ticker| {
        fn movable(_: impl Send) {}
        movable(watch(scanner, ticker));
    };

    /// A folder that has, at each look, the next of these sizes (0: unreadable).
    struct Played {
        sizes: Mutex<Vec<u64>>,
        last: Mutex<u64>,
        loads: Mutex<Vec<u64>>,
        began_refused: bool,
        answer: fn(u64) -> Result<(), ReloadError>,
    }

    impl Sets for Played {
        async fn fingerprint(&self) -> io::Result<Fingerprint> {
            let size = self.sizes.lock().unwrap().remove(0);
            *self.last.lock().unwrap() = size;
            if size == 0 { Err(io::ErrorKind::NotFound.into()) } else { Ok(Fingerprint::made_up([("a", size)])) }
        }

        fn is_refused(&self) -> bool {
            self.began_refused && self.loads.lock().unwrap().is_empty()
        }

        async fn reload(&self) -> Result<Hello, ReloadError> {
            let size = *self.last.lock().unwrap();
            self.loads.lock().unwrap().push(size);
            (self.answer)(size).map(|()| Hello {
                signatures: 1,
                engine: "played".into(),
                database_version: 0,
                database_time: 0,
                newest_file: 0,
                load_ms: 1,
                confinement: Confinement::Full,
            })
        }
    }

    /// Ticks once a second, as often as the folder has sizes.
    struct Seconds(Instant, usize);

    impl Ticker for Seconds {
        async fn tick(&mut self) -> Option<Instant> {
            self.0 += Duration::from_secs(1);
            self.1 = self.1.checked_sub(1)?;
            Some(self.0)
        }
    }

    fn check(sizes: &[u64], answer: fn(u64) -> Result<(), ReloadError>, loads: &[u64]) {
        play(sizes, answer, false, loads);
    }

    fn play(sizes: &[u64], answer: fn(u64) -> Result<(), ReloadError>, began_refused: bool, loads: &[u64]) {
        let (sizes_left, last) = (Mutex::new(sizes.to_vec()), Mutex::new(0));
        let played = Played { sizes: sizes_left, last, loads: Mutex::new(Vec::new()), began_refused, answer };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(watch(&played, &mut Seconds(Instant::now(), sizes.len())));
        assert_eq!(*played.loads.lock().unwrap(), loads, "{sizes:?}");
    }

    #[test]
    fn changes_are_loaded_once() {
        let fine = |_| Ok(());
        check(&[1, 1, 1, 1, 1], fine, &[]);
        check(&[1, 2, 2, 2, 2, 2, 2], fine, &[2]);
        check(&[1, 2, 3, 3, 3, 3, 4, 4, 4], fine, &[3, 4]);
    }

    #[test]
    fn a_folder_that_is_away_for_a_while_is_no_change() {
        check(&[0, 0, 1, 0, 1, 0, 2, 2, 0, 2], |_| Ok(()), &[2]);
    }

    #[test]
    fn a_broken_set_is_left_alone_until_it_changes() {
        let refuse_2 = |size| if size == 2 { Err(ReloadError::Refused("bad".into())) } else { Ok(()) };
        check(&[1, 2, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3], refuse_2, &[2, 3]);
        let mut long = vec![1];
        long.extend([2; 40]);
        check(&long, refuse_2, &[2, 2]);
    }

    #[test]
    fn a_set_that_was_broken_at_the_start_is_tried_again() {
        play(&[1; 40], |_| Ok(()), true, &[1]);
        play(&[1, 1, 2, 2, 2, 2, 2], |_| Ok(()), true, &[2]);
    }

    #[test]
    fn it_ends_with_the_scanner_and_waits_for_other_reloads() {
        check(&[1, 2, 2, 2, 2, 2], |_| Err(ReloadError::Stopped), &[2]);
        check(&[1, 2, 2, 2, 2, 2], |_| Err(ReloadError::UnderWay), &[2, 2, 2]);
    }
}
