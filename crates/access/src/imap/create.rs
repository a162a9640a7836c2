//! CREATE (RFC 3501 §6.3.3).

use imap::MailboxName;
use imap::response::Reply;
use mailbox::{FolderName, SEPARATOR};

use super::failure::Failure;
use super::session::Session;

pub(super) async fn run(session: &Session, mailbox: &MailboxName) -> Result<Reply, Failure> {
    // A separator at the end says that folders below it will follow; here
    // every folder can have some.
    let meant = mailbox.meant(session.understands);
    let text = meant.strip_suffix(SEPARATOR).unwrap_or(&meant);
    session.opened()?.create(&FolderName::parse(text)?, None).await?;
    Ok(Reply::ok("Created"))
}
