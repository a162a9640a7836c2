//! How many logins of one network are under way: whoever guesses passwords on
//! many connections at a time would else have many guesses in the time of one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::Clock;
use crate::throttle::Network;

/// How long a login waits for its turn.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many of one network wait, for each that is under way: an office whose
/// programs all come back after a restart.
const WAITING: usize = 25;

/// Who takes turns with each other: those of one network; and those of an
/// account from where it is known, so that no stranger stands in its way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Line {
    pub(crate) network: Network,
    pub(crate) known: Option<Box<str>>,
}

/// The logins under way.
#[derive(Debug)]
pub(crate) struct Turns {
    lines: Arc<Mutex<HashMap<Line, Queue>>>,
    at_a_time: usize,
    exempt: Vec<Network>,
}

#[derive(Debug)]
struct Queue {
    running: Arc<Semaphore>,
    inside: usize,
}

/// A login's turn; the next one's when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    _held: Option<(OwnedSemaphorePermit, Place)>,
}

/// Too many wait, or it took too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooMany;

impl Turns {
    /// So many at a time of each network but of the `exempt` ones, behind which
    /// are many people.
    pub(crate) fn new(at_a_time: usize, exempt: &[IpAddr]) -> Self {
        let exempt = exempt.iter().map(|address| Network::of(*address)).collect();
        Self { lines: Arc::default(), at_a_time: at_a_time.clamp(1, Semaphore::MAX_PERMITS), exempt }
    }

    /// Waits for a turn.
    pub(crate) async fn take(&self, line: Line, clock: &dyn Clock) -> Result<Turn, TooMany> {
        if self.exempt.contains(&line.network) {
            return Ok(Turn { _held: None });
        }
        let (place, running) = self.enter(line)?;
        if let Ok(permit) = Arc::clone(&running).try_acquire_owned() {
            return Ok(Turn { _held: Some((permit, place)) });
        }
        tokio::select! {
            biased;
            permit = running.acquire_owned() => Ok(Turn { _held: Some((permit.map_err(|_| TooMany)?, place)) }),
            () = clock.sleep(PATIENCE) => Err(TooMany),
        }
    }

    fn enter(&self, line: Line) -> Result<(Place, Arc<Semaphore>), TooMany> {
        let mut queues = lock(&self.lines);
        let queue = queues
            .entry(line.clone())
            .or_insert_with(|| Queue { running: Arc::new(Semaphore::new(self.at_a_time)), inside: 0 });
        if queue.inside >= self.at_a_time.saturating_mul(1 + WAITING) {
            return Err(TooMany);
        }
        queue.inside += 1;
        Ok((Place { lines: Arc::clone(&self.lines), line }, Arc::clone(&queue.running)))
    }
}

/// Among those that wait or are under way. No line is remembered when the last
/// of it is gone.
#[derive(Debug)]
struct Place {
    lines: Arc<Mutex<HashMap<Line, Queue>>>,
    line: Line,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queues = lock(&self.lines);
        let Some(queue) = queues.get_mut(&self.line) else { return };
        queue.inside = queue.inside.saturating_sub(1);
        if queue.inside == 0 {
            queues.remove(&self.line);
        }
    }
}

fn lock(queues: &Mutex<HashMap<Line, Queue>>) -> MutexGuard<'_, HashMap<Line, Queue>> {
    queues.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::{Future, pending, ready};
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    /// Time stands still, or runs out at once.
    #[derive(Debug)]
    enum Patience {
        Endless,
        None,
    }

    impl Clock for Patience {
        fn now(&self) -> Duration {
            Duration::ZERO
        }

        fn sleep(&self, _: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
            match self {
                Self::Endless => Box::pin(pending()),
                Self::None => Box::pin(ready(())),
            }
        }
    }

    fn line(text: &str) -> Line {
        Line { network: Network::of(text.parse().unwrap()), known: None }
    }

    fn poll<T>(future: &mut Pin<Box<impl Future<Output = T>>>) -> Option<T> {
        match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Some(done),
            Poll::Pending => None,
        }
    }

    #[tokio::test]
    async fn the_next_one_waits_for_its_turn() {
        let turns = Turns::new(2, &[]);
        let here = line("192.0.2.1");
        let first = turns.take(here.clone(), &Patience::Endless).await.unwrap();
        let _second = turns.take(here.clone(), &Patience::Endless).await.unwrap();
        let mut third = Box::pin(turns.take(here.clone(), &Patience::Endless));
        assert!(poll(&mut third).is_none());
        assert!(turns.take(line("192.0.2.2"), &Patience::None).await.is_ok(), "others are not kept waiting");
        let known = Line { known: Some("alice@example.org".into()), ..here.clone() };
        assert!(turns.take(known, &Patience::None).await.is_ok(), "nor who is known there");
        drop(first);
        assert!(poll(&mut third).unwrap().is_ok());
    }

    #[tokio::test]
    async fn nobody_waits_for_ever_and_not_everybody_waits() {
        let turns = Turns::new(1, &["198.51.100.1".parse().unwrap()]);
        let here = line("192.0.2.1");
        let running = turns.take(here.clone(), &Patience::Endless).await.unwrap();
        assert_eq!(turns.take(here.clone(), &Patience::None).await.err(), Some(TooMany));
        let mut waiting: Vec<_> =
            (0..WAITING).map(|_| Box::pin(turns.take(here.clone(), &Patience::Endless))).collect();
        assert!(waiting.iter_mut().all(|one| poll(one).is_none()));
        assert_eq!(poll(&mut Box::pin(turns.take(here.clone(), &Patience::Endless))).unwrap().err(), Some(TooMany));
        drop(waiting);
        drop(running);
        assert!(turns.lines.lock().unwrap().is_empty(), "nothing is left of them");
        let proxy = line("198.51.100.1");
        let _many = [
            turns.take(proxy.clone(), &Patience::None).await.unwrap(),
            turns.take(proxy.clone(), &Patience::None).await.unwrap(),
        ];
    }
}
