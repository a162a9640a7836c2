//! IDLE: the client hears at once what happens, until it says DONE (RFC 2177).

use imap::Tag;
use imap::response::{Reply, continuation};

use super::failure::Failure;
use super::output::{Output, Sink};
use super::selected::Expunges;
use super::session::{Awaited, Session};

pub(super) async fn begin<S: Sink>(session: &mut Session, tag: &Tag, out: &mut Output<'_, S>) -> Result<(), Failure> {
    // Watched before it is looked: what happens in between is not lost.
    if let (Some(opened), Some(selected)) = (&session.opened, &mut session.selected) {
        // A session may idle for days, and there may be ten thousand.
        selected.pieces.forget();
        session.watch = Some(match selected.watch.take() {
            // Clients end IDLE for each message, and begin it again.
            Some(watch) if watch.is_told() => watch,
            _ => opened.store().watch(&selected.mailbox).await,
        });
    }
    out.put(&continuation("idling")).await?;
    if let Err(failure) = session.refresh(Expunges::Told, out).await {
        session.watch = None;
        return Err(failure);
    }
    out.flush().await?;
    session.framer.expect_line();
    session.awaited = Awaited::Done(tag.clone());
    Ok(())
}

pub(super) fn done(session: &mut Session, line: &[u8]) -> Result<Reply, Failure> {
    let watch = session.watch.take();
    if let Some(selected) = &mut session.selected {
        selected.watch = watch;
    }
    if line.eq_ignore_ascii_case(b"DONE") {
        Ok(Reply::ok("Idle ended"))
    } else {
        Err(Reply::bad("DONE was awaited").into())
    }
}
