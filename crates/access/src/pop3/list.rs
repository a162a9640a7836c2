//! LIST: the sizes of all messages or of one (RFC 1939 §5).

use pop3::{Maildrop, MessageNumber};

use super::listing::{all, one};
use super::{Ended, Out, Sink};

pub(super) async fn run<S: Sink>(
    maildrop: &Maildrop,
    which: Option<MessageNumber>,
    out: &mut Out<'_, S>,
) -> Result<(), Ended> {
    match which {
        Some(number) => one(maildrop, number, out, Maildrop::scan_line),
        None => all(maildrop, out, Maildrop::scan_line).await?,
    }
    Ok(())
}
