//! Names of folders as clients give them.

use imap::MailboxName;
use mailbox::{FolderName, NameError};

/// The folder that is meant.
pub(super) fn name(given: &MailboxName) -> Result<FolderName, NameError> {
    FolderName::parse(given.as_str())
}
