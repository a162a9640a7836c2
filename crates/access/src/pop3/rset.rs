//! RSET: takes all marks of DELE away (RFC 1939 §5).

use pop3::{Maildrop, Reply};

pub(super) fn run(maildrop: &mut Maildrop) -> Reply {
    maildrop.reset();
    let (count, octets) = maildrop.stat();
    Reply::ok(&format!("{count} messages, {octets} octets"))
}
