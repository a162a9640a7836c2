//! RSET: takes all marks of DELE away (RFC 1939 §5).

use pop3::{Maildrop, Reply};

pub(super) fn run(maildrop: &mut Maildrop) -> Reply {
    maildrop.reset();
    Reply::messages(maildrop.stat())
}
