//! DELE: marks a message, which goes at QUIT (RFC 1939 §5).

use pop3::{Maildrop, MessageNumber, Phrase, Reply};

pub(super) fn run(maildrop: &mut Maildrop, number: MessageNumber) -> Reply {
    match maildrop.mark(number) {
        Ok(()) => Reply::ok(Phrase::Marked),
        Err(not_there) => Reply::err(not_there),
    }
}
