//! GETQUOTA and GETQUOTAROOT (RFC 9208): one root, without a name, for all
//! folders of the account. Only the administrator changes it.

use imap::MailboxName;
use imap::response::{Code, Reply, quota, quota_root};
use mailbox::{FolderName, Quota, StoreError};

use super::failure::Failure;
use super::folder;
use super::output::{Output, Sink};
use super::session::Session;

/// The root's name.
const ROOT: &str = "";
/// Octets of the unit in which storage is counted.
const UNIT: u64 = 1024;

pub(super) async fn of_root<S: Sink>(session: &Session, root: &str, out: &mut Output<'_, S>) -> Result<Reply, Failure> {
    if root != ROOT {
        return Err(Reply::no("There is no such quota root").with(Code::NonExistent).into());
    }
    out.put(&line(session).await?).await?;
    Ok(Reply::ok("Done"))
}

pub(super) async fn of_folder<S: Sink>(
    session: &Session,
    mailbox: &MailboxName,
    out: &mut Output<'_, S>,
) -> Result<Reply, Failure> {
    let name = folder::name(session, mailbox)?;
    // A name that nothing has is under the root too: what is made there will
    // count (RFC 9208 §4.1.2).
    match session.opened()?.mailbox(&name).await {
        Ok(_) | Err(StoreError::NoSuchFolder) => {}
        Err(error) => return Err(error.into()),
    }
    out.put(&quota_root(&session.name(&name), ROOT)).await?;
    out.put(&line(session).await?).await?;
    Ok(Reply::ok("Done"))
}

async fn line(session: &Session) -> Result<Vec<u8>, Failure> {
    let opened = session.opened()?;
    let inbox = opened.mailbox(&FolderName::inbox()).await?;
    let usage = opened.store().usage(inbox.account()).await?;
    let storage = match usage.quota {
        Quota::Unlimited => None,
        Quota::Bytes(limit) => Some((usage.bytes.div_ceil(UNIT), limit / UNIT)),
    };
    Ok(quota(ROOT, storage))
}
