//! Names of folders as clients give them.

use imap::MailboxName;
use mailbox::{FolderName, NameError};

use super::session::Session;

/// The folder that this client means.
pub(super) fn name(session: &Session, given: &MailboxName) -> Result<FolderName, NameError> {
    FolderName::parse(&given.meant(session.understands))
}
