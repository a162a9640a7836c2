//! EXPUNGE and UID EXPUNGE (RFC 3501 §6.4.3, RFC 4315 §2.1).

use imap::response::{Code, Reply};
use imap::{Numbers, SequenceSet};
use mailbox::Expunge;

use super::failure::Failure;
use super::output::{Output, Sink};
use super::selected::{Access, Expunges};
use super::session::Session;

pub(super) async fn all<S: Sink>(session: &mut Session, out: &mut Output<'_, S>) -> Result<Reply, Failure> {
    expunge(session, &Expunge::All, out).await
}

pub(super) async fn among<S: Sink>(
    session: &mut Session,
    set: &SequenceSet,
    out: &mut Output<'_, S>,
) -> Result<Reply, Failure> {
    let (_, selected) = session.selected()?;
    let uids = selected.pick(Numbers::Uid, set)?.into_iter().map(|numbered| numbered.message.uid).collect();
    expunge(session, &Expunge::Among(uids), out).await
}

async fn expunge<S: Sink>(session: &mut Session, which: &Expunge, out: &mut Output<'_, S>) -> Result<Reply, Failure> {
    let (opened, selected) = session.selected()?;
    if selected.access == Access::ReadOnly {
        return Err(read_only());
    }
    opened.store().expunge(&selected.mailbox, which).await?;
    session.refresh(Expunges::Told, out).await?;
    Ok(Reply::ok("Expunged"))
}

/// The folder was opened with EXAMINE.
pub(super) fn read_only() -> Failure {
    Reply::no("The folder is open for reading only").with(Code::ReadOnly).into()
}
