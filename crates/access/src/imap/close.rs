//! CLOSE and UNSELECT (RFC 3501 §6.4.2, RFC 3691): back to no folder, with and
//! without expunging.

use imap::response::Reply;
use mailbox::Expunge;

use super::failure::Failure;
use super::selected::Access;
use super::session::Session;

pub(super) async fn close(session: &mut Session) -> Result<Reply, Failure> {
    let (opened, selected) = session.selected()?;
    if selected.access == Access::ReadWrite {
        opened.store().expunge(&selected.mailbox, &Expunge::All).await?;
    }
    Ok(unselect(session))
}

pub(super) fn unselect(session: &mut Session) -> Reply {
    session.close();
    Reply::ok("Closed")
}
