//! SUBSCRIBE and UNSUBSCRIBE (RFC 3501 §6.3.6, §6.3.7). The name need not
//! exist: a folder may come back.

use imap::MailboxName;
use imap::response::Reply;

use super::failure::Failure;
use super::folder;
use super::session::Session;

pub(super) async fn subscribe(session: &Session, mailbox: &MailboxName) -> Result<Reply, Failure> {
    session.opened()?.subscribe(&folder::name(session, mailbox)?).await?;
    Ok(Reply::ok("Subscribed"))
}

pub(super) async fn unsubscribe(session: &Session, mailbox: &MailboxName) -> Result<Reply, Failure> {
    session.opened()?.unsubscribe(&folder::name(session, mailbox)?).await?;
    Ok(Reply::ok("Unsubscribed"))
}
