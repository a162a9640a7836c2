//! STATUS (RFC 3501 §6.3.10), with the items of RFC 7162, RFC 8438 and
//! RFC 9208.

use imap::response::{Reply, status};
use imap::{Extra, MailboxName, StatusItem};
use mailbox::{Flags, FolderName, Mode, StoreError};

use super::failure::Failure;
use super::folder;
use super::output::{Output, Sink};
use super::session::Session;

pub(super) async fn run<S: Sink>(
    session: &mut Session,
    mailbox: &MailboxName,
    items: &[StatusItem],
    out: &mut Output<'_, S>,
) -> Result<Reply, Failure> {
    let name = folder::name(session, mailbox)?;
    session.opened()?;
    out.put(&line(session, &name, items).await?).await?;
    Ok(Reply::ok("Done"))
}

/// The counts of a folder, as they are sent.
pub(super) async fn line(
    session: &mut Session,
    name: &FolderName,
    items: &[StatusItem],
) -> Result<Vec<u8>, StoreError> {
    if items.contains(&StatusItem::HighestModSeq) {
        session.enable(Extra::CondStore);
    }
    let Some(opened) = &session.opened else { return Err(StoreError::NoSuchAccount) };
    let counts = opened.status(name).await?;
    let mut reclaimable = 0;
    // Nobody asks for it all the time, so nobody keeps count of it.
    if items.contains(&StatusItem::DeletedStorage) {
        let view = opened.select(name, Mode::ReadOnly).await?;
        let deleted = view.messages.iter().filter(|message| message.flags.has(Flags::DELETED));
        reclaimable = deleted.map(|message| message.size).sum();
    }
    let value = |item: &StatusItem| match item {
        StatusItem::Messages => u64::from(counts.messages),
        StatusItem::Recent => u64::from(counts.recent),
        StatusItem::UidNext => u64::from(counts.uid_next),
        StatusItem::UidValidity => u64::from(counts.uid_validity.0),
        StatusItem::Unseen => u64::from(counts.unseen),
        StatusItem::Deleted => u64::from(counts.deleted),
        StatusItem::DeletedStorage => reclaimable,
        StatusItem::Size => counts.size,
        StatusItem::HighestModSeq => counts.highest_modseq.0.max(1),
    };
    let values: Vec<_> = items.iter().map(|item| (item.as_str(), value(item))).collect();
    Ok(status(&session.name(name), &values))
}
