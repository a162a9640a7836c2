//! What the client hears of a failure: classes to replies, in one table.

use mail::Class;

use crate::response::{Code, Reply};

/// The reply for a class of failure (RFC 5530 §3). The log says more.
#[must_use]
pub fn reply_for(class: Class) -> Reply {
    match class {
        Class::Directory | Class::Index | Class::Scanner => {
            Reply::no("The server cannot do this at the moment, please try again later").with(Code::Unavailable)
        }
        Class::DiskFull | Class::Disk => {
            Reply::no("The server cannot store or read messages at the moment").with(Code::Unavailable)
        }
        Class::Quota => Reply::no("The account has no room for this").with(Code::OverQuota),
        Class::Missing => Reply::no("There is no such thing").with(Code::NonExistent),
        Class::Invalid => Reply::no("This cannot be done").with(Code::Cannot),
        Class::Internal => Reply::no("An error of the server; it is in its log").with(Code::ServerBug),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_code() {
        for (class, code) in [
            (Class::Directory, Code::Unavailable),
            (Class::Index, Code::Unavailable),
            (Class::Disk, Code::Unavailable),
            (Class::Quota, Code::OverQuota),
            (Class::Missing, Code::NonExistent),
            (Class::Invalid, Code::Cannot),
            (Class::Internal, Code::ServerBug),
        ] {
            assert_eq!(reply_for(class).code, Some(code));
        }
    }
}
