//! MOVE (RFC 6851): COPYUID comes first, then what is gone here.

use imap::response::Reply;
use imap::{MailboxName, Numbers, SequenceSet};
use mailbox::Uid;

use super::copy::copy_uid;
use super::expunge::read_only;
use super::failure::{Failure, gone_messages, target};
use super::folder;
use super::output::{Output, Sink};
use super::selected::{Access, Expunges};
use super::session::Session;

pub(super) async fn run<S: Sink>(
    session: &mut Session,
    numbers: Numbers,
    set: &SequenceSet,
    mailbox: &MailboxName,
    out: &mut Output<'_, S>,
) -> Result<Reply, Failure> {
    let name = folder::name(session, mailbox)?;
    let (opened, selected) = session.selected()?;
    if selected.access == Access::ReadOnly {
        return Err(read_only());
    }
    let to = opened.mailbox(&name).await.map_err(target)?;
    let uids: Vec<Uid> = selected.pick(numbers, set)?.into_iter().map(|numbered| numbered.message.uid).collect();
    if uids.is_empty() {
        return Ok(Reply::ok("No message has such a number"));
    }
    let moved = opened.store().transfer(&selected.mailbox, &uids, &to).await.map_err(target)?;
    if moved.from.is_empty() {
        return Ok(gone_messages());
    }
    let code = copy_uid(&moved);
    out.untagged(&Reply::ok("Moved").with(code)).await?;
    // The numbers of this command were used already (RFC 6851 §4.3 wants the
    // client told before the end of it).
    session.refresh(Expunges::Told, out).await?;
    Ok(Reply::ok("Done"))
}
