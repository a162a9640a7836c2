//! QUIT after a login: the UPDATE state, which removes what is marked
//! (RFC 1939 §6). It is told only once it is durable.

use mail::Classified;
use mailbox::{Expunge, Uid};
use pop3::Update;

use super::Open;

pub(super) async fn run(open: Open) -> Update {
    let marked: Vec<Uid> = open.maildrop.marked().filter_map(|at| open.uids.get(at).copied()).collect();
    if marked.is_empty() {
        return Update::Done;
    }
    // What another session removed meanwhile is as gone as it should be, so
    // nobody looks at how many went.
    match open.opened.store().expunge(&open.mailbox, &Expunge::These(marked)).await {
        Ok(_) => Update::Done,
        Err(error) => {
            tracing::warn!(%error, class = %error.class(), "messages marked by DELE could not be removed");
            Update::Failed(error.class())
        }
    }
}
