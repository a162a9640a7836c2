//! How much of large messages is in memory at a time, over all sessions:
//! whoever knows one password has many connections, and a large message costs
//! its size in each of them.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use event_listener::Event;

/// Messages up to this size take no room: many of them are still little.
const SMALL: usize = 256 << 10;

/// Octets that may be in memory; a message that is larger than all of it has it
/// for itself.
#[derive(Debug)]
pub(super) struct Room {
    most: usize,
    used: AtomicUsize,
    left: Event,
    /// One waits for room, the others behind it: else a large message would
    /// wait for ever while smaller ones slip in.
    queue: AtomicBool,
    next: Event,
}

/// Room that was taken; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Taken<'a>(&'a Room, usize);

/// The first in the queue.
struct First<'a>(&'a Room);

impl Room {
    /// For so many octets.
    pub(super) const fn new(most: usize) -> Self {
        Self { most, used: AtomicUsize::new(0), left: Event::new(), queue: AtomicBool::new(false), next: Event::new() }
    }

    /// Waits for room for a message of this size.
    pub(super) async fn take(&self, octets: u64) -> Taken<'_> {
        let octets = usize::try_from(octets).unwrap_or(usize::MAX).min(self.most);
        if octets <= SMALL {
            return Taken(self, 0);
        }
        let _first = self.first().await;
        loop {
            let left = self.left.listen();
            let fits = |used: usize| used.checked_add(octets).filter(|sum| *sum <= self.most);
            if self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits).is_ok() {
                return Taken(self, octets);
            }
            left.await;
        }
    }

    async fn first(&self) -> First<'_> {
        loop {
            let next = self.next.listen();
            if !self.queue.swap(true, Ordering::AcqRel) {
                return First(self);
            }
            next.await;
        }
    }
}

impl Drop for First<'_> {
    fn drop(&mut self) {
        self.0.queue.store(false, Ordering::Release);
        self.0.next.notify(1);
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.used.fetch_sub(self.1, Ordering::AcqRel);
        self.0.left.notify(1);
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn there_is_so_much_and_no_more() {
        let room = Room::new(10 << 20);
        let mut context = Context::from_waker(Waker::noop());
        let mut take = |octets| pin!(room.take(octets)).poll(&mut context).is_ready();
        assert!(take(6 * MIB) && take(6 * MIB), "what was dropped is there again");
        assert!(take(u64::MAX), "what is larger than all has it for itself");
        let mut context = Context::from_waker(Waker::noop());
        let mut first = pin!(room.take(6 * MIB));
        let Poll::Ready(held) = first.as_mut().poll(&mut context) else { panic!("there is room") };
        let mut second = pin!(room.take(8 * MIB));
        assert!(second.as_mut().poll(&mut context).is_pending());
        let mut third = pin!(room.take(MIB));
        assert!(third.as_mut().poll(&mut context).is_pending(), "behind the one that waits");
        assert!(pin!(room.take(SMALL as u64)).poll(&mut context).is_ready(), "small ones need no room");
        drop(held);
        let Poll::Ready(held) = second.as_mut().poll(&mut context) else { panic!("there is room") };
        assert!(third.as_mut().poll(&mut context).is_ready());
        drop(held);
    }

    #[test]
    fn who_gives_up_blocks_nobody() {
        let room = Room::new(10 << 20);
        let mut context = Context::from_waker(Waker::noop());
        let mut first = pin!(room.take(9 * MIB));
        let Poll::Ready(held) = first.as_mut().poll(&mut context) else { panic!("there is room") };
        {
            let mut second = pin!(room.take(9 * MIB));
            assert!(second.as_mut().poll(&mut context).is_pending());
        }
        let mut third = pin!(room.take(MIB));
        assert!(third.as_mut().poll(&mut context).is_ready());
        drop(held);
    }
}
