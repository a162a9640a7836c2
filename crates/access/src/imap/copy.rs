//! COPY (RFC 3501 §6.4.7), which says what became of each UID (RFC 4315 §3).

use imap::response::{Code, Reply};
use imap::{MailboxName, Numbers, SequenceSet};
use mailbox::{Copied, Uid};

use super::failure::{Failure, gone_messages, target};
use super::folder;
use super::output::{Output, Sink};
use super::selected::Expunges;
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
    let to = opened.mailbox(&name).await.map_err(target)?;
    let uids: Vec<Uid> = selected.pick(numbers, set)?.into_iter().map(|numbered| numbered.message.uid).collect();
    if uids.is_empty() {
        return Ok(Reply::ok("No message has such a number"));
    }
    let copied = opened.store().copy(&selected.mailbox, &uids, &to).await.map_err(target)?;
    if copied.from.is_empty() {
        return Ok(gone_messages());
    }
    let expunges = if numbers == Numbers::Uid { Expunges::Told } else { Expunges::Kept };
    session.refresh(expunges, out).await?;
    let code = copy_uid(&copied);
    Ok(Reply::ok("Copied").with(code))
}

/// COPYUID, which MOVE says as well.
pub(super) fn copy_uid(copied: &Copied) -> Code {
    let numbers = |uids: &[Uid]| uids.iter().map(|uid| uid.get()).collect();
    Code::CopyUid { validity: copied.uid_validity.0, from: numbers(&copied.from), to: numbers(&copied.to) }
}
