//! DELETE (RFC 3501 §6.3.4).

use imap::MailboxName;
use imap::response::Reply;

use super::failure::Failure;
use super::folder;
use super::session::Session;

pub(super) async fn run(session: &Session, mailbox: &MailboxName) -> Result<Reply, Failure> {
    session.opened()?.delete(&folder::name(session, mailbox)?).await?;
    Ok(Reply::ok("Deleted"))
}
