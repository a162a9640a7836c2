//! A message on its way from its file to the client, a piece at a time.

use mail::Classified;
use mailbox::{OpenMessage, StoreError};
use pop3::{Code, Form, MessageNumber, Part, Phrase, Reply, Stuffer};

use super::surrogate::{self, Surrogate};
use super::{Ended, Open, Out, Services, Sink};

/// Read from the disk at once: at most twice as much is sent.
const PIECE: usize = 64 << 10;

pub(super) async fn send<S: Sink>(
    open: &Open,
    number: MessageNumber,
    part: Part,
    services: &Services,
    out: &mut Out<'_, S>,
) -> Result<(), Ended> {
    let message = match message(open, number).await {
        Ok(message) => message,
        Err(reply) => {
            out.reply(&reply);
            return Ok(());
        }
    };
    let surrogate = match open.form {
        Form::Ascii => surrogate::of(&message).await.map_err(|error| broken(&error, number))?,
        Form::Utf8 => None,
    };
    out.reply(&match (part, open.maildrop.get(number)) {
        (Part::Whole, Ok(entry)) => {
            let octets = surrogate.as_ref().map_or(entry.octets, |surrogate| surrogate.octets(entry.octets));
            Reply::ok(Phrase::Octets).with([octets, 0])
        }
        _ => Reply::ok(Phrase::TopOfIt),
    });
    let mut stuffer = Stuffer::new(part);
    let mut offset = 0;
    if let Some(Surrogate { header, body, .. }) = surrogate {
        for piece in header.chunks(PIECE) {
            stuffer.push(piece, out.octets());
            out.pause().await?;
        }
        offset = body;
    }
    while !stuffer.is_done() {
        let piece = message.read(offset, PIECE).await.map_err(|error| broken(&error, number))?;
        if piece.is_empty() {
            break;
        }
        offset += piece.len() as u64;
        stuffer.push(&piece, out.octets());
        out.pause().await?;
        // A long message on a slow line is no silence.
        if !open.lease.renew(services.now()) {
            return Err(Ended::TakenOver);
        }
    }
    stuffer.finish(out.octets());
    Ok(())
}

fn broken(error: &StoreError, number: MessageNumber) -> Ended {
    tracing::warn!(%error, %number, "a message could not be read to its end");
    Ended::Broken
}

async fn message(open: &Open, number: MessageNumber) -> Result<OpenMessage, Reply> {
    open.maildrop.get(number).map_err(Reply::err)?;
    let uid = *open.uids.get(number.index()).ok_or_else(|| Reply::failed(mail::Class::Internal))?;
    open.opened.store().open_message(&open.mailbox, uid).await.map_err(|error| match error {
        StoreError::Expunged => Reply::err(Phrase::MessageGone),
        // Another program may just be renaming it.
        StoreError::FileMissing => Reply::coded(Code::SysTemp, Phrase::MessageMissing),
        other => {
            tracing::warn!(error = %other, class = %other.class(), "a message could not be opened");
            Reply::failed(other.class())
        }
    })
}
