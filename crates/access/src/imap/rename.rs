//! RENAME (RFC 3501 §6.3.5).

use imap::MailboxName;
use imap::response::Reply;

use super::failure::Failure;
use super::folder;
use super::session::Session;

pub(super) async fn run(session: &Session, from: &MailboxName, to: &MailboxName) -> Result<Reply, Failure> {
    session.opened()?.rename(&folder::name(session, from)?, &folder::name(session, to)?).await?;
    Ok(Reply::ok("Renamed"))
}
