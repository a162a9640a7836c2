//! Long work that waits for nothing lets other sessions go on in between.

use std::future::poll_fn;
use std::task::Poll;

/// Returns when everybody else who is ready had a turn.
pub(super) async fn give_way() {
    let mut gave = false;
    poll_fn(|context| {
        if std::mem::replace(&mut gave, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    #[test]
    fn others_have_their_turn() {
        let seen = Rc::new(RefCell::new(String::new()));
        let worker = |name: char| {
            let seen = Rc::clone(&seen);
            async move {
                for _ in 0..2 {
                    seen.borrow_mut().push(name);
                    give_way().await;
                }
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async { tokio::join!(worker('a'), worker('b')) });
        assert!(matches!(seen.borrow().as_str(), "abab" | "abba"), "{seen:?}");
    }
}
