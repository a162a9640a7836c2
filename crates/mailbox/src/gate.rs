//! One at a time through a folder's directory: a scan and our own renames
//! must not see each other half done.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use event_listener::Event;

/// Lets one through at a time, in no particular order. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gate(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    taken: AtomicBool,
    left: Event,
}

/// Whoever has this is inside.
#[derive(Debug)]
pub(crate) struct Inside(Arc<Inner>);

impl Gate {
    pub(crate) async fn enter(&self) -> Inside {
        loop {
            let listener = self.0.left.listen();
            if !self.0.taken.swap(true, Ordering::AcqRel) {
                return Inside(Arc::clone(&self.0));
            }
            listener.await;
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.taken.store(false, Ordering::Release);
        self.0.left.notify(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    #[test]
    fn one_at_a_time() {
        let gate = Gate::default();
        let mut context = Context::from_waker(Waker::noop());
        let mut first = pin!(gate.enter());
        let Poll::Ready(inside) = first.as_mut().poll(&mut context) else { panic!("the gate is free") };
        let mut second = pin!(gate.enter());
        assert!(second.as_mut().poll(&mut context).is_pending());
        drop(inside);
        assert!(second.as_mut().poll(&mut context).is_ready());
    }
}
