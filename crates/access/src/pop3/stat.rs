//! STAT: how many messages there are, and how large they are together
//! (RFC 1939 §5). Those marked as deleted are not counted.

use pop3::{Maildrop, Reply};

pub(super) fn run(maildrop: &Maildrop) -> Reply {
    let (count, octets) = maildrop.stat();
    Reply::ok(&format!("{count} {octets}"))
}
