//! Why a command ends without its OK, and what the client hears of it.

use imap::reply_for;
use imap::response::{Code, Reply};
use mail::{Class, Classified};
use mailbox::{NameError, StoreError};

use super::output::Gone;

/// How a command fails.
pub(super) enum Failure {
    /// With this reply.
    Reply(Reply),
    /// With this farewell.
    Bye(&'static str),
    /// The client is gone.
    Gone,
}

impl From<Gone> for Failure {
    fn from(_: Gone) -> Self {
        Self::Gone
    }
}

impl From<Reply> for Failure {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}

impl From<NameError> for Failure {
    fn from(_: NameError) -> Self {
        Self::Reply(Reply::no("This cannot be the name of a folder").with(Code::Cannot))
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        if matches!(error.class(), Class::Missing | Class::Invalid | Class::Quota) {
            tracing::debug!(%error, "a request was refused");
        } else {
            tracing::warn!(%error, class = %error.class(), "a request failed");
        }
        Self::Reply(reply(&error))
    }
}

fn reply(error: &StoreError) -> Reply {
    match error {
        StoreError::NoSuchFolder => Reply::no("There is no such folder").with(Code::NonExistent),
        StoreError::FolderExists => Reply::no("There is such a folder already").with(Code::AlreadyExists),
        StoreError::CannotChangeFolder => Reply::no("This cannot be done to that folder").with(Code::Cannot),
        StoreError::TooMany => Reply::no("There are too many of them").with(Code::Limit),
        StoreError::Expunged | StoreError::FileMissing => gone_messages(),
        StoreError::HoldsNul => Reply::no("The message holds NUL").with(Code::Cannot),
        other => reply_for(other.class()),
    }
}

/// The folder that APPEND or COPY goes to must be there: the client may make
/// it (RFC 3501 §6.3.11).
pub(super) fn target(error: StoreError) -> Failure {
    match error {
        StoreError::NoSuchFolder => {
            Failure::Reply(Reply::no("There is no such folder; make it first").with(Code::TryCreate))
        }
        other => other.into(),
    }
}

/// Some of the messages asked for are gone, or cannot be found at the moment
/// (RFC 5530 §3).
pub(super) fn gone_messages() -> Reply {
    Reply::no("Some of the messages are gone or cannot be found at the moment").with(Code::ExpungeIssued)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes() {
        for (error, code) in [
            (StoreError::NoSuchFolder, Code::NonExistent),
            (StoreError::FolderExists, Code::AlreadyExists),
            (StoreError::CannotChangeFolder, Code::Cannot),
            (StoreError::TooMany, Code::Limit),
            (StoreError::FileMissing, Code::ExpungeIssued),
            (StoreError::Index("x".into()), Code::Unavailable),
            (StoreError::DiskFull("x".into()), Code::Unavailable),
            (StoreError::ExceedsQuota, Code::OverQuota),
            (StoreError::Internal("x".into()), Code::ServerBug),
        ] {
            assert_eq!(reply(&error).code, Some(code));
        }
        let Failure::Reply(reply) = target(StoreError::NoSuchFolder) else { panic!("a reply") };
        assert_eq!(reply.code, Some(Code::TryCreate));
    }
}
