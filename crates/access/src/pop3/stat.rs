//! STAT: how many messages there are, and how large they are together
//! (RFC 1939 §5). Those marked as deleted are not counted.

use pop3::{Maildrop, Phrase, Reply};

pub(super) fn run(maildrop: &Maildrop) -> Reply {
    let (count, octets) = maildrop.stat();
    Reply::ok(Phrase::Figures).with([count as u64, octets])
}
