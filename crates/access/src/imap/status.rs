//! STATUS (RFC 3501 §6.3.10).

use imap::response::{Reply, status};
use imap::{MailboxName, StatusItem};

use super::failure::Failure;
use super::folder;
use super::output::{Output, Sink};
use super::session::Session;

pub(super) async fn run<S: Sink>(
    session: &Session,
    mailbox: &MailboxName,
    items: &[StatusItem],
    out: &mut Output<'_, S>,
) -> Result<Reply, Failure> {
    let name = folder::name(mailbox)?;
    let counts = session.opened()?.status(&name).await?;
    let value = |item: &StatusItem| match item {
        StatusItem::Messages => ("MESSAGES", counts.messages),
        StatusItem::Recent => ("RECENT", counts.recent),
        StatusItem::UidNext => ("UIDNEXT", counts.uid_next),
        StatusItem::UidValidity => ("UIDVALIDITY", counts.uid_validity.0),
        StatusItem::Unseen => ("UNSEEN", counts.unseen),
    };
    let values: Vec<_> = items.iter().map(value).collect();
    out.put(&status(name.as_str(), &values)).await?;
    Ok(Reply::ok("Done"))
}
