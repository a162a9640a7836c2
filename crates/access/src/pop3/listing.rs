//! What LIST and UIDL have in common: a line for each message, or for one.

use pop3::{Entry, Maildrop, MessageNumber, Reply};

use super::{Ended, Out, Sink};

type WriteLine = fn(MessageNumber, &Entry, &mut Vec<u8>);

pub(super) async fn all<S: Sink>(maildrop: &Maildrop, out: &mut Out<'_, S>, line: WriteLine) -> Result<(), Ended> {
    out.reply(&Reply::messages(maildrop.stat()));
    for (number, entry) in maildrop.present() {
        line(number, entry, out.octets());
        out.pause().await?;
    }
    out.octets().extend_from_slice(b".\r\n");
    Ok(())
}

pub(super) fn one<S: Sink>(maildrop: &Maildrop, number: MessageNumber, out: &mut Out<'_, S>, line: WriteLine) {
    match maildrop.get(number) {
        Ok(entry) => {
            out.octets().extend_from_slice(b"+OK ");
            line(number, entry, out.octets());
        }
        Err(not_there) => out.reply(&Reply::err(not_there)),
    }
}
